// SPDX-License-Identifier: Apache-2.0
// What this machine can do, measured: operations a second of the best kernels at hand by type, bytes a second by level
// of memory, and how much identical work differs from run to run. `doctor` prints it; `inspect` and benchmarks hold
// measured times against the floor that follows from it.
//
//   const Probe p = probe_machine({.threads = 2, .seconds = 2});
//   const double floor_ms = 2 * macs / p.gops(RateKind::fp32, 2) * 1e-6;
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hone::eval {

enum class RateKind { fp32, bf16, int8 };
const char* rate_name(RateKind kind);  ///< "fp32"

/// One core alone, and all threads of the probe at once. 0: there is no kernel for it.
struct Rate {
    double core = 0, all = 0;
};

struct MemoryRate {
    std::string level;  ///< "L1", "L2", "L3", "memory"
    int64_t bytes = 0;  ///< of one core (L1, L2) or shared (L3); 0 for memory
    Rate gbs;           ///< reading, 1e9 bytes a second
};

struct NoiseSeen {
    int64_t runs = 0;
    double median_ms = 0;
    double spread = 0;  ///< (p90 - p10) / median of identical work on all threads
    double worst = 0;   ///< maximum / median
};

struct Probe {
    int threads = 1;
    Rate rates[3];  ///< by RateKind, 1e9 operations a second; a multiply-accumulate is two
    std::vector<MemoryRate> memory;
    NoiseSeen noise;

    /// For `threads` of the probe's; in between, in proportion.
    double gops(RateKind kind, int threads) const;
    /// Bandwidth of the first level that holds this many bytes.
    double gbs(double working_set, int threads) const;
};

struct ProbeOptions {
    int threads = 1;
    double seconds = 2;  ///< about; 0.5 gives rates that are good to some 10 %
};
Probe probe_machine(const ProbeOptions& options);
/// A short probe, made once in a process for each number of threads.
const Probe& known_machine(int threads);

}  // namespace hone::eval
