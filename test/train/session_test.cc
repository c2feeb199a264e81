// SPDX-License-Identifier: Apache-2.0
// A training step as a plan: what a session computes, passes and kernels included, is what the interpreter computes.
#include "run/session.h"

#include <functional>

#include "base/thread_pool.h"
#include "golden.h"

namespace hone::train {
namespace {

Graph narrow(Graph g) {
    for (ValueId v = 0; v < g.value_count(); ++v) {
        Value& value = g.value(v);
        if (value.type.dtype != DType::f64) continue;
        value.type.dtype = DType::f32;
        if (value.is_constant()) value.constant = value.constant.cast(DType::f32);
    }
    return g;
}

/// Six steps by a session and by the interpreter, on batches 0, 1, 2, 0, ...
void expect_equal_steps(const TrainingStep& plan, const std::function<std::map<std::string, Tensor>(int64_t)>& batch, const std::string& what) {
    Stepper interpreter(plan);
    std::vector<Dims> dims;
    for (ValueId v : plan.graph.inputs) dims.push_back(dims_of(plan.graph.value(v).type.shape));
    ThreadPool pool(2);
    Session session(make_plan(plan.graph, dims, {.threads = 2}), &pool);
    std::map<std::string, Tensor> states;
    for (const auto& [name, t] : plan.initial) states[name] = t.clone();  // written in place
    Tensor rate = Tensor::zeros(DType::f64, {});
    rate.set(0, 0.01);
    for (int64_t i = 0; i < 6; ++i) {
        const std::map<std::string, Tensor> given = batch(i % 3);
        std::vector<Tensor> in;
        for (ValueId v : plan.graph.inputs) {
            const std::string& name = plan.graph.value(v).name;
            in.push_back(name == plan.rate ? rate : given.contains(name) ? given.at(name) : states.at(name));
        }
        const std::vector<Tensor> out = session.run(in);
        for (const State& s : plan.graph.states) states[s.name] = out[s.output].clone();
        const double want = interpreter.step(given, 0.01);
        EXPECT_NEAR(out[plan.loss].at(0), want, 1e-5 * (1 + std::fabs(want))) << what << " at " << i;
    }
    for (const auto& [name, t] : interpreter.states()) EXPECT_LE(distance(states.at(name).to_f64(), t.to_f64()), 1e-3) << what << " " << name;
}

TEST(TrainingSession, UpdatesAsTheInterpreterDoes) {
    const Golden golden("optimisers");
    for (const OptimizerDecl& d : optimizers()) {
        const UpdateOptions update{.optimizer = d.name, .clip_value = 0.2, .clip_norm = 0.3, .accumulate = 2, .ema = 0.9, .skip_nonfinite = true};
        const TrainingStep plan = training_step(make_trainable(narrow(mlp(golden["w0"]))), {.loss = {"mse"}, .update = update});
        expect_equal_steps(plan, [&](int64_t i) -> std::map<std::string, Tensor> {
            return {{"x0", row(golden["x"], i).cast(DType::f32)}, {"targets", golden["target"].cast(DType::f32)}};
        }, d.name);
    }
}

TEST(TrainingSession, DescendsEachLossAsTheInterpreterDoes) {
    const Golden golden("losses");
    for (const LossDecl& d : losses()) {
        HyperValues hyper;
        if (std::string_view(d.name).starts_with("cross_entropy")) hyper["label_smoothing"] = 0.1;
        const TrainingStep plan = training_step(make_trainable(narrow(mlp(golden["w0"], static_cast<int>(d.answers)))), {.loss = {d.name, hyper}});
        expect_equal_steps(plan, [&](int64_t i) {
            std::map<std::string, Tensor> given;
            for (size_t k = 0; k < d.answers; ++k) given[cat("x", static_cast<unsigned long>(k))] = row(golden["x"], (i + static_cast<int64_t>(k)) % 3).cast(DType::f32);
            if (d.targets.empty()) return given;
            const Tensor& t = golden[cat(d.name, ".target")];
            given[plan.targets[0]] = d.targets[0].kind == TargetDecl::Kind::labels ? t : t.cast(DType::f32);
            return given;
        }, d.name);
    }
}

}  // namespace
}  // namespace hone::train
