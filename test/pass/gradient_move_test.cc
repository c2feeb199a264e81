// SPDX-License-Identifier: Apache-2.0
// Gradients at points that central differences cannot see (ties, a norm of 0), nodes that are not built when nothing wants
// them, what is refused, and the references of the operators that rules need.
#include <gtest/gtest.h>

#include <algorithm>

#include "op/builder.h"
#include "pass/autodiff.h"

using namespace hone;

namespace {

using Values = std::vector<double>;

Tensor of(const Values& v, const Dims& dims) {
    Tensor t = Tensor::zeros(DType::f64, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, v[static_cast<size_t>(i)]);
    return t;
}
/// The gradient of the sum of `op`(x, ...) at x.
Values gradient_at(const Tensor& x, const char* op, std::vector<Tensor> others = {}, Attributes a = {}) {
    Graph g;
    std::vector<ValueId> in{g.add_input("x", TypeInfo::of(x))};
    for (Tensor& t : others) in.push_back(g.add_constant(g.unique_name("c"), t));
    Builder b(g);
    const ValueId y = b.node(op, in, std::move(a));
    g.outputs = add_gradients(g, {{y}}, {in[0]});
    return interpret_graph(g, {x})[0].to_f64();
}
int64_t count(const Graph& g, const char* op) {
    const std::vector<NodeId> order = g.order();
    return std::count_if(order.begin(), order.end(), [&](NodeId n) { return g.node(n).op == op; });
}
Tensor run(const char* op, std::vector<Tensor> in, Attributes a) {
    Graph g;
    std::vector<ValueId> ids;
    for (const Tensor& t : in) ids.push_back(g.add_input(g.unique_name("x"), TypeInfo::of(t)));
    g.outputs = {Builder(g).node(op, ids, std::move(a), "hone")};
    return interpret_graph(g, in)[0];
}

TEST(GradientMove, TiesShareInEqualParts) {
    const Tensor axis = Tensor::of_i64({1});
    EXPECT_EQ(gradient_at(of({3, 3, 1, 2, 2, 2}, {2, 3}), "ReduceMax", {axis}), (Values{0.5, 0.5, 0, 1. / 3, 1. / 3, 1. / 3}));
    EXPECT_EQ(gradient_at(of({3, 3, 1, 2}, {2, 2}), "ReduceMin", {axis}), (Values{0.5, 0.5, 1, 0}));
    EXPECT_EQ(gradient_at(of({5, 1}, {2}), "ScatterElements", {Tensor::of_i64({0, 1}), of({5, 2}, {2})}, {{"reduction", std::string("max")}}),
              (Values{0.5, 0}));
}

TEST(GradientMove, ANormOfZeroHasNoSlope) {
    EXPECT_EQ(gradient_at(of({0, 0, 0, -2}, {2, 2}), "ReduceL2", {Tensor::of_i64({1})}), (Values{0, 0, 0, -1}));
}

TEST(GradientMove, OnlyWhatIsWantedIsBuilt) {
    const auto products = [](bool left, bool right) {
        Graph g;
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {4, 3, 5})), w = g.add_input("w", TypeInfo::tensor(DType::f32, {5, 2}));
        Builder b(g);
        const ValueId y = b.matmul(x, w);
        std::vector<ValueId> wanted;
        if (left) wanted.push_back(x);
        if (right) wanted.push_back(w);
        g.outputs = add_gradients(g, {{y}}, wanted);
        return count(g, "Gemm");
    };
    EXPECT_EQ(products(true, true), 2);
    EXPECT_EQ(products(false, true), 1);
    EXPECT_EQ(products(true, false), 1);
}

TEST(GradientMove, APlainSliceIsOnePadAndConcatOneSplit) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {4, 7}));
    Builder b(g);
    const ValueId y = b.concat({b.slice(x, 1, 0, 3), b.slice(x, 1, 2, 7)}, 1);
    g.outputs = add_gradients(g, {{y}}, {x});
    EXPECT_EQ(count(g, "Pad"), 2);
    EXPECT_EQ(count(g, "Split"), 1);
}

TEST(GradientMove, ComputedAxesAreRefused) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {4})), axis = g.add_input("axis", TypeInfo::tensor(DType::i64, {1}));
    Builder b(g);
    const ValueId y = b.node("CumProd", {x, axis});
    try {
        add_gradients(g, {{y}}, {x});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind, ErrorKind::unsupported);
        EXPECT_NE(std::string(e.what()).find("'axis'"), std::string::npos) << e.what();
    }
}

TEST(GradientMove, GatherGradientAddsAtRepeatedIndices) {
    const Tensor dy = of({1, 2, 3, 4, 5, 6}, {2, 3}), indices = Tensor::of_i64({2, 0, -1});
    const Tensor x = run("GatherGradient", {dy, indices}, {{"axis", int64_t{1}}, {"size", int64_t{3}}});
    EXPECT_EQ(x.dims(), (Dims{2, 3}));
    EXPECT_EQ(x.to_f64(), (Values{2, 0, 4, 5, 0, 10}));
    EXPECT_THROW(run("GatherGradient", {dy, indices}, {{"axis", int64_t{1}}, {"size", int64_t{2}}}), Error);
    EXPECT_THROW(run("GatherGradient", {dy, indices}, {{"axis", int64_t{2}}, {"size", int64_t{3}}}), Error);
}

TEST(GradientMove, CofactorsOfASingularMatrix) {
    EXPECT_EQ(run("Cofactor", {of({1, 2, 2, 4}, {2, 2})}, {}).to_f64(), (Values{4, -2, -2, 1}));
    EXPECT_THROW(run("Cofactor", {of({1, 2, 3, 4, 5, 6}, {2, 3})}, {}), Error);
}

}  // namespace
