// SPDX-License-Identifier: Apache-2.0
// Where the time of whole runs goes, step by step. Runs with timers and runs without alternate, so that what the timers
// cost is seen too. Called by `inspect` and `profile`.
//
//   const Profile p = profile_runs(session, inputs, {});
//   p.step_ms[0] / p.whole_ms;                               // the share of the first step
//
// A time is the mean over the middle half of the runs, ordered by how long each took as a whole: bursts of a neighbour
// and lucky runs are left out, and since all steps speak of the same runs, their times add up as the runs do.
#pragma once
#include <cstdint>
#include <vector>

#include "run/session.h"

namespace hone {

struct ProfileOptions {
    int least_runs = 30;      ///< of each kind
    double seconds = 1;       ///< goes on until so much time has passed ...
    double most_seconds = 10; ///< ... and ends then, after at least 3 runs of each kind
    int traced = 0;           ///< of the middle runs, so many are kept step by step
};

struct Profile {
    std::vector<double> step_ms;         ///< by step
    std::vector<double> step_median_ms;  ///< each step's median over all runs; these need not add up
    double timed_ms = 0;                 ///< whole runs with timers, seen from outside
    double whole_ms = 0;                 ///< whole runs without
    int64_t runs = 0;                    ///< of each kind
    /// A run's marks as seconds since its own first step began; steps + 1 of them.
    std::vector<std::vector<double>> traced;
    double steps_ms() const;  ///< the sum of step_ms
};

/// Throws what running throws. The session's timers are off afterwards.
Profile profile_runs(Session& session, const std::vector<Tensor>& inputs, const ProfileOptions& options);

/// The order of `whole` by value, without its lower and upper quarter; at least one index.
std::vector<size_t> middle_half(const std::vector<double>& whole);

}  // namespace hone
