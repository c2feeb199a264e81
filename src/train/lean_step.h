// SPDX-License-Identifier: Apache-2.0
// The training step with recomputed activations whose plan takes the least memory.
//
//   StepRunner runner(lean_step(trainable, options, {.threads = 2}), &pool, {.threads = 2});
#pragma once
#include "plan/plan.h"
#include "train/step.h"

namespace hone::train {

/// training_step with kept activations and with the segmentations of pass/segments.h, then with neighbours of the best as long
/// as one takes less, each planned: the one with the smallest arena of at most `most`. Throws what training_step and make_plan
/// throw.
TrainingStep lean_step(Trainable trainable, StepOptions options, const PlanOptions& plan, size_t most = 48);

}  // namespace hone::train
