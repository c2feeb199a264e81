// SPDX-License-Identifier: Apache-2.0
// The training step as one graph: forward, loss, backward, clipping, update. The trainer runs it once a batch.
//
//   TrainingStep s = training_step(make_trainable(specialise(model, dims)), {.loss = {"cross_entropy"}});
//   // inputs by name: the model's, s.targets, s.rate, the states; outputs: the model's, at s.loss the loss, new states
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pass/exchange.h"
#include "pass/pass.h"
#include "pass/segments.h"
#include "train/loss.h"
#include "train/loss_scale.h"
#include "train/optimizer.h"
#include "train/trainable.h"

namespace hone::train {

struct StepOptions {
    LossSpec loss{"cross_entropy"};
    UpdateOptions update{};
    /// bf16, fp16: activations and their gradients are stored in it (pass/mixed_precision.h); weights, their gradients and
    /// the update stay f32.
    Precision precision = Precision::fp32;
    LossScale scale{};
    double loss_factor = 1;  ///< the loss is multiplied by it
    ExchangeOptions exchange{};  ///< with other ranks
    /// Activations that the way back reads are computed again instead of kept (pass/recompute.h), in these segments; when empty,
    /// in those that seem best. lean_step.h tries several.
    std::optional<Segments> recompute{};
};

struct TrainingStep {
    Graph graph;
    std::vector<std::string> targets;       ///< names of the inputs that hold the loss's targets
    std::string rate;                       ///< name of the input that takes the learning rate, an f64 scalar
    size_t loss = 0;                        ///< index of the output
    std::map<std::string, Tensor> initial;  ///< of every state
    std::optional<size_t> norm = {};        ///< index of the output that is the gradient's length, with update.measure_norm
    SizedForward forward{};                 ///< with recompute
    bool targets_are_signs = false;         ///< -1 and 1 where others take 0 and 1 (hinge)
};

/// Throws what add_loss, add_gradients and add_update throw; usage "train.reduction" for a loss that is not reduced.
TrainingStep training_step(Trainable trainable, const StepOptions& options);

}  // namespace hone::train
