// SPDX-License-Identifier: Apache-2.0
// Optimisers, and what a training step does with gradients: accumulation over micro-batches, clipping, update, averaging
// of the weights. All of it is appended to the graph as nodes; what outlives the step becomes a state. The arithmetic of
// an update is an operator of its own (op/update.cc), PyTorch's to the order of operations.
//
//   const Update u = add_update(g, t.parameters, gradients, {.optimizer = "adamw", .hyper = {{"weight_decay", 0.01}}});
//   // each run: u.rate is an input; states by name, first from u.initial
#pragma once
#include <map>
#include <string>
#include <vector>

#include "op/op.h"
#include "train/hyper.h"
#include "train/parameters.h"

namespace hone::train {

/// A state of a parameter's dims, from 0: named "<parameter>.<name>".
struct MomentDecl {
    const char* name;
    const char* when;  ///< kept where this hyper-parameter is not 0; null: always
};

struct OptimizerDecl {
    const char* name;
    const char* summary;
    const char* op;                   ///< of the domain hone
    std::vector<MomentDecl> moments;  ///< in the operator's order
    std::vector<Hyper> hyper;         ///< named as the operator's attributes
    std::vector<std::pair<const char*, int64_t>> fixed{};  ///< attributes that make it this optimiser
};
const std::vector<OptimizerDecl>& optimizers();
/// Throws usage "train.name".
const OptimizerDecl& find_optimizer(const std::string& name);

constexpr const char* kAverage = ".ema";  ///< what the name of a weight's average ends with

struct UpdateOptions {
    std::string optimizer = "sgd";
    HyperValues hyper{};
    bool decay_weights_only = false;  ///< no weight decay on biases and normalisations
    double clip_value = 0;            ///< gradients into [-v, v], before clip_norm; 0: off
    double clip_norm = 0;             ///< the whole gradient to at most this length (Pascanu et al. 2013); 0: off
    int64_t accumulate = 1;           ///< micro-batches a step: their gradients are averaged, the last one updates
    /// Averages of the weights (Polyak) and of statistics: e = d e + (1 - d) w with d = min(ema, (1 + step) / (10 + step)), so
    /// that a short run keeps little of its start. Each is a state, its name with kAverage behind it; 0: off.
    double ema = 0;
    bool measure_norm = false;        ///< the length of the whole gradient is wanted, without clip_norm too
    bool skip_nonfinite = false;      ///< a step whose gradients are not all finite changes no weight and no moment
    /// A scalar that gradients are multiplied with before all else: the reciprocal of a loss scale.
    ValueId unscale = kNone;
};

struct Update {
    ValueId rate = kNone;   ///< the input "lr", an f64 scalar
    ValueId norm = kNone;   ///< with clip_norm or measure_norm: the length of the whole gradient before it
    ValueId finite = kNone; ///< bool, with skip_nonfinite
    ValueId full = kNone;   ///< bool, with accumulate: whether this run ends a step
    /// Of every state that was added: weights, moments, "train.step", ...; in memory of its own, for sessions write states
    /// in place.
    std::map<std::string, Tensor> initial;
};

/// `gradients[i]` is that of `parameters[i]`, of its type. Adds the input "lr" and the states; the graph's outputs gain the
/// new states. `statistics`: first values of states that the graph has, which are averaged with the weights. Throws usage
/// "train.name", "train.hyper".
Update add_update(Graph& g, std::vector<Parameter> parameters, const std::vector<ValueId>& gradients, const UpdateOptions& options, const std::map<std::string, Tensor>& statistics = {});

}  // namespace hone::train
