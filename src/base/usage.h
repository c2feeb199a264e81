// SPDX-License-Identifier: Apache-2.0
// What this process has used: memory, processor time; and the energy of the machine where it is counted.
//
//   EnergyMeter meter;
//   const double cpu = cpu_seconds();
//   work();
//   meter.joules();  cpu_seconds() - cpu;  peak_resident_bytes();
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hone {

/// Memory that is there in RAM now, mapped files included (VmRSS); 0 where the system does not say.
int64_t resident_bytes();
/// The most that it ever was (VmHWM).
int64_t peak_resident_bytes();
/// Gives freed memory that the allocator kept back to the system: after a phase that held much more than what is to come.
void trim_heap();
/// Of all threads, in user and in system mode.
double cpu_seconds();

/// Counters of the processor packages (RAPL, through Linux's powercap; Intel and AMD). They count whatever runs on the
/// machine, and reading them takes rights that not everyone has.
class EnergyMeter {
  public:
    /// Starts. `root` is for tests.
    explicit EnergyMeter(const std::string& root = "/sys/class/powercap");
    /// Since the start; empty where nothing can be read. A counter that wrapped once is seen.
    std::optional<double> joules() const;

  private:
    struct Zone {
        std::string file;
        double start, range;  ///< microjoules
    };
    std::vector<Zone> zones_;
};

}  // namespace hone
