// SPDX-License-Identifier: Apache-2.0
// Where mixed precision puts its casts: products narrow, reductions wide, weights f32, and their gradients sums in f32.
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "op/builder.h"
#include "pass/autodiff.h"
#include "pass/mixed_precision.h"
#include "pass/pass.h"

using namespace hone;

namespace {

struct Net {
    Graph g;
    Builder b{g, "net"};
    std::vector<ValueId> weights;
    ValueId weight(const std::string& name, const Dims& d) {
        weights.push_back(g.add_input(name, TypeInfo::tensor(DType::f32, shape_of(d))));
        return weights.back();
    }
    ValueId input(const Dims& d) { return g.add_input("x", TypeInfo::tensor(DType::f32, shape_of(d))); }
    DType type(ValueId v) const { return g.value(v).type.dtype; }
    int count(const std::string& op, DType out) const {
        int n = 0;
        for (NodeId id : g.order()) n += g.node(id).op == op && type(g.node(id).out()) == out;
        return n;
    }
    /// The gradients of the mean square of `y` become the outputs.
    void differentiate(ValueId y) {
        const ValueId loss = b.mean(b.square(y), {}, false);
        g.outputs = widen_gradients(g, add_gradients(g, {{loss}}, weights));
        remove_dead(g);
        infer_graph(g);
        g.check_structure();
    }
};

TEST(MixedPrecision, ProductsAreNarrowReductionsWideWeightsStay) {
    Net n;
    const ValueId x = n.input({2, 3, 8, 8});
    ValueId y = n.b.node("Conv", {n.b.shift(x, -0.5), n.weight("w", {4, 3, 3, 3}), n.weight("bias", {4})}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
    const ValueId conv = y;
    const ValueId scale = n.weight("scale", {4});
    y = n.b.nodes("BatchNormalization", {y, scale, n.weight("shift", {4}), n.g.add_input("m", TypeInfo::tensor(DType::f32, {4})), n.g.add_input("v", TypeInfo::tensor(DType::f32, {4}))}, 3,
                  {{"training_mode", int64_t{1}}})[0];
    const ValueId normal = y, relu = y = n.b.node("Relu", {y});
    y = n.b.node("GlobalAveragePool", {y});
    const ValueId logits = y = n.b.node("Gemm", {n.b.reshape(y, {2, 4}), n.weight("w2", {5, 4})}, {{"transB", int64_t{1}}});
    const ValueId answers = y = n.b.node("Softmax", {y});
    n.g.outputs = {y};
    ASSERT_TRUE(narrow_activations(n.g, DType::bf16));
    infer_graph(n.g);
    for (ValueId v : {conv, normal, relu, logits}) EXPECT_EQ(n.type(v), DType::bf16) << n.g.value(v).name;
    EXPECT_EQ(n.type(answers), DType::f32);
    EXPECT_EQ(n.type(x), DType::f32);
    EXPECT_EQ(n.type(n.g.node(n.g.value(normal).producer).in(1)), DType::f32) << "the normalisation's scale";
    EXPECT_EQ(n.g.outputs[0], answers);
    n.differentiate(answers);
    for (ValueId v : n.g.outputs) EXPECT_EQ(n.type(v), DType::f32);
    EXPECT_EQ(n.count("ConvGradWeight", DType::f32), 1);
    EXPECT_EQ(n.count("ConvGradWeight", DType::bf16), 0);
    EXPECT_EQ(n.count("Product", DType::f32), 1);
    EXPECT_EQ(n.count("BatchNormGrad", DType::bf16), 1);
    EXPECT_EQ(n.count("ReduceSum", DType::bf16), 0);
}

TEST(MixedPrecision, AnOutputKeepsItsNameAndType) {
    Net n;
    const ValueId y = n.b.node("MatMul", {n.input({4, 3}), n.weight("w", {3, 2})});
    n.g.rename_value(y, "logits");
    n.g.outputs = {y};
    ASSERT_TRUE(narrow_activations(n.g, DType::f16));
    infer_graph(n.g);
    EXPECT_EQ(n.g.value(n.g.outputs[0]).name, "logits");
    EXPECT_EQ(n.type(n.g.outputs[0]), DType::f32);
    EXPECT_EQ(n.type(y), DType::f16);
}

TEST(MixedPrecision, WithoutProductsNothingChanges) {
    Net n;
    n.g.outputs = {n.b.node("Relu", {n.b.shift(n.input({4, 3}), 1)})};
    const std::string before = to_text(n.g);
    EXPECT_FALSE(narrow_activations(n.g, DType::bf16));
    EXPECT_EQ(to_text(n.g), before);
}

TEST(MixedPrecision, DoublesStayDoubles) {
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, {4, 3})), w = g.add_input("w", TypeInfo::tensor(DType::f64, {3, 2}));
    g.outputs = {b.matmul(x, w)};
    EXPECT_FALSE(narrow_activations(g, DType::bf16));
    EXPECT_EQ(g.value(g.outputs[0]).type.dtype, DType::f64);
}

