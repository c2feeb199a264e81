// SPDX-License-Identifier: Apache-2.0
// What this processor can do, and the cap that tests put on it.
#pragma once
#include <string>
#include <vector>

namespace hone {

/// In order of inclusion: each level has all that the lower ones have.
enum class Isa { scalar, avx2, avx512, avx512_vnni, avx512_bf16, amx };

Isa machine_isa();
/// min(machine_isa(), cap). The cap comes from set_isa_cap or the environment variable HONE_ISA.
Isa usable_isa();
/// Must be called before the first kernel is made: oneDNN freezes its own cap on first use.
void set_isa_cap(Isa cap);
std::string isa_name(Isa isa);
/// Throws usage "cpu.isa" with the known names.
Isa isa_from_name(const std::string& name);
std::string cpu_model();
struct CacheSizes {
    long l1d, l2, l3;  ///< bytes; l1d and l2 a core
};
CacheSizes cache_sizes();
/// The 1-minute load average; recorded beside measurements.
double load_average();

}  // namespace hone
