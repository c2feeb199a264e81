// SPDX-License-Identifier: Apache-2.0
// A head made anew: what changes, what stays to the bit, and what has no head.
#include "train/head.h"

#include "golden.h"
#include "onnx/reader.h"
#include "train/trainable.h"

namespace hone::train {
namespace {

Tensor ramp(const Dims& dims) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, 0.1 * static_cast<double>(i % 11) - 0.4);
    return t;
}
struct Net {
    Graph g;
    Builder b{g};
    ValueId constant(const char* name, const Dims& d) { return g.add_constant(name, ramp(d)); }
    ValueId input(const Dims& d) {
        Shape s = shape_of(d);
        s[0] = Dim::named("N");
        return g.add_input("x", TypeInfo::tensor(DType::f32, s));
    }
    Graph done(ValueId y) {
        g.outputs = {y};
        infer_graph(g);
        return g;
    }
};
std::string names(const NewHead& h) { return join(h.parameters, " "); }
/// Every constant of `before` that is not in the new head is in `after`, the same bits.
void expect_rest_equal(const Graph& before, const NewHead& h) {
    for (ValueId v = 0; v < before.value_count(); ++v) {
        const Value& old = before.value(v);
        if (!old.is_constant() || !is_float(old.constant.dtype()) || old.users.empty() || std::find(h.parameters.begin(), h.parameters.end(), old.name) != h.parameters.end()) continue;
        const ValueId now = h.graph.find_value(old.name);
        ASSERT_NE(now, kNone) << old.name;
        EXPECT_TRUE(h.graph.value(now).constant.same_bits(old.constant)) << old.name;
    }
}
Dims answer_dims(const NewHead& h, const Dims& in) { return interpret_graph(specialise(h.graph, {in}), {ramp(in)})[0].dims(); }

TEST(Head, GemmBehindActivations) {
    Net n;
    ValueId x = n.b.node("Relu", {n.b.node("Gemm", {n.input({1, 4}), n.constant("w1", {6, 4}), n.constant("b1", {6})}, {{"transB", int64_t{1}}})});
    x = n.b.node("Gemm", {x, n.constant("w2", {6, 3}), n.constant("b2", {3})});
    const Graph g = n.done(n.b.node("Softmax", {n.b.scale(x, 2)}));
    const NewHead h = with_new_head(g, 5, 1);
    EXPECT_EQ(names(h), "w2 b2");
    EXPECT_EQ(h.before, 3);
    h.graph.check_structure();
    expect_rest_equal(g, h);
    EXPECT_EQ(answer_dims(h, {2, 4}), (Dims{2, 5}));
    const Tensor& w = h.graph.value(h.graph.find_value("w2")).constant;
    EXPECT_EQ(w.dims(), (Dims{6, 5}));
    double most = 0, sum = 0;
    for (int64_t i = 0; i < w.count(); ++i) most = std::fmax(most, std::fabs(w.at(i))), sum += w.at(i);
    EXPECT_LE(most, 1 / std::sqrt(6.0));
    EXPECT_GT(most, 0.5 / std::sqrt(6.0));
    EXPECT_LT(std::fabs(sum / 30), 0.2);
    EXPECT_TRUE(with_new_head(g, 5, 1).graph.value(h.graph.find_value("w2")).constant.same_bits(w));
    EXPECT_FALSE(with_new_head(g, 5, 2).graph.value(h.graph.find_value("w2")).constant.same_bits(w));
    EXPECT_EQ(names(with_new_head(g, 3, 1)), "w2 b2");  // as many as before, and yet anew
}

TEST(Head, MatMulWithABiasBehindAndTiedWeights) {
    Net n;
    const ValueId tied = n.constant("tied", {3, 4});
    const ValueId x = n.b.matmul(n.b.matmul(n.input({1, 4}), n.b.swap_last(tied)), tied);                           // 4 -> 3 -> 4
    const Graph g = n.done(n.b.node("Reshape", {n.b.add(n.b.matmul(x, n.b.swap_last(tied)), n.constant("bias", {1, 3})), n.b.integers({-1, 3})}));  // tied once more
    const NewHead h = with_new_head(g, 7, 1);
    EXPECT_EQ(h.parameters.size(), 2u);
    EXPECT_EQ(h.parameters[1], "bias");
    EXPECT_NE(h.parameters[0], "tied");
    expect_rest_equal(g, h);
    EXPECT_EQ(answer_dims(h, {2, 4}), (Dims{2, 7}));
    EXPECT_EQ(h.graph.value(h.graph.find_value("bias")).constant.dims(), (Dims{1, 7}));
}

TEST(Head, ConvolutionThenMean) {
    Net n;
    ValueId x = n.b.node("Conv", {n.input({1, 2, 5, 5}), n.constant("w", {3, 2, 1, 1}), n.constant("b", {3})});
    x = n.b.node("Flatten", {n.b.node("GlobalAveragePool", {n.b.node("Relu", {x})})});
    const Graph g = n.done(x);
    const NewHead h = with_new_head(g, 4, 1);
    EXPECT_EQ(names(h), "w b");
    EXPECT_EQ(h.graph.value(h.graph.find_value("w")).constant.dims(), (Dims{4, 2, 1, 1}));
    EXPECT_EQ(answer_dims(h, {2, 2, 5, 5}), (Dims{2, 4}));
}

TEST(Head, RefusesWhatHasNone) {
    const auto refused = [](const Graph& g) { return error_of([&] { with_new_head(g, 4, 1); }); };
    Net plain;
    EXPECT_EQ(refused(plain.done(plain.b.node("Relu", {plain.input({1, 4})}))), "train.head");
    Net branches;
    const ValueId x = branches.input({1, 4});
    EXPECT_EQ(refused(branches.done(branches.b.add(branches.b.matmul(x, branches.constant("a", {4, 3})), branches.b.matmul(x, branches.constant("b", {4, 3}))))), "train.head");
    Net scaled;
    EXPECT_EQ(refused(scaled.done(scaled.b.mul(scaled.b.matmul(scaled.input({1, 4}), scaled.constant("a", {4, 3})), scaled.constant("s", {3})))), "train.head");
    Net grouped;
    EXPECT_EQ(refused(grouped.done(grouped.b.node("Conv", {grouped.input({1, 4, 2, 2}), grouped.constant("a", {2, 2, 1, 1})}, {{"group", int64_t{2}}}))), "train.head");
}

TEST(Head, OfTheSharedModels) {
    HONE_REQUIRE(!shared_folder().empty(), "the shared folder");
    for (const char* name : {"fashion_mlp", "fashion_resnet20_bn", "fashion_mobilenetv2", "fashion_effnet_silu_se", "fashion_vgg_fc", "fashion_lstm", "fashion_gru",
                             "fashion_vit", "letters_mlp"}) {
        const Graph g = read_model(cat(shared_folder(), "/models/", name, ".onnx"));
        const NewHead h = with_new_head(g, 37, 1);
        EXPECT_EQ(outputs_of(h.graph), 37) << name;
        EXPECT_EQ(h.before, std::string(name) == "letters_mlp" ? 26 : 10) << name;
        EXPECT_EQ(h.parameters.size(), 2u) << name;
        h.graph.check_structure();
        expect_rest_equal(g, h);
        EXPECT_EQ(find_parameters(h.graph).size(), find_parameters(g).size()) << name;
    }
}

}  // namespace
}  // namespace hone::train
