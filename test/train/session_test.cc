// SPDX-License-Identifier: Apache-2.0
// A training step as a plan: what a session computes, passes and kernels included, is what the interpreter computes.
#include "run/session.h"

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

TEST(TrainingSession, StepsAsTheInterpreterDoes) {
    const Golden golden("optimisers");
    for (const OptimizerDecl& d : optimizers()) {
        const UpdateOptions update{.optimizer = d.name, .clip_value = 0.2, .clip_norm = 0.3, .accumulate = 2, .ema = 0.9, .skip_nonfinite = true};
        const TrainingStep plan = training_step(make_trainable(narrow(mlp(golden["w0"]))), {.loss = {"mse"}, .update = update});
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
            const std::map<std::string, Tensor> given = {{"x0", row(golden["x"], i % 3).cast(DType::f32)}, {"targets", golden["target"].cast(DType::f32)}, {plan.rate, rate}};
            std::vector<Tensor> in;
            for (ValueId v : plan.graph.inputs) {
                const std::string& name = plan.graph.value(v).name;
                in.push_back(given.contains(name) ? given.at(name) : states.at(name));
            }
            const std::vector<Tensor> out = session.run(in);
            for (const State& s : plan.graph.states) states[s.name] = out[s.output].clone();
            std::map<std::string, Tensor> rest = given;
            rest.erase(plan.rate);
            EXPECT_NEAR(out[plan.loss].at(0), interpreter.step(rest, 0.01), 1e-5) << d.name << " at " << i;
        }
        for (const auto& [name, t] : interpreter.states()) EXPECT_LE(distance(states.at(name).to_f64(), t.to_f64()), 1e-3) << d.name << " " << name;
        EXPECT_EQ(states.at("train.step").at_int(0), 3);
    }
}

}  // namespace
}  // namespace hone::train
