// SPDX-License-Identifier: Apache-2.0
// The optimisers' kernels against their references, over steps that feed on one another, at sizes with and without a tail.
#include <gtest/gtest.h>

#include <cmath>

#include "normal.h"
#include "op/builder.h"
#include "run/session.h"

using namespace hone;

namespace {

struct Case {
    const char* op;
    int states;
    std::map<std::string, double> reals;
    const char* flag = nullptr;
    bool conditional = false;
};

Attribute real(double v) {
    Tensor t = Tensor::zeros(DType::f64, {});
    t.set(0, v);
    return t;
}

/// Weights and states after four steps; the third is not applied where there is a condition.
std::vector<Tensor> run_steps(const Case& c, int64_t n, bool references) {
    Graph g;
    Builder b(g);
    const TypeInfo type = TypeInfo::tensor(DType::f32, {n});
    std::vector<ValueId> in = {g.add_input("w", type), g.add_input("g", type), g.add_input("lr", TypeInfo::tensor(DType::f64, Shape{})),
                               g.add_input("t", TypeInfo::tensor(DType::i64, Shape{}))};
    in.push_back(c.conditional ? g.add_input("apply", TypeInfo::tensor(DType::boolean, Shape{})) : kNone);
    const size_t first = g.inputs.size();
    for (int k = 0; k < c.states; ++k) in.push_back(g.add_input(cat("s", k), type));
    if (!c.states && !c.conditional) in.pop_back();
    Attributes attributes;
    for (const auto& [name, v] : c.reals) attributes.emplace(name, real(v));
    if (c.flag) attributes.emplace(c.flag, int64_t{1});
    g.outputs = b.nodes(c.op, in, 1 + c.states, attributes, "hone");
    g.states.push_back({"w", 0, 0});
    for (int k = 0; k < c.states; ++k) g.states.push_back({cat("s", k), first + static_cast<size_t>(k), 1 + static_cast<size_t>(k)});
    std::vector<Dims> dims;
    for (ValueId v : g.inputs) dims.push_back(dims_of(g.value(v).type.shape));
    const auto plan = make_plan(g, dims, {.references = references});
    if (!references) {
        EXPECT_EQ(plan->steps.size(), 1u) << to_text(*plan);  // no copy: in place
        EXPECT_EQ(plan->steps[0].candidate, "vector_update");
    }
    Session session(plan, nullptr);
    Rng rng(3);
    std::vector<Tensor> kept = {normal(rng, {n})};
    for (int k = 0; k < c.states; ++k) kept.push_back(Tensor::zeros(DType::f32, {n}));
    for (int64_t step = 0; step < 4; ++step) {
        Tensor lr = Tensor::zeros(DType::f64, {}), t = Tensor::scalar_i64(step), apply = Tensor::zeros(DType::boolean, {});
        lr.set(0, 0.1 / static_cast<double>(step + 1));
        apply.set_int(0, step != 2);
        std::vector<Tensor> inputs = {kept[0], normal(rng, {n}), lr, t};
        if (c.conditional) inputs.push_back(apply);
        for (size_t k = 1; k < kept.size(); ++k) inputs.push_back(kept[k]);
        session.execute(inputs);
    }
    return kept;
}

TEST(UpdateKernels, AreTheReferences) {
    const std::vector<Case> cases = {
        {"Sgd", 0, {{"weight_decay", 0.01}}},
        {"Sgd", 1, {{"momentum", 0.9}, {"weight_decay", 0.01}}},
        {"Sgd", 1, {{"momentum", 0.9}}, "nesterov", true},
        {"Adagrad", 1, {{"lr_decay", 0.1}, {"weight_decay", 0.01}}},
        {"RmsProp", 1, {{"alpha", 0.9}}},
        {"RmsProp", 2, {{"alpha", 0.9}, {"momentum", 0.8}}},
        {"RmsProp", 2, {{"alpha", 0.9}, {"weight_decay", 0.01}}, "centred"},
        {"RmsProp", 3, {{"alpha", 0.9}, {"momentum", 0.8}}, "centred", true},
        {"Adam", 2, {{"weight_decay", 0.01}}},
        {"Adam", 2, {{"weight_decay", 0.01}}, "decoupled", true},
    };
    for (const Case& c : cases)
        for (const int64_t n : {1, 16, 37, 70001}) {
            const std::vector<Tensor> want = run_steps(c, n, true), got = run_steps(c, n, false);
            for (size_t k = 0; k < want.size(); ++k)
                for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(got[k].at(i), want[k].at(i), 3e-5 * (1 + std::fabs(want[k].at(i)))) << c.op << " state " << k << " of " << n;
        }
}

}  // namespace
