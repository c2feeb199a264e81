// SPDX-License-Identifier: Apache-2.0
// Quantised graphs as exporters write them, against the integers that they are lowered to: within one step of the
// output's scale, by references and by a session.
#include <cmath>

#include "base/rng.h"
#include "run/session.h"
#include "support.h"

using namespace hone;

namespace {

using Ops = std::vector<std::string>;
using Ints = std::vector<int64_t>;

struct Net : Graph {
    Rng rng{7};
    ValueId op(const std::string& name, std::vector<ValueId> in, Attributes a = {}) { return node(add_node("", name, std::move(in), 1, std::move(a), name)).out(); }
    ValueId scale(double s) { return add_constant("scale", Tensor::scalar_f32(static_cast<float>(s))); }
    ValueId zero(DType t, int64_t z) {
        Tensor c = Tensor::zeros(t, {});
        c.set_int(0, z);
        return add_constant("zero", c);
    }
    ValueId quantize(ValueId v, double s, int64_t z = 0, DType t = DType::u8) { return op("QuantizeLinear", {v, scale(s), zero(t, z)}); }
    ValueId dequantize(ValueId v, double s, int64_t z = 0, DType t = DType::u8) { return op("DequantizeLinear", {v, scale(s), zero(t, z)}); }
    ValueId qdq(ValueId v, double s, int64_t z = 0, DType t = DType::u8) { return dequantize(quantize(v, s, z, t), s, z, t); }
    /// s8 weights, a scale a channel along `axis`.
    ValueId weights(const Dims& dims, int64_t axis, std::vector<double>* scales = nullptr) {
        Tensor w = Tensor::zeros(DType::i8, dims), s = Tensor::zeros(DType::f32, {dims[static_cast<size_t>(axis)]});
        for (int64_t i = 0; i < w.count(); ++i) w.set_int(i, static_cast<int64_t>(rng.below(127)) - 63);
        for (int64_t i = 0; i < s.count(); ++i) s.set(i, 0.002 + 0.004 * rng.uniform());
        if (scales)
            for (int64_t i = 0; i < s.count(); ++i) scales->push_back(s.at(i));
        const Tensor z = Tensor::zeros(DType::i8, s.dims());
        return op("DequantizeLinear", {add_constant("w", w), add_constant("ws", s), add_constant("wz", z)}, {{"axis", axis}});
    }
    ValueId bias(const std::vector<double>& weight_scales, double x_scale) {
        const auto n = static_cast<int64_t>(weight_scales.size());
        Tensor b = Tensor::zeros(DType::i32, {n}), s = Tensor::zeros(DType::f32, {n});
        for (int64_t i = 0; i < n; ++i) {
            b.set_int(i, static_cast<int64_t>(rng.below(4001)) - 2000);
            s.set(i, x_scale * weight_scales[static_cast<size_t>(i)]);
        }
        return op("DequantizeLinear", {add_constant("b", b), add_constant("bs", s), add_constant("bz", Tensor::zeros(DType::i32, {n}))}, {{"axis", int64_t{0}}});
    }
    void output(ValueId v) { outputs.push_back(v); }
};

Tensor random_input(const Dims& d) {
    Tensor t = Tensor::zeros(DType::f32, d);
    Rng rng(3);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.normal());
    return t;
}
Ops ops_of(const Graph& g) {
    Ops out;
    for (NodeId n : g.order()) out.push_back((g.node(n).domain.empty() ? "" : g.node(n).domain + ".") + g.node(n).op);
    return out;
}
double worst(const Tensor& a, const Tensor& b) {
    EXPECT_EQ(a.dims(), b.dims());
    EXPECT_EQ(a.dtype(), b.dtype());
    double w = 0;
    for (int64_t i = 0; i < std::min(a.count(), b.count()); ++i) w = std::max(w, std::fabs(a.at(i) - b.at(i)));
    return w;
}

