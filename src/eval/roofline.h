// SPDX-License-Identifier: Apache-2.0
// The roofline of a step: what it would take if only arithmetic counted, and if only memory did, at the rates that the
// probe measured. The greater is the floor, and says what limits the step. (Williams, Waterman, Patterson: Roofline,
// CACM 52(4), 2009.)
//
//   const Roofline r = roofline(plan, plan.steps[i], probe, threads);
//   r.floor_ms(), r.bound();
#pragma once
#include "eval/probe.h"
#include "plan/plan.h"

namespace hone::eval {

struct Roofline {
    double compute_ms = 0, memory_ms = 0;
    double floor_ms() const { return compute_ms > memory_ms ? compute_ms : memory_ms; }
    /// "compute", "memory", or "overhead" where the floor is less than the time of a call.
    const char* bound() const;
};
/// What bound() says below; nothing is known of a kernel whose time is that of calling it.
constexpr double kCallMs = 5e-4;

/// Multiply-accumulates at the rate of the type that the step computes in. Weights come from the level of memory that
/// holds all that a run touches, since the whole run lies between two uses of them; what the step reads and writes
/// beside them from the level that holds this much.
Roofline roofline(const Plan& plan, const Step& step, const Probe& probe, int threads);

/// The type that a step multiplies in: int8 where it reads quantised numbers, bf16 where it reads or writes bf16.
RateKind rate_of(const Plan& plan, const Step& step);

}  // namespace hone::eval
