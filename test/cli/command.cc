// SPDX-License-Identifier: Apache-2.0
#include "command.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

using Tree = nlohmann::json;

hone::ProcessResult hone_command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), HONE_BINARY);
    return hone::run_process(arguments);
}

std::string example_model() { return source_path("examples/fashion_resnet20.onnx"); }
std::string shared_file(const std::string& path) { return shared_folder() + path; }

std::string scratch_folder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    const std::string path = testing::TempDir() + "hone_cli_" + std::to_string(::getpid()) + "_" + test->name();
    std::filesystem::remove_all(path);
    hone::make_directories(path);
    return path;
}

void write_text(const std::string& path, const std::string& bytes) { hone::write_file_atomic(path, bytes); }

std::string write_pictures(const std::string& folder, const std::vector<int>& labels) {
    hone::make_directories(folder);
    auto word = [](size_t v) {
        return std::string{static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
                           static_cast<char>(v)};
    };
    const std::string head3("\0\0\x08\x03", 4), head1("\0\0\x08\x01", 4);
    std::string bytes;
    for (const int l : labels) bytes += static_cast<char>(l);
    write_text(folder + "/images.idx3-ubyte",
               head3 + word(labels.size()) + word(28) + word(28) + std::string(labels.size() * 784, '\x40'));
    write_text(folder + "/labels.idx1-ubyte", head1 + word(labels.size()) + bytes);
    return folder;
}

std::string replaced(std::string bytes, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size())
        bytes.replace(at, from.size(), to);
    return bytes;
}

namespace {
const Tree* at(const Tree& root, const std::string& path) {
    const Tree* t = &root;
    for (size_t from = 0; from <= path.size() && !path.empty();) {
        const size_t dot = std::min(path.find('.', from), path.size());
        const std::string key = path.substr(from, dot - from);
        if (t->is_object() && t->contains(key))
            t = &(*t)[key];
        else if (t->is_array() && !key.empty() && key.find_first_not_of("0123456789") == std::string::npos &&
                 std::stoul(key) < t->size())
            t = &(*t)[std::stoul(key)];
        else
            return nullptr;
        from = dot + 1;
    }
    return t;
}
}  // namespace

std::string peers_python() {
    const char* given = std::getenv("HONE_PEERS");
    std::string p = given ? given : source_path(".venv/peers");
    if (hone::is_directory(p)) p += "/bin/python";
    return hone::file_exists(p) ? p : "";
}
Json Json::parse(const std::string& text) {
    Json j;
    auto root = std::make_shared<Tree>(Tree::parse(text, nullptr, false));
    EXPECT_FALSE(root->is_discarded()) << "not JSON: " << text.substr(0, 300);
    if (root->is_discarded()) *root = Tree();
    j.root_ = root;
    return j;
}
bool Json::valid() const { return !static_cast<const Tree*>(root_.get())->is_null(); }
bool Json::has(const std::string& path) const { return at(*static_cast<const Tree*>(root_.get()), path) != nullptr; }
double Json::number(const std::string& path) const {
    const Tree* t = at(*static_cast<const Tree*>(root_.get()), path);
    EXPECT_TRUE(t && t->is_number()) << path;
    return t && t->is_number() ? t->get<double>() : std::nan("");
}
bool Json::truth(const std::string& path) const {
    const Tree* t = at(*static_cast<const Tree*>(root_.get()), path);
    EXPECT_TRUE(t && t->is_boolean()) << path;
    return t && t->is_boolean() && t->get<bool>();
}
std::string Json::text(const std::string& path) const {
    const Tree* t = at(*static_cast<const Tree*>(root_.get()), path);
    EXPECT_TRUE(t && t->is_string()) << path;
    return t && t->is_string() ? t->get<std::string>() : "";
}
size_t Json::size(const std::string& path) const {
    const Tree* t = at(*static_cast<const Tree*>(root_.get()), path);
    EXPECT_TRUE(t) << path;
    return t ? t->size() : 0;
}
