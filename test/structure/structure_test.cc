// SPDX-License-Identifier: Apache-2.0
// The shape of the source tree: who includes whom, where heavy libraries are, what every file begins with, how much a
// header brings along.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/process.h"
#include "support.h"

namespace {

using Names = std::set<std::string>;

/// What a folder of src/ may include beside itself: what it names here and all that those name.
const std::map<std::string, Names> kUses = {
    {"base", {}},
    {"record", {"base"}},
    {"graph", {"base"}},
    {"op", {"graph"}},
    {"onnx", {"op"}},
    {"zoo", {"op"}},
    {"pass", {"op"}},
    {"dist", {"base"}},
    {"kernel", {"base"}},
    {"plan", {"op", "kernel", "pass", "record"}},
    {"run", {"plan", "dist"}},
    {"data", {"base"}},
    {"eval", {"run", "data", "record"}},
    {"train", {"pass", "run", "data", "dist", "eval"}},
    {"search", {"base"}},
    {"compress", {"eval", "train"}},
    {"optimize", {"onnx", "zoo", "compress", "search"}},
    {"report", {"record"}},
    {"serve", {"onnx", "run", "data", "report"}},
};
const Names kEverything = {"api", "cli"};  // may include all of the above, not each other

void close_over(const std::string& folder, Names& reached) {
    for (const std::string& used : kUses.at(folder))
        if (reached.insert(used).second) close_over(used, reached);
}
Names allowed(const std::string& folder) {
    Names reached = {folder};
    if (kEverything.contains(folder))
        for (const auto& [name, uses] : kUses) reached.insert(name);
    else close_over(folder, reached);
    return reached;
}

struct Include {
    std::string file;  ///< relative to the checkout
    std::string what;
    bool system;
};

bool is_source(const std::filesystem::path& p) {
    static const Names endings = {".cc", ".h", ".inl", ".proto"};
    return endings.contains(p.extension().string());
}
std::vector<std::string> files_under(const std::string& folder) {
    std::vector<std::string> out;
    const std::filesystem::path root = source_path("");
    if (!std::filesystem::exists(root / folder)) return out;
    for (const auto& e : std::filesystem::recursive_directory_iterator(root / folder))
        if (e.is_regular_file()) out.push_back(std::filesystem::relative(e.path(), root).string());
    std::sort(out.begin(), out.end());
    return out;
}
std::vector<std::string> sources_under(const std::string& folder) {
    std::vector<std::string> out;
    for (const std::string& f : files_under(folder))
        if (is_source(f)) out.push_back(f);
    return out;
}

std::vector<Include> includes_of(const std::string& file) {
    std::vector<Include> out;
    std::ifstream in(source_path(file));
    for (std::string line; std::getline(in, line);) {
        const size_t hash = line.find_first_not_of(' ');
        if (hash == std::string::npos || line[hash] != '#') continue;
        const size_t word = line.find("include", hash);
        if (word == std::string::npos) continue;
        const size_t open = line.find_first_of("\"<", word);
        if (open == std::string::npos) continue;
        const size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
        if (close == std::string::npos) continue;
        out.push_back({file, line.substr(open + 1, close - open - 1), line[open] == '<'});
    }
    return out;
}
std::vector<Include> all_includes() {
    std::vector<Include> out;
    for (const std::string& f : sources_under("src")) {
        const std::vector<Include> some = includes_of(f);
        out.insert(out.end(), some.begin(), some.end());
    }
    return out;
}
std::string folder_of(const std::string& file) {  // "src/plan/x.cc" -> "plan"
    const size_t from = file.find('/') + 1;
    return file.substr(from, file.find('/', from) - from);
}

std::vector<std::string> words(const std::string& s) {
    std::istringstream in(s);
    std::vector<std::string> out;
    for (std::string w; in >> w;) out.push_back(w);
    return out;
}

/// Files of src/ that include something that begins with `prefix`, `except` left out.
Names users_of(const std::string& prefix, const std::string& except = "") {
    Names out;
    for (const Include& i : all_includes())
        if (i.what.starts_with(prefix) && i.what != except) out.insert(i.file);
    return out;
}
std::string text(const Names& names) { return hone::join({names.begin(), names.end()}, ", "); }

void expect_library(const std::string& prefix, const std::string& folder, size_t most, const std::string& except = "") {
    const Names users = users_of(prefix, except);
    EXPECT_LE(users.size(), most) << prefix << " is included by " << text(users);
    for (const std::string& f : users) EXPECT_TRUE(f.starts_with("src/" + folder + "/")) << f << " includes " << prefix;
}

}  // namespace

TEST(Structure, IncludesPointDownTheTree) {
    const std::vector<Include> includes = all_includes();
    ASSERT_GT(includes.size(), 100u);
    for (const Include& i : includes) {
        if (i.system) continue;
        const std::string from = folder_of(i.file);
        ASSERT_TRUE(kUses.contains(from) || kEverything.contains(from)) << i.file << " is in a folder that the tree does not name";
        const size_t slash = i.what.find('/');
        ASSERT_NE(slash, std::string::npos) << i.file << " includes \"" << i.what << "\" without its folder";
        const std::string to = i.what.substr(0, slash);
        if (!kUses.contains(to) && !kEverything.contains(to)) continue;  // a library, or include/hone
        EXPECT_TRUE(allowed(from).contains(to)) << i.file << " includes \"" << i.what << "\"; src/" << from << " may use only " << text(allowed(from));
    }
}