/// Lowers g, holds it against itself: by references within `step` of the QDQ graph, by a session the same bits.
void check(Net& g, const Dims& x, const Ops& lowered, double step) {
    infer_graph(g);
    const Tensor in = random_input(x);
    const Tensor want = interpret_graph(g, {in})[0];
    Graph low = g;
    run_passes(low, Stage::runtime);
    EXPECT_EQ(ops_of(low), lowered) << to_text(low);
    const Tensor integers = interpret_graph(low, {in})[0];
    EXPECT_LE(worst(want, integers), step * 1.001);
    double spread = 0;
    for (int64_t i = 1; i < want.count(); ++i) spread = std::max(spread, std::fabs(want.at(i) - want.at(0)));
    EXPECT_GT(spread, 8 * step) << "the case says nothing: its output is flat";
    Session session(make_plan(g, {x}, {}), nullptr);
    EXPECT_TRUE(session.run({in})[0].same_bits(integers));
    PlanOptions floats;
    floats.disabled_passes = {"lower_qdq"};
    Session unlowered(make_plan(g, {x}, floats), nullptr);
    EXPECT_LE(worst(want, unlowered.run({in})[0]), step * 1.001);
}

}  // namespace

TEST(LowerQdq, ConvReluConv) {
    Net g;
    std::vector<double> s1, s2;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 3, 8, 8}));
    const ValueId w1 = g.weights({8, 3, 3, 3}, 0, &s1);
    ValueId v = g.op("Conv", {g.qdq(x, 0.03, 120), w1, g.bias(s1, 0.03)}, {{"pads", Ints{1, 1, 1, 1}}});
    v = g.qdq(g.op("Relu", {v}), 0.01);
    const ValueId w2 = g.weights({4, 8, 1, 1}, 0, &s2);
    v = g.op("Conv", {v, w2, g.bias(s2, 0.01)});
    g.output(g.qdq(v, 0.02, 128));
    check(g, {1, 3, 8, 8}, {"QuantizeLinear", "hone.QConv", "hone.QConv", "DequantizeLinear"}, 0.02);
}

TEST(LowerQdq, ResidualOfZeroPointZeroJoinsTheConv) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 4, 6, 6}));
    const ValueId r = g.qdq(g.op("Relu", {x}), 0.01);
    const ValueId c = g.op("Conv", {r, g.weights({4, 4, 3, 3}, 0)}, {{"pads", Ints{1, 1, 1, 1}}});
    g.output(g.qdq(g.op("Relu", {g.op("Add", {c, r})}), 0.015));
    check(g, {1, 4, 6, 6}, {"Relu", "QuantizeLinear", "hone.QConv", "DequantizeLinear"}, 0.015);
}

TEST(LowerQdq, AddOfTwoZeroPoints) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 2, 5, 5}));
    const ValueId a = g.qdq(x, 0.02, 128), b = g.qdq(g.op("Neg", {g.op("Sigmoid", {x})}), 0.005, 200);
    g.output(g.qdq(g.op("Relu", {g.op("Add", {a, b})}), 0.01));
    check(g, {1, 2, 5, 5}, {"QuantizeLinear", "hone.Chain", "QuantizeLinear", "hone.QAdd", "DequantizeLinear"}, 0.01);
}

// onnxruntime quantises a bias that follows MatMul as an operand of its own, and positions that are learnt.
TEST(LowerQdq, AddOfAConstantThatRepeats) {
    for (const Dims& dims : {Dims{7}, Dims{1, 1, 7}, Dims{3, 7}, Dims{1, 3, 7}, Dims{}})
        for (bool left : {false, true}) {
            Net g;
            const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {50, 3, 7}));
            Tensor c = Tensor::zeros(DType::u8, dims);
            for (int64_t i = 0; i < c.count(); ++i) c.set_int(i, 40 * i % 251);
            const ValueId a = g.qdq(x, 0.02, 128), b = g.dequantize(g.add_constant("c", c), 0.005, 100);
            g.output(g.qdq(left ? g.op("Add", {b, a}) : g.op("Add", {a, b}), 0.01, 128));
            check(g, {50, 3, 7}, {"QuantizeLinear", "hone.QAdd", "DequantizeLinear"}, 0.01);
            const auto plan = make_plan(g, {{50, 3, 7}}, {});
            for (const Step& s : plan->steps) EXPECT_EQ(s.kind, StepKind::kernel) << s.op << to_text(dims);
        }
}

