// SPDX-License-Identifier: Apache-2.0
// fuzz TARGET [--seconds S] [--seed N]: mutates valid files for S seconds, a mutation on top of a mutation at times. The
// input that runs is kept in fuzz-TARGET.input (its length in 8 bytes, then it), so that a crash leaves it, and fuzz TARGET
// --again fuzz-TARGET.input runs it; fuzz TARGET FILE runs a plain file; `fuzz` lists the targets.
// Built with HONE_LIBFUZZER (the preset `fuzz`, clang) the same targets are guided by coverage: HONE_FUZZ_TARGET=onnx.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/limits.h"
#include "base/timing.h"
#include "fuzz/target.h"

namespace hone::fuzz {

const Target* find_target(const char* name) {
    for (const Target& t : all_targets())
        if (name && std::string(name) == t.name) return &t;
    std::fprintf(stderr, "targets:");
    for (const Target& t : all_targets()) std::fprintf(stderr, " %s", t.name);
    std::fprintf(stderr, "\n");
    return nullptr;
}

void limit_memory() { limits().memory_bytes = limits().fold_bytes = size_t{64} << 20; }

}  // namespace hone::fuzz

#ifdef HONE_LIBFUZZER

namespace {
const hone::fuzz::Target* target() {
    static const hone::fuzz::Target* t = hone::fuzz::find_target(std::getenv("HONE_FUZZ_TARGET"));
    if (!t) std::exit(2);
    return t;
}
}  // namespace
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    hone::fuzz::limit_memory();
    hone::fuzz::run_guarded(*target(), std::string(reinterpret_cast<const char*>(data), size));
    return 0;
}
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
    hone::Rng rng(seed);
    std::string in(reinterpret_cast<const char*>(data), size);
    if (in.size() < 2) in = target()->seeds()[seed % target()->seeds().size()];
    const std::string out = target()->mutate(in, rng);
    const size_t n = std::min(out.size(), most);
    std::memcpy(data, out.data(), n);
    return n;
}

#else

namespace {

/// What runs now, in a file that outlives a crash.
class Current {
  public:
    explicit Current(const std::string& path) : path_(path) {
        const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (fd < 0 || ftruncate(fd, room) != 0) std::perror(path.c_str()), std::exit(6);
        map_ = static_cast<char*>(mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        close(fd);
    }
    ~Current() {
        munmap(map_, room);
        unlink(path_.c_str());
    }
    void set(const std::string& bytes) {
        const uint64_t n = std::min<size_t>(bytes.size(), room - 8);
        std::memcpy(map_, &n, 8);
        std::memcpy(map_ + 8, bytes.data(), n);
    }

  private:
    static constexpr size_t room = 1 << 17;
    std::string path_;
    char* map_;
};

std::string kept_input(const char* path) {
    const std::string file = hone::read_file(path);
    uint64_t n = 0;
    if (file.size() >= 8) std::memcpy(&n, file.data(), 8);
    return file.size() >= 8 ? file.substr(8, n) : file;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace hone;
    const fuzz::Target* t = fuzz::find_target(argc > 1 ? argv[1] : nullptr);
    if (!t) return 2;
    fuzz::limit_memory();
    double seconds = 60;
    uint64_t seed = 1;
    for (int i = 2; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--seconds" && i + 1 < argc) seconds = std::atof(argv[++i]);
        else if (word == "--seed" && i + 1 < argc) seed = std::strtoull(argv[++i], nullptr, 10);
        else if (word == "--again" && i + 1 < argc) return fuzz::run_guarded(*t, kept_input(argv[i + 1])), 0;
        else return fuzz::run_guarded(*t, read_file(word)), 0;
    }
    const std::vector<std::string> seeds = t->seeds();
    for (const std::string& s : seeds) t->run(s);  // valid files are read
    Current current(std::string("fuzz-") + t->name + ".input");
    Rng rng(seed);
    const double start = now_seconds();
    uint64_t runs = 0;
    double slowest = 0;
    std::string bytes;
    while (now_seconds() - start < seconds) {
        bytes = runs % 4 == 0 || bytes.empty() ? seeds[static_cast<size_t>(rng.below(seeds.size()))] : bytes;
        bytes = t->mutate(bytes, rng);
        current.set(bytes);
        const double before = now_seconds();
        fuzz::run_guarded(*t, bytes);
        slowest = std::max(slowest, now_seconds() - before);
        ++runs;
    }
    std::printf("fuzz %s: %llu inputs in %.0f s, seed %llu, slowest %.3f s: nothing found\n", t->name, static_cast<unsigned long long>(runs), now_seconds() - start, static_cast<unsigned long long>(seed), slowest);
    return 0;
}

#endif
