// SPDX-License-Identifier: Apache-2.0
// How many times faster is B than A, from interleaved runs (A B A B ...) in several processes. Within a process each A
// is compared with the B before and after it, so that drift cancels, and the median of the log ratios taken, so that
// bursts of a neighbour do not count; over the processes again the median. Called by `bench A B` and `optimize`.
//
//   const Speedup s = paired_speedup({{a1, b1}, {a2, b2}, {a3, b3}});   // ms, in the order of measuring
//   if (s.faster()) keep(candidate);
//
// The interval is one for a repetition: measuring the same way again, in as many fresh processes, gives an estimate
// within [low, high] in `confidence` of the cases. It is Student's interval of the processes' log ratios, times 1.15
// for the median in place of the mean and sqrt(2) for the repetition's own error, joined with 1 % of deviation between
// measurements minutes apart, which none can see itself. In simulations with drift, outliers and processes and whole
// measurements that are off it held 94 to 98 %, a hierarchical bootstrap widened alike 86 to 99 %. It does not hold where
// the machine changes its state for minutes (seen: 2.38 instead of 2.05 on a shared machine).
#pragma once
#include <vector>

namespace hone::eval {

/// What one process measured, in the order of measuring: before[i], after[i], before[i + 1], ...
struct TimedBlock {
    std::vector<double> before, after;
};

struct Speedup {
    double estimate = 1, low = 1, high = 1;  ///< before / after
    int processes = 0;
    bool faster() const { return low > 1; }  ///< measured faster
    bool slower() const { return high < 1; }
    double width() const { return (high - low) / estimate; }
};

/// One process alone is cut into stretches.
/// HONE_CHECKs that there is a block, every block has a pair, and all times are positive.
Speedup paired_speedup(const std::vector<TimedBlock>& blocks, double confidence = 0.95);

}  // namespace hone::eval
