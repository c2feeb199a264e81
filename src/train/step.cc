// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include <optional>

#include "pass/autodiff.h"
#include "pass/list.h"
#include "pass/mixed_precision.h"
#include "pass/recompute.h"
#include "train/parallel.h"

namespace hone::train {

TrainingStep training_step(Trainable t, const StepOptions& options) {
    if (options.loss.reduction == Reduction::none)
        fail(ErrorKind::usage, "train.reduction", "a step descends on one number; the loss is not reduced", "Take the mean or the sum.");
    TrainingStep s{std::move(t.graph), {}, {}, 0, std::move(t.initial), {}, {}, options.loss.name == "hinge"};
    Graph& g = s.graph;
    passes::fold_constants(g, {});  // what computes shapes; parameters are inputs by now
    infer_graph(g);
    if (options.exchange.ranks > 1 && options.exchange.batch_norm) synchronise_batch_norm(g);
    if (options.precision != Precision::fp32) narrow_activations(g, options.precision == Precision::bf16 ? DType::bf16 : DType::f16);
    const std::vector<ValueId> answers(g.outputs.begin(), g.outputs.end() - static_cast<std::ptrdiff_t>(g.states.size()));
    const std::vector<ValueId> targets = add_targets(g, options.loss, answers);
    for (ValueId v : targets) s.targets.push_back(g.value(v).name);
    ValueId loss = add_loss(g, options.loss, answers, targets);
    if (options.loss_factor != 1) loss = Builder(g, "loss").scale(loss, options.loss_factor);
    g.rename_value(loss, g.unique_name("loss"));
    s.loss = g.outputs.size();
    g.outputs.push_back(loss);
    std::vector<ValueId> weights;
    for (const Parameter& p : t.parameters) weights.push_back(p.value);
    const size_t statistics = g.states.size();
    UpdateOptions with = options.update;
    std::optional<LossScaling> scaling;
    if (options.scale.start > 0) {
        scaling.emplace(g, options.scale, loss);
        with.unscale = scaling->reciprocal();
        with.skip_nonfinite = true;
    }
    std::map<NodeId, NodeId> differentiates;
    std::vector<ValueId> gradients = add_gradients(g, {{loss, scaling ? scaling->seed() : kNone}}, weights, &differentiates);
    if (options.recompute) s.forward = recompute_activations(g, weights, differentiates, *options.recompute);
    if (options.precision != Precision::fp32) gradients = widen_gradients(g, gradients);
    gradients = exchange_step(g, gradients, options.loss.reduction, options.exchange);
    Update update = add_update(g, std::move(t.parameters), gradients, with, s.initial);
    if (scaling) scaling->finish(update, statistics, s.initial);
    s.rate = g.value(update.rate).name;
    if (options.update.measure_norm) {
        s.norm = g.outputs.size();
        g.outputs.push_back(update.norm);
    }
    remove_dead(g);
    s.initial.merge(update.initial);
    return s;
}

}  // namespace hone::train
