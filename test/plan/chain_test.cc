// SPDX-License-Identifier: Apache-2.0
// Chains of elementwise operators in one step: the values of the operators one by one, whatever is broadcast.
#include <cmath>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "run/session.h"
#include "support.h"

using namespace hone;

namespace {

TypeInfo f32(const Dims& d) { return TypeInfo::tensor(DType::f32, shape_of(d)); }
Tensor random(const Dims& dims, uint64_t seed, double low = -2, double high = 2) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, low + (high - low) * rng.uniform());
    return t;
}
struct Net : Graph {
    int made = 0;
    ValueId add(const std::string& op, std::vector<ValueId> in, Attributes a = {}) {
        const std::string name = op + std::to_string(made++);
        return node(add_node("", op, std::move(in), 1, std::move(a), name, {name})).out();
    }
    ValueId number(float f) { return add_constant("number", Tensor::scalar_f32(f)); }
};
struct Ran {
    std::vector<std::string> steps;
    std::vector<Tensor> out;
};
Ran run(const Graph& g, const std::vector<Tensor>& in, int threads = 1) {
    std::vector<Dims> dims;
    for (const Tensor& t : in) dims.push_back(t.dims());
    const auto plan = make_plan(g, dims, {.threads = threads});
    ThreadPool pool(threads);
    Ran r;
    r.out = Session(plan, &pool).run(in);
    for (const Step& s : plan->steps) {
        EXPECT_NE(s.kind, StepKind::reference) << s.op;
        if (s.kind != StepKind::view) r.steps.push_back(s.op);
    }
    return r;
}
void expect_close(const Tensor& want, const Tensor& got) {
    ASSERT_EQ(want.dims(), got.dims());
    for (int64_t i = 0; i < want.count(); ++i)
        ASSERT_TRUE(std::abs(want.at(i) - got.at(i)) <= 3e-5 * (1 + std::abs(want.at(i)))) << i << ": " << got.at(i) << " for " << want.at(i);
}
const std::vector<std::string> kChain = {"hone.Chain"};
}  // namespace

TEST(Chain, EveryUnaryOperator) {
    for (const Dims& dims : {Dims{1}, Dims{3, 5, 7}, Dims{2, 1531}}) {
        Net g;
        ValueId v = g.add_input("x", f32(dims));
        const ValueId x = v;
        for (const char* op : {"Tanh", "Sigmoid", "Neg", "Abs", "Exp", "Softplus", "Erf", "Gelu", "HardSwish", "HardSigmoid", "LeakyRelu", "Elu", "Sqrt"}) {
            if (std::string(op) == "Sqrt") v = g.add("Abs", {v});
            v = g.add(op, {v});
        }
        v = g.add("Log", {g.add("Add", {g.add("Reciprocal", {g.add("Add", {v, g.number(1.5f)})}), g.number(2)})});
        v = g.add("Mul", {g.add("Relu", {v}), g.add("Clip", {x, g.number(-0.5f), g.number(0.75f)})});
        v = g.add("Add", {v, g.add("Mul", {x, g.add("Sigmoid", {x})})});
        g.outputs = {v};
        infer_graph(g);
        const std::vector<Tensor> in = {random(dims, 1)};
        const Ran r = run(g, in);
        EXPECT_LE(r.steps.size(), 2u);  // x * sigmoid(x) may be a step before it
        EXPECT_EQ(r.steps.back(), "hone.Chain");
        expect_close(interpret_graph(g, in)[0], r.out[0]);
    }
}

TEST(Chain, WhatIsBroadcastEntersInAnyForm) {
    const Dims y = {3, 4, 5, 37};
    for (const Dims& other : {Dims{3, 4, 5, 37}, Dims{37}, Dims{1}, Dims{}, Dims{5, 1}, Dims{4, 1, 1}, Dims{3, 1, 1, 1}, Dims{3, 1, 5, 1}, Dims{1, 4, 1, 37}})
        for (bool left : {false, true}) {
            Net g;
            const ValueId x = g.add_input("x", f32(y)), b = g.add_input("b", f32(other));
            const ValueId t = g.add("Tanh", {x});
            const ValueId s = left ? g.add("Sub", {b, t}) : g.add("Sub", {t, b});
            g.outputs = {g.add("Div", {g.add("Mul", {s, t}), g.add("Add", {g.add("Abs", {s}), g.number(1)})})};
            infer_graph(g);
            const std::vector<Tensor> in = {random(y, 2), random(other, 3)};
            const Ran r = run(g, in);
            EXPECT_EQ(r.steps, kChain);
            expect_close(interpret_graph(g, in)[0], r.out[0]);
        }
}

TEST(Chain, BehindAConvolutionInItsLayout) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 5, 9, 7}));
    const ValueId c = g.add("Conv", {x, g.add_constant("w", random({6, 5, 3, 3}, 4))}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    const ValueId scaled = g.add("Mul", {c, g.add_constant("s", random({6, 1, 1}, 5))});
    g.outputs = {g.add("Sub", {g.add("Exp", {g.add("Add", {scaled, g.add_constant("b", random({1, 6, 1, 1}, 6))})}), g.add("Tanh", {c})})};
    infer_graph(g);
    const std::vector<Tensor> in = {random({2, 5, 9, 7}, 7, -0.2, 0.2)};
    const Ran r = run(g, in);
    EXPECT_TRUE(std::find(r.steps.begin(), r.steps.end(), "hone.Chain") != r.steps.end());
    expect_close(interpret_graph(g, in)[0], r.out[0]);
}

TEST(Chain, AValueThatIsReadElsewhereIsMade) {
    Net g;
    const ValueId x = g.add_input("x", f32({5, 9}));
    const ValueId a = g.add("Exp", {x}), b = g.add("Neg", {a}), c = g.add("Tanh", {b});
    g.outputs = {c, b, g.add("Softmax", {a})};
    infer_graph(g);
    const std::vector<Tensor> in = {random({5, 9}, 8)};
    const Ran r = run(g, in);
    const std::vector<Tensor> want = interpret_graph(g, in);
    for (size_t i = 0; i < want.size(); ++i) expect_close(want[i], r.out[i]);
}

TEST(Chain, ThreadsDoNotChangeTheBits) {
    Net g;
    const Dims dims = {7, 61, 311};
    const ValueId x = g.add_input("x", f32(dims)), r = g.add_input("r", f32({311}));
    ValueId v = x;
    for (int i = 0; i < 4; ++i) v = g.add("Tanh", {g.add("Add", {g.add("Mul", {v, r}), x})});
    g.outputs = {v};
    infer_graph(g);
    const std::vector<Tensor> in = {random(dims, 9), random({311}, 10)};
    const Ran one = run(g, in, 1), three = run(g, in, 3);
    EXPECT_EQ(one.steps, kChain);
    EXPECT_TRUE(one.out[0].same_bits(three.out[0]));
}
