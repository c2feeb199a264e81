// SPDX-License-Identifier: Apache-2.0
// The conformance runner sees what it is there to see: of a copy of some cases with five expected outputs altered, five
// are wrong and the rest pass.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"

using namespace hone;

namespace {

const std::string kCases = "/usr/share/libonnx-testdata/data";

/// Its output, and its exit code in `code`.
std::string conformance(const std::string& arguments, int& code) {
    const std::string command = cat(parent_directory(HONE_BINARY), "/test/conformance ", arguments);
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string out;
    char buffer[4096];
    while (size_t n = std::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
    code = WEXITSTATUS(::pclose(pipe));
    return out;
}
std::string last_line(const std::string& text) {
    const size_t end = text.find_last_not_of('\n'), begin = text.find_last_of('\n', end);
    return text.substr(begin + 1, end - begin);
}
std::vector<std::string> passing() {
    int code;
    const std::string out = conformance("--verbose --filter node/test_", code);
    std::vector<std::string> names;
    for (size_t at = 0; at < out.size();) {
        const size_t end = out.find('\n', at);
        const std::string line = out.substr(at, end - at);
        at = end + 1;
        if (line.starts_with("passed      ")) names.push_back(line.substr(12));
    }
    return names;
}
void copy(const std::string& from, const std::string& to) {
    make_directories(to);
    for (const std::string& name : list_directory(from)) {
        const std::string a = cat(from, "/", name), b = cat(to, "/", name);
        if (is_directory(a)) copy(a, b);
        else write_file_atomic(b, read_file(a));
    }
}
/// Changes one element of the first expected output that has one; false when there is none.
bool alter(const std::string& folder) {
    const std::string path = cat(folder, "/test_data_set_0/output_0.pb");
    std::string name;
    Tensor t = read_tensor_file(path, &name).clone();
    if (t.count() == 0 || t.dtype() == DType::string) return false;
    const int64_t last = t.count() - 1;
    if (t.dtype() == DType::boolean) t.set(last, t.at(last) == 0);
    else t.set(last, t.at(last) == 1 ? 2 : 1);
    write_file_atomic(path, tensor_bytes(t, name));
    return true;
}

}  // namespace

TEST(Conformance, AlteredOutputsAreWrong) {
    HONE_REQUIRE(is_directory(kCases), "libonnx-testdata");
    const std::vector<std::string> names = passing();
    ASSERT_GE(names.size(), 12u);
    char temporary[] = "/tmp/hone_conformance_XXXXXX";
    const std::string root = ::mkdtemp(temporary);
    int altered = 0;
    for (size_t i = 0; i < 12; ++i) {
        const std::string& name = names[i * names.size() / 12];
        copy(cat(kCases, "/", name), cat(root, "/", name));
        altered += altered < 5 && alter(cat(root, "/", name));
    }
    int code;
    const std::string out = conformance(root, code);
    EXPECT_EQ(altered, 5);
    EXPECT_EQ(last_line(out), "passed 7, unsupported 0, wrong 5, random 0") << out;
    EXPECT_EQ(code, 1);
    EXPECT_EQ(std::system(cat("rm -r ", root).c_str()), 0);
}

TEST(Conformance, FindsEveryCase) {
    HONE_REQUIRE(is_directory(kCases), "libonnx-testdata");
    int code, n[4] = {};
    const std::string line = last_line(conformance(kCases, code));
    ASSERT_EQ(std::sscanf(line.c_str(), "passed %d, unsupported %d, wrong %d, random %d", n, n + 1, n + 2, n + 3), 4) << line;
    EXPECT_EQ(n[0] + n[1] + n[2] + n[3], 1072);
    EXPECT_GE(n[0], 1021);
    EXPECT_EQ(n[2], 0);
    EXPECT_EQ(code, 0);
}
