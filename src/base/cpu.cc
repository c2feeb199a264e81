// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"

#include <cpuid.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/error.h"

namespace hone {

namespace {
bool os_saves(unsigned mask) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27))) return false;
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & mask) == mask;
}

Isa detect() {
    unsigned a, b, c, d;
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !os_saves(0x6)) return Isa::scalar;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq") || !os_saves(0xe6))
        return Isa::avx2;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & (1u << 11))) return Isa::avx512;
    const bool amx = (d & (1u << 24)) && (d & (1u << 25)) && (d & (1u << 22)) && os_saves(0x60000);
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & (1u << 5))) return Isa::avx512_vnni;
    return amx ? Isa::amx : Isa::avx512_bf16;
}

constexpr const char* kNames[] = {"scalar", "avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx"};
Isa& cap() {
    static Isa value = [] {
        const char* e = std::getenv("HONE_ISA");
        return e && *e ? isa_from_name(e) : Isa::amx;
    }();
    return value;
}
}  // namespace

Isa machine_isa() {
    static const Isa isa = detect();
    return isa;
}
Isa usable_isa() { return std::min(machine_isa(), cap()); }
void set_isa_cap(Isa c) { cap() = c; }
std::string isa_name(Isa isa) { return kNames[static_cast<int>(isa)]; }
Isa isa_from_name(const std::string& name) {
    std::vector<std::string> names(std::begin(kNames), std::end(kNames));
    for (size_t i = 0; i < names.size(); ++i)
        if (names[i] == name) return static_cast<Isa>(i);
    fail(ErrorKind::usage, "cpu.isa", cat("unknown instruction set '", name, "'"),
         cat("Known: ", join(names, ", ")));
}

std::string cpu_model() {
    std::ifstream in("/proc/cpuinfo");
    std::string line, model = "unknown";
    while (std::getline(in, line))
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    return model;
}
CacheSizes cache_sizes() {
    return {sysconf(_SC_LEVEL1_DCACHE_SIZE), sysconf(_SC_LEVEL2_CACHE_SIZE), sysconf(_SC_LEVEL3_CACHE_SIZE)};
}
double load_average() {
    double load[1] = {0};
    return getloadavg(load, 1) == 1 ? load[0] : 0;
}

}  // namespace hone