TEST(LowerQdq, MovementWorksOnIntegers) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {2, 3, 8, 8}));
    ValueId v = g.qdq(x, 0.02, 100);
    v = g.qdq(g.op("MaxPool", {v}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}), 0.02, 100);
    v = g.qdq(g.op("Flatten", {v}), 0.02, 100);
    v = g.op("Gemm", {v, g.weights({48, 5}, 1)});
    g.output(v);
    check(g, {2, 3, 8, 8}, {"QuantizeLinear", "MaxPool", "Flatten", "hone.QGemm"}, 1e-5);
}

TEST(LowerQdq, MatMulKeepsItsFloatResult) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {2, 3, 16}));
    g.output(g.op("Softmax", {g.op("MatMul", {g.qdq(x, 0.03, 128), g.weights({16, 6}, 1)})}));
    infer_graph(g);
    Graph low = g;
    run_passes(low, Stage::runtime);
    EXPECT_EQ(ops_of(low), (Ops{"QuantizeLinear", "hone.QGemm", "Softmax"}));
    const Tensor in = random_input({2, 3, 16});
    EXPECT_LE(worst(interpret_graph(g, {in})[0], interpret_graph(low, {in})[0]), 1e-5);
}

TEST(LowerQdq, ClipKeepsItsLimits) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 4, 5, 5}));
    const ValueId c = g.op("Conv", {g.qdq(x, 0.03, 128), g.weights({4, 4, 3, 3}, 0)});
    const ValueId lo = g.add_constant("lo", Tensor::scalar_f32(-0.25f)), hi = g.add_constant("hi", Tensor::scalar_f32(0.5f));
    g.output(g.qdq(g.op("Clip", {c, lo, hi}), 0.01, 60));
    check(g, {1, 4, 5, 5}, {"QuantizeLinear", "hone.QConv", "DequantizeLinear"}, 0.01);
}

// oneDNN's curves are exact only to rounding, and what a layer gives must not depend on the kernel.
TEST(LowerQdq, CurvedActivationsStayBehindAFloatResult) {
    for (bool residual : {false, true}) {
        Net g;
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 4, 5, 5}));
        const ValueId a = g.qdq(g.op("Relu", {x}), 0.02);
        ValueId v = g.op("Conv", {a, g.weights({4, 4, 1, 1}, 0)});
        if (residual) v = g.op("Add", {v, a});
        g.output(g.qdq(g.op("Sigmoid", {v}), 1.0 / 255));
        infer_graph(g);
        Graph low = g;
        run_passes(low, Stage::runtime);
        const Ops ops = ops_of(low);
        EXPECT_NE(std::find(ops.begin(), ops.end(), "hone.QConv"), ops.end()) << to_text(low);
        EXPECT_TRUE(std::find(ops.begin(), ops.end(), "Sigmoid") != ops.end() || std::find(ops.begin(), ops.end(), "hone.Chain") != ops.end()) << to_text(low);
        const Tensor in = random_input({1, 4, 5, 5});
        EXPECT_LE(worst(interpret_graph(g, {in})[0], interpret_graph(low, {in})[0]), 1.001 / 255);
    }
}