Tensor random(Rng& rng, const TypeInfo& t) {
    Tensor out = Tensor::zeros(DType::f32, dims_of(t.shape));
    for (int64_t i = 0; i < out.count(); ++i) out.set(i, 0.5 * rng.normal());
    return out;
}

/// Gradients of every kind of parameter are near those in f32, and their sums are not rounded to 16 bits.
TEST(MixedPrecision, GradientsAreSumsInF32) {
    const auto build = [](Net& n) {
        const ValueId x = n.input({3, 5, 6});
        ValueId y = n.b.node("LayerNormalization", {n.b.add(n.b.matmul(x, n.weight("w", {6, 8})), n.weight("b", {8})), n.weight("s", {8}), n.weight("o", {8})});
        y = n.b.nodes("LSTM", {y, n.weight("wx", {1, 16, 8}), n.weight("wh", {1, 16, 4}), n.weight("wb", {1, 32})}, 1, {{"hidden_size", int64_t{4}}})[0];
        y = n.b.reshape(y, {15, 4});
        y = n.b.node("Gemm", {y, n.weight("w2", {7, 4}), n.weight("b2", {7})}, {{"transB", int64_t{1}}});
        n.g.outputs = {y};
        return y;
    };
    Net wide;
    wide.differentiate(build(wide));
    Rng rng(5);
    std::vector<Tensor> in;
    for (ValueId v : wide.g.inputs) in.push_back(random(rng, wide.g.value(v).type));
    const std::vector<Tensor> want = interpret_graph(wide.g, in);
    for (DType type : {DType::bf16, DType::f16}) {
        Net n;
        build(n);
        ASSERT_TRUE(narrow_activations(n.g, type));
        n.differentiate(n.g.outputs[0]);
        for (const char* op : {"LSTMGrad", "LayerNormGrad"})
            for (NodeId id : n.g.order())
                if (n.g.node(id).op == op) EXPECT_EQ(n.type(n.g.node(id).out(1)), DType::f32) << op;
        EXPECT_EQ(n.count("Product", DType::f32), 2);
        EXPECT_EQ(n.count("ReduceSum", type), 0);
        const std::vector<Tensor> got = interpret_graph(n.g, in);
        for (size_t i = 0; i < want.size(); ++i) {
            double off = 0, size = 0;
            bool rounded = true;
            for (int64_t k = 0; k < want[i].count(); ++k) {
                off += std::pow(want[i].at(k) - got[i].at(k), 2), size += std::pow(want[i].at(k), 2);
                rounded = rounded && got[i].at(k) == got[i].cast(type).at(k);
            }
            EXPECT_LE(std::sqrt(off / size), type == DType::bf16 ? 3e-2 : 4e-3) << n.g.value(n.weights[i]).name;
            EXPECT_FALSE(rounded) << n.g.value(n.weights[i]).name << " was rounded to 16 bits";
        }
    }
}

}  // namespace
