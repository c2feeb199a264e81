// SPDX-License-Identifier: Apache-2.0
#include "train/step.h"

#include "pass/autodiff.h"
#include "pass/list.h"
#include "train/parallel.h"

namespace hone::train {

TrainingStep training_step(Trainable t, const StepOptions& options) {
    if (options.loss.reduction == Reduction::none)
        fail(ErrorKind::usage, "train.reduction", "a step descends on one number; the loss is not reduced", "Take the mean or the sum.");
    TrainingStep s{std::move(t.graph), {}, {}, 0, std::move(t.initial), options.loss.name == "hinge"};
    Graph& g = s.graph;
    passes::fold_constants(g, {});  // what computes shapes; parameters are inputs by now
    infer_graph(g);
    if (options.exchange.ranks > 1 && options.exchange.batch_norm) synchronise_batch_norm(g);
    const std::vector<ValueId> answers(g.outputs.begin(), g.outputs.end() - static_cast<std::ptrdiff_t>(g.states.size()));
    const std::vector<ValueId> targets = add_targets(g, options.loss, answers);
    for (ValueId v : targets) s.targets.push_back(g.value(v).name);
    const ValueId loss = add_loss(g, options.loss, answers, targets);
    g.rename_value(loss, g.unique_name("loss"));
    s.loss = g.outputs.size();
    g.outputs.push_back(loss);
    std::vector<ValueId> weights;
    for (const Parameter& p : t.parameters) weights.push_back(p.value);
    const std::vector<ValueId> gradients = exchange_step(g, add_gradients(g, {{loss}}, weights), options.loss.reduction, options.exchange);
    Update update = add_update(g, t.parameters, gradients, options.update);
    s.rate = g.value(update.rate).name;
    s.initial.merge(update.initial);
    return s;
}

}  // namespace hone::train
