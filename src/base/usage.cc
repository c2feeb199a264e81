// SPDX-License-Identifier: Apache-2.0
#include "base/usage.h"

#include <dirent.h>
#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hone {

namespace {
int64_t status_bytes(const char* field) {
    int64_t kib = 0;
    if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
        char line[256];
        const size_t n = std::strlen(field);
        while (std::fgets(line, sizeof line, f))
            if (std::strncmp(line, field, n) == 0 && line[n] == ':') kib = std::strtoll(line + n + 1, nullptr, 10);
        std::fclose(f);
    }
    return kib * 1024;
}

std::optional<double> number_in(const std::string& file) {
    std::optional<double> v;
    if (std::FILE* f = std::fopen(file.c_str(), "r")) {
        double x = 0;
        if (std::fscanf(f, "%lf", &x) == 1) v = x;
        std::fclose(f);
    }
    return v;
}

/// "intel-rapl:0" is a package; "intel-rapl:0:1" a part of one, counted in it already.
bool is_package(const char* name) {
    const char* colon = std::strchr(name, ':');
    return std::strncmp(name, "intel-rapl:", 11) == 0 && !std::strchr(colon + 1, ':');
}
}  // namespace

int64_t resident_bytes() { return status_bytes("VmRSS"); }
int64_t peak_resident_bytes() { return status_bytes("VmHWM"); }

void trim_heap() {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

double cpu_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

EnergyMeter::EnergyMeter(const std::string& root) {
    DIR* folder = ::opendir(root.c_str());
    if (!folder) return;
    while (const dirent* entry = ::readdir(folder)) {
        if (!is_package(entry->d_name)) continue;
        const std::string zone = root + "/" + entry->d_name, file = zone + "/energy_uj";
        if (const auto now = number_in(file))
            zones_.push_back({file, *now, number_in(zone + "/max_energy_range_uj").value_or(0)});
    }
    ::closedir(folder);
}

std::optional<double> EnergyMeter::joules() const {
    if (zones_.empty()) return std::nullopt;
    double sum = 0;
    for (const Zone& z : zones_) {
        const auto now = number_in(z.file);
        if (!now) return std::nullopt;
        sum += *now - z.start + (*now < z.start ? z.range : 0);
    }
    return sum * 1e-6;
}

}  // namespace hone