TEST(LowerQdq, WhatFitsNoIntegerOperatorStaysFloat) {
    for (const char* what : {"asymmetric weights", "per-channel activations", "unknown scale", "other bias scale"}) {
        Net g;
        const std::string w = what;
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 4, 5, 5}));
        ValueId a = g.qdq(x, 0.03, 128);
        std::vector<double> scales;
        ValueId weights = g.weights({4, 4, 1, 1}, 0, &scales);
        std::vector<ValueId> in;
        if (w == "asymmetric weights") {
            Tensor q = Tensor::zeros(DType::i8, {4, 4, 1, 1});
            for (int64_t i = 0; i < 16; ++i) q.set_int(i, i);
            weights = g.dequantize(g.add_constant("q", q), 0.01, 3, DType::i8);
        }
        if (w == "per-channel activations") {
            const ValueId s = g.add_constant("s", Tensor::of_f32({0.01f, 0.02f, 0.03f, 0.04f})), z = g.add_constant("z", Tensor::zeros(DType::u8, {4}));
            a = g.op("DequantizeLinear", {g.op("QuantizeLinear", {x, s, z}), s, z});
        }
        if (w == "unknown scale") {
            const ValueId s = g.op("ReduceMax", {g.op("Abs", {x})}, {{"keepdims", int64_t{0}}});
            a = g.op("DequantizeLinear", {g.op("QuantizeLinear", {x, s, g.zero(DType::u8, 128)}), s, g.zero(DType::u8, 128)});
        }
        in = {a, weights};
        if (w == "other bias scale") in.push_back(g.bias(scales, 0.07));
        g.output(g.op("Conv", in));
        infer_graph(g);
        Graph low = g;
        run_passes(low, Stage::runtime);
        for (const std::string& op : ops_of(low)) EXPECT_NE(op, "hone.QConv") << what;
        const Tensor t = random_input({1, 4, 5, 5});
        const Tensor want = interpret_graph(g, {t})[0];
        Session session(make_plan(g, {{1, 4, 5, 5}}, {}), nullptr);
        EXPECT_LE(worst(want, session.run({t})[0]), 1e-5) << what;
    }
}

TEST(LowerQdq, SiluWhoseBranchesAreQuantisedIsOneTable) {
    for (const bool inner : {false, true})
        for (const DType t : {DType::u8, DType::i8}) {
            Net g;
            const int64_t z = t == DType::u8 ? 100 : -28;
            const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {2, 3, 5, 4}));
            const ValueId v = g.qdq(x, 0.03, z, t);
            ValueId s = g.op("Sigmoid", {v});
            if (inner) s = g.qdq(s, 1.0 / 255, t == DType::u8 ? 0 : -128, t);
            g.output(g.qdq(g.op("Mul", {v, s}), 0.02, 14));
            check(g, {2, 3, 5, 4}, {"QuantizeLinear", "hone.QTable", "DequantizeLinear"}, 0.02);
        }
}

TEST(LowerQdq, HardSwishSpeltOutIsOneTableAndTwoInputsAreNot) {
    Net g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 3, 50}));
    const ValueId v = g.qdq(x, 0.05, 128);
    const ValueId c = g.op("Clip", {g.op("Add", {v, g.scale(3)}), g.scale(0), g.scale(6)});
    g.output(g.qdq(g.op("Div", {g.op("Mul", {v, c}), g.add_constant("six", Tensor::of_f32({6}, {1, 1, 1}))}), 0.03, 13));
    check(g, {1, 3, 50}, {"QuantizeLinear", "hone.QTable", "DequantizeLinear"}, 0.03);

    Net two;
    const ValueId y = two.add_input("x", TypeInfo::tensor(DType::f32, {1, 3, 50}));
    const ValueId a = two.qdq(y, 0.05, 128), b = two.qdq(two.op("Exp", {y}), 0.05);
    two.output(two.qdq(two.op("Max", {a, b}), 0.05, 128));
    check(two, {1, 3, 50}, {"QuantizeLinear", "DequantizeLinear", "Exp", "QuantizeLinear", "DequantizeLinear", "Max", "QuantizeLinear", "DequantizeLinear"}, 0.05);
}

TEST(LowerQdq, SqueezeAndExciteStaysInIntegers) {
    for (const Dims& d : {Dims{2, 20, 7, 9}, Dims{1, 3, 4, 4}}) {
        Net g;
        std::vector<double> s1;
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of(d)));
        const ValueId v = g.qdq(x, 0.03, 110);
        ValueId s = g.qdq(g.op("GlobalAveragePool", {v}), 0.004, 128);
        s = g.qdq(g.op("Conv", {s, g.weights({d[1], d[1], 1, 1}, 0, &s1), g.bias(s1, 0.004)}), 0.05, 100);
        s = g.qdq(g.op("Sigmoid", {s}), 1.0 / 255);
        g.output(g.qdq(g.op("Mul", {s, v}), 0.02, 110));
        check(g, d, {"QuantizeLinear", "hone.QGlobalAveragePool", "hone.QConv", "hone.QTable", "hone.QMul", "DequantizeLinear"}, 3 * 0.02);
    }
}
