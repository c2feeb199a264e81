// SPDX-License-Identifier: Apache-2.0
// The graphs of adversarial training.
#include "op/builder.h"
#include "train/compose.h"
#include "train/gan.h"
#include "train/lean_step.h"

namespace hone::train {
namespace {

[[noreturn]] void refuse(const std::string& what) {
    fail(ErrorKind::model, "train.gan", what, "A generator makes of latent numbers [N,L] what the discriminator takes; `hone new dcgan` writes such a pair.");
}

const TypeInfo& only_input(const Graph& g, const char* what) {
    if (g.inputs.size() != 1) refuse(cat("the ", what, " has ", static_cast<unsigned long>(g.inputs.size()), " inputs; expected one"));
    const TypeInfo& t = g.value(g.inputs[0]).type;
    if (t.dtype != DType::f32 || !t.rank_known || t.shape.size() < 2) refuse(cat("the ", what, " takes ", to_text(t), "; expected floats [N,...]"));
    return t;
}

Dims dims_for(const TypeInfo& t, int64_t rows, const char* what) {
    Dims d;
    for (const Dim& one : t.shape) d.push_back(one.known() ? one.value : d.empty() ? rows : -1);
    for (size_t i = 1; i < d.size(); ++i)
        if (d[i] < 0) refuse(cat("the ", what, " takes ", to_text(t), "; all dims but the first must be known"));
    if (d[0] != rows) refuse(cat("the ", what, " takes ", to_text(t), ", batches of ", d[0], " alone"));
    return d;
}

Graph first_output(const Graph& g, const Dims& dims) { return specialise(part_of(g, {g.outputs.at(0)}), {dims}); }

}  // namespace

Tensor latent(const Graph& generator, int64_t rows, uint64_t seed, uint64_t number) {
    constexpr uint64_t kLatent = 0x6c6174656e74;  // apart from the streams of order and augmentation
    Tensor t = Tensor::zeros(DType::f32, dims_for(only_input(generator, "generator"), rows, "generator"));
    Rng rng(derive_seed(seed, kLatent, number));
    for (int64_t i = 0; i < t.count(); ++i) t.data<float>()[i] = static_cast<float>(rng.normal());
    return t;
}

GanSteps gan_steps(const Graph& generator, const Graph& discriminator, const GanOptions& o) {
    const Dims latent_dims = dims_for(only_input(generator, "generator"), o.loop.batch, "generator");
    const Dims sample_dims = dims_for(only_input(discriminator, "discriminator"), o.loop.batch, "discriminator");
    const Graph g = first_output(generator, latent_dims), d = first_output(discriminator, sample_dims);
    const TypeInfo &made = g.value(g.outputs[0]).type, &judged = d.value(d.outputs[0]).type;
    if (made != TypeInfo::tensor(DType::f32, shape_of(sample_dims))) refuse(cat("the generator makes ", to_text(made), "; the discriminator takes ", to_text(sample_dims)));
    if (judged.dtype != DType::f32 || !judged.fixed() || count_of(dims_of(judged.shape)) != o.loop.batch)
        refuse(cat("the discriminator gives ", to_text(judged), "; expected one logit a sample"));

    const auto logits = [&](Graph& graph, const std::vector<ValueId>& from) {
        Builder b(graph, "adversary");
        std::vector<ValueId> columns;
        for (ValueId v : from) columns.push_back(b.reshape(v, {o.loop.batch, 1}));
        return columns.size() == 1 ? columns[0] : b.concat(columns, 0);
    };
    StepOptions step = o.loop.step;
    step.loss = {"bce_with_logits"};
    step.update.measure_norm = false;  // of two steps
    step.precision = o.loop.precision;
    const auto made_step = [&](Trainable t) { return step.recompute ? lean_step(std::move(t), step, {.threads = o.loop.threads}) : training_step(std::move(t), step); };
    GanSteps s;
    Graph both = twin(d);
    both.outputs = {logits(both, both.outputs)};
    s.discriminator = made_step(make_trainable(both));

    Graph through = g;
    const Borrowed judge = borrow(d);
    std::vector<ValueId> in{through.outputs[0]};
    for (size_t i = 1; i < judge.graph.inputs.size(); ++i) {
        const Value& v = judge.graph.value(judge.graph.inputs[i]);
        in.push_back(through.add_input(cat("discriminator.", v.name), v.type));
    }
    through.outputs = {logits(through, append(through, judge.graph, in))};
    TrainableOptions own;  // behind learned weights, constants of the discriminator look like parameters that they were not before
    for (const Parameter& p : find_parameters(through))
        if (g.find_value(p.name) == kNone) own.freeze.push_back(p.name);
    s.generator = made_step(make_trainable(through, own));
    s.discriminator_parameters = judge.parameters;

    Borrowed sampler = borrow(g);
    s.sampler = std::move(sampler.graph);
    s.generator_parameters = std::move(sampler.parameters);
    return s;
}

}  // namespace hone::train
