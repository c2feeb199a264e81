// SPDX-License-Identifier: Apache-2.0
// Differentiation of whole graphs: sums over several uses, values in between, flat and missing rules, provenance, and the
// standard's own Gradient operator.
#include <gtest/gtest.h>

#include <cmath>

#include "op/builder.h"
#include "pass/autodiff.h"
#include "pass/list.h"

using namespace hone;

namespace {

Tensor of(std::vector<double> v) {
    Tensor t = Tensor::zeros(DType::f64, {static_cast<int64_t>(v.size())});
    for (size_t i = 0; i < v.size(); ++i) t.set(static_cast<int64_t>(i), v[i]);
    return t;
}
struct Net {
    Graph g;
    Builder b{g, "", {"layer"}};
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, {2}));
    std::vector<double> gradient(ValueId y, ValueId of_what, const Tensor& at) {
        g.outputs = {add_gradients(g, {{y}}, {of_what})[0]};
        g.check_structure();
        return interpret_graph(g, {at})[0].to_f64();
    }
};

TEST(Autodiff, AddsUpOverUsesAndPassesBySeveralWays) {
    Net n;  // x^2 * exp(x) + 3x
    const ValueId y = n.b.add(n.b.mul(n.b.square(n.x), n.b.exp(n.x)), n.b.scale(n.x, 3));
    const std::vector<double> d = n.gradient(y, n.x, of({1, -2}));
    EXPECT_NEAR(d[0], 3 * std::exp(1.0) + 3, 1e-12);
    EXPECT_NEAR(d[1], 3, 1e-12);  // (4 - 4) exp(-2)
}

TEST(Autodiff, OfAValueInBetween) {
    Net n;
    const ValueId h = n.b.square(n.x), y = n.b.mul(h, n.x);
    EXPECT_EQ(n.gradient(y, h, of({3, -5})), (std::vector<double>{3, -5}));
}

TEST(Autodiff, WhatNothingDependsOnHasZeros) {
    Net n;
    const ValueId c = n.g.add_constant("c", of({7, 8}));
    const ValueId floor = n.b.node("Floor", {n.b.mul(n.x, c)});  // flat: the gradient ends there
    Net m;
    EXPECT_EQ(n.gradient(floor, n.x, of({1.5, 2.5})), (std::vector<double>{0, 0}));
    EXPECT_EQ(m.gradient(m.b.exp(m.x), m.g.add_constant("other", of({1, 2, 3})), of({1, 2})), (std::vector<double>{0, 0, 0}));
}

TEST(Autodiff, NamesTheOperatorsThatHaveNoRule) {
    Net n;
    const std::vector<ValueId> step = n.b.nodes("Momentum", {n.b.scalar(DType::f64, 0.1), n.b.constant(Tensor::scalar_i64(1)), n.x, n.x, n.x}, 2,
                                                {{"alpha", 0.9f}, {"beta", 1.0f}, {"mode", std::string("standard")}, {"norm_coefficient", 0.0f}},
                                                "ai.onnx.preview.training");  // an optimiser's step is not to be differentiated
    try {
        add_gradients(n.g, {{step[0]}}, {n.x});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "gradient.missing");
        EXPECT_NE(e.message.find("Momentum x1 (node 'Momentum')"), std::string::npos) << e.message;
    }
}

TEST(Autodiff, NodesKnowWhatTheyComeFrom) {
    Net n;
    const ValueId y = n.b.exp(n.x);
    add_gradients(n.g, {{y}}, {n.x});
    int gradients = 0;
    for (NodeId id : n.g.order()) {
        if (n.g.node(id).name.find("Exp.grad") == std::string::npos) continue;
        ++gradients;
        EXPECT_EQ(n.g.node(id).origins, std::vector<std::string>{"layer"});
    }
    EXPECT_EQ(gradients, 1);
}

/// PyTorch tests x > 0, or that x lies within the limits without them.
TEST(Autodiff, AtAKinkTheSideIsPyTorchs) {
    struct Kink {
        const char* op;
        Attributes attributes;
        double at, slope;
    };
    const std::vector<Kink> kinks = {{"Relu", {}, 0, 0}, {"Abs", {}, 0, 0}, {"LeakyRelu", {{"alpha", 0.25f}}, 0, 0.25}, {"Elu", {{"alpha", 1.5f}}, 0, 1.5},
                                     {"Celu", {{"alpha", 1.5f}}, 0, 1}, {"Selu", {{"alpha", 2.0f}, {"gamma", 1.5f}}, 0, 3}, {"ThresholdedRelu", {{"alpha", 0.5f}}, 0.5, 0},
                                     {"HardSigmoid", {{"alpha", 0.25f}}, -2, 0}, {"HardSigmoid", {{"alpha", 0.25f}}, 2, 0}, {"Shrink", {{"lambd", 0.5f}}, 0.5, 0}, {"Shrink", {{"lambd", 0.5f}}, -0.5, 0}};
    for (const Kink& k : kinks) {
        Net n;
        EXPECT_EQ(n.gradient(n.b.node(k.op, {n.x}, k.attributes), n.x, of({k.at, k.at})), (std::vector<double>{k.slope, k.slope})) << k.op << " at " << k.at;
    }
    Net n, m;
    EXPECT_EQ(n.gradient(n.b.node("PRelu", {n.x, n.g.add_constant("slope", of({0.25, 0.5}))}), n.x, of({0, -0.0})), (std::vector<double>{0.25, 0.5}));
    const ValueId slope = m.g.add_constant("slope", of({0.25, 0.5}));
    EXPECT_EQ(m.gradient(m.b.node("PRelu", {m.x, slope}), slope, of({0, -3})), (std::vector<double>{0, -3}));
}

/// y = x * w + x; the node gives dy/dx and dy/dw.
TEST(Autodiff, TheStandardsGradientNodeIsExpanded) {
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, {2})), w = g.add_input("w", TypeInfo::tensor(DType::f64, {2}));
    const ValueId y = b.add(b.mul(x, w), x);
    g.rename_value(y, "y");
    const NodeId id = g.add_node("ai.onnx.preview.training", "Gradient", {x, w}, 2, {{"xs", std::vector<std::string>{"x", "w"}}, {"y", std::string("y")}});
    infer_outputs(g, id);
    g.outputs = g.node(id).outputs;
    EXPECT_TRUE(passes::expand_gradients(g, {}));
    g.check_structure();
    const std::vector<Tensor> d = interpret_graph(g, {of({2, 3}), of({5, 7})});
    EXPECT_EQ(d[0].to_f64(), (std::vector<double>{6, 8}));
    EXPECT_EQ(d[1].to_f64(), (std::vector<double>{2, 3}));
}

}  // namespace