TEST(Structure, TheTreeIsWhatTheArchitectureSays) {
    const std::string file = source_path("../shared/architecture.md");
    HONE_REQUIRE(hone::file_exists(file), "architecture.md");
    std::ifstream in(file);
    std::map<std::string, Names> said;
    std::string folder;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("src/")) folder = folder_of(line);
        const size_t uses = line.find("uses: ");  // on the folder's own line or the one below
        if (folder.empty() || uses == std::string::npos) continue;
        Names names;
        for (const std::string& w : words(line.substr(uses + 6)))
            if (w != "-") names.insert(w);
        if (!kEverything.contains(folder)) said[folder] = names;
        folder.clear();
    }
    EXPECT_EQ(said, kUses);
}

TEST(Structure, NoFolderUsesItselfThroughOthers) {
    for (const auto& [folder, uses] : kUses)
        for (const std::string& used : uses) EXPECT_FALSE(allowed(used).contains(folder)) << folder << " and " << used << " use each other";
}

TEST(Structure, HeavyLibrariesStayInTheirAdapters) {
    expect_library("nlohmann/", "record", 2, "nlohmann/json_fwd.hpp");
    expect_library("CLI/", "cli", 1);
    expect_library("yaml-cpp/", "cli", 1);
    Names protobuf = users_of("google/protobuf");
    protobuf.merge(users_of("hone_onnx.pb.h"));
    EXPECT_LE(protobuf.size(), 2u) << text(protobuf);
    for (const std::string& f : protobuf) EXPECT_TRUE(f.starts_with("src/onnx/")) << f << " includes protobuf";
    expect_library("dnnl", "kernel/onednn", 100);
    expect_library("oneapi/dnnl", "kernel/onednn", 100);
    for (const char* image : {"jpeglib.h", "jerror.h", "png.h"}) expect_library(image, "data", 1);
    expect_library("zlib.h", "data", 2);  // gzip and zip files
    for (const char* one : {"spdlog/", "Eigen/", "hwy/", "sqlite3.h", "mpi.h", "boost/"}) {
        Names folders;
        for (const std::string& f : users_of(one)) folders.insert(folder_of(f));
        EXPECT_LE(folders.size(), 1u) << one << " is included in " << text(folders);
    }
    EXPECT_FALSE(users_of("nlohmann/json.hpp").empty());  // the reading itself works
    EXPECT_FALSE(users_of("dnnl").empty() && users_of("oneapi/dnnl").empty());
    EXPECT_FALSE(protobuf.empty());
}

TEST(Structure, HeadersAreLight) {
    const Names heavy = {"regex", "iostream", "filesystem", "nlohmann/json.hpp", "yaml-cpp/yaml.h"};
    for (const Include& i : all_includes())
        if (i.file.ends_with(".h")) EXPECT_FALSE(heavy.contains(i.what)) << i.file << " includes <" << i.what << ">";
}

TEST(Structure, EveryFileNamesItsLicence) {
    const Names endings = {".cc", ".h", ".inl", ".proto", ".py", ".cmake", ".sh"};
    size_t seen = 0;
    for (const char* folder : {"src", "include", "test", "bench", "fuzz", "examples", "scripts", "cmake"})
        for (const std::string& f : files_under(folder)) {
            const std::filesystem::path p = f;
            if (!endings.contains(p.extension().string()) && p.filename() != "CMakeLists.txt") continue;
            std::ifstream in(source_path(f));
            std::string line;
            std::getline(in, line);
            if (line.starts_with("#!")) std::getline(in, line);
            EXPECT_NE(line.find("SPDX-License-Identifier: Apache-2.0"), std::string::npos) << f << " begins with: " << line;
            ++seen;
        }
    EXPECT_GT(seen, 100u);
}

// What a header brings into every file that includes it, in preprocessed bytes. <functional> and <memory> alone are
// 1.3 MB; the heaviest header of today is the oneDNN adapter's own engine.h with 2.2 MB. Beast or nlohmann are 4 and more.
TEST(Structure, NoHeaderIsHeavy) {
    constexpr long kMost = 2600000;
    HONE_REQUIRE(hone::file_exists("/usr/bin/g++"), "g++");
    const std::string root = source_path("");
    const hone::ProcessResult r = hone::run_process({"/bin/sh", "-c",
        "cd '" + root + "' && find src include -name '*.h' 2>/dev/null | xargs -P 2 -I{} sh -c "
        "'echo $(g++ -std=c++20 -E -P -Isrc -Iinclude -x c++ {} 2>/dev/null | wc -c) {}'"});
    std::istringstream lines(r.out);
    long bytes = 0;
    size_t seen = 0;
    for (std::string file; lines >> bytes >> file; ++seen) {
        EXPECT_LE(bytes, kMost) << file;
        EXPECT_GT(bytes, 0) << file << " does not preprocess by itself";
    }
    EXPECT_GT(seen, 50u);
}
