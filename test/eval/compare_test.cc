// SPDX-License-Identifier: Apache-2.0
// Where answers part: a changed weight, a broken pass, renamed values, values that only one side has.
#include "eval/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"
#include "eval/compare_match.h"
#include "eval/scores.h"
#include "eval/trace.h"

using namespace hone;
using namespace hone::eval;

namespace {

Tensor random_tensor(const Dims& dims, uint64_t seed, double scale) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, scale * rng.normal());
    return t;
}

/// conv1 bn relu1 conv2 relu2 conv3 add(with relu1) pool flatten fc; names begin with `prefix`.
Graph network(const std::string& prefix = "") {
    Graph g;
    const auto weight = [&](const std::string& name, const Dims& dims, uint64_t seed, double scale = 0.2) {
        return g.add_constant(prefix + name, random_tensor(dims, seed, scale));
    };
    const auto node = [&](const std::string& op, const std::string& name, std::vector<ValueId> in, Attributes a = {}) {
        const NodeId n = g.add_node("", op, std::move(in), 1, std::move(a), prefix + name, {prefix + name});
        return g.node(n).outputs[0];
    };
    const Attributes same = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
    const ValueId x = g.add_input(prefix + "x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3, 8, 8}));
    Tensor positive = random_tensor({8}, 4, 0.1);
    for (int64_t i = 0; i < 8; ++i) positive.set(i, 1 + std::fabs(positive.at(i)));
    const ValueId c1 = node("Conv", "conv1", {x, weight("w1", {8, 3, 3, 3}, 1)}, same);
    const ValueId bn = node("BatchNormalization", "bn",
                            {c1, weight("g", {8}, 2, 1), weight("b", {8}, 3), weight("m", {8}, 5),
                             g.add_constant(prefix + "v", positive)});
    const ValueId r1 = node("Relu", "relu1", {bn});
    const ValueId r2 = node("Relu", "relu2", {node("Conv", "conv2", {r1, weight("w2", {8, 8, 3, 3}, 6)}, same)});
    const ValueId c3 = node("Conv", "conv3", {r2, weight("w3", {8, 8, 3, 3}, 7)}, same);
    const ValueId sum = node("Add", "add", {c3, r1});
    const ValueId flat = node("Flatten", "flatten", {node("GlobalAveragePool", "pool", {sum})});
    g.outputs = {node("Gemm", "fc", {flat, weight("wf", {8, 5}, 8)})};
    g.rename_value(g.outputs[0], prefix + "scores");
    g.opsets[""] = 13;
    infer_graph(g);
    return g;
}

Graph with_changed_weight(Graph g, const std::string& name, double factor) {
    Value& v = g.value(g.find_value(name));
    Tensor t = v.constant.clone();
    t.set(5, t.at(5) * factor + 0.3);
    v.constant = t;
    return g;
}

Graph portable(Graph g) {
    run_passes(g, Stage::portable);
    return g;
}

std::vector<Tensor> some_inputs() { return {random_tensor({2, 3, 8, 8}, 99, 1)}; }

}  // namespace

TEST(Compare, AModelAgreesWithItself) {
    const record::Compare c = compare_models(portable(network()), portable(network()), some_inputs(), {});
    EXPECT_TRUE(c.agree);
    EXPECT_FALSE(c.parting);
    EXPECT_EQ(c.samples, 2);
    ASSERT_EQ(c.values.size(), 9u);
    for (const record::ComparedValue& v : c.values) {
        EXPECT_EQ(v.relative_error, 0) << v.node;
        EXPECT_EQ(v.matched, "name");
    }
    EXPECT_EQ(c.unmatched_first, 0);
    EXPECT_EQ(c.outputs.at(0).other_class, 0);
}

TEST(Compare, AChangedWeightIsTheFirstParting) {
    const Graph a = portable(network());
    for (const auto& [weight, node] : std::vector<std::pair<std::string, std::string>>{
             {"w1", "conv1 + bn"}, {"w2", "conv2"}, {"w3", "conv3"}, {"wf", "fc"}}) {
        const record::Compare c = compare_models(a, portable(with_changed_weight(network(), weight, -3)), some_inputs(), {});
        EXPECT_FALSE(c.agree);
        ASSERT_TRUE(c.parting) << weight;
        EXPECT_EQ(c.parting->kind, "node");
        EXPECT_EQ(c.parting->name, node);
        EXPECT_EQ(c.parting->before, 0) << node;
        EXPECT_GT(*c.parting->relative_error, 1e-3);
        EXPECT_GT(*c.outputs.at(0).relative_error, 0);
    }
    // Past the given threshold only.
    CompareOptions loose;
    loose.threshold = 1e9;
    EXPECT_TRUE(compare_models(a, portable(with_changed_weight(network(), "w2", -3)), some_inputs(), loose).agree);
}

TEST(Compare, OtherNamesAreMatchedByPosition) {
    const record::Compare same = compare_models(portable(network()), portable(network("m/")), some_inputs(), {});
    EXPECT_TRUE(same.agree);
    ASSERT_EQ(same.values.size(), 9u);
    EXPECT_EQ(same.values[3].matched, "position");
    Graph other = network("m/");
    const record::Compare c =
        compare_models(portable(network()), portable(with_changed_weight(other, "m/w3", -3)), some_inputs(), {});
    ASSERT_TRUE(c.parting);
    EXPECT_EQ(c.parting->name, "conv3");
}

TEST(Compare, OtherInputsAreRefused) {
    Graph other;
    const ValueId x = other.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 4}));
    other.outputs = {other.node(other.add_node("", "Relu", {x}, 1)).outputs[0]};
    other.opsets[""] = 13;
    infer_graph(other);
    try {
        compare_models(network(), other, some_inputs(), {});
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.id, "compare.inputs");
        EXPECT_NE(e.message.find("f32[N,4]"), std::string::npos) << e.message;
    }
}

TEST(Compare, OneModelAgreesWithItsReferences) {
    CompareOptions o;
    o.passes = true;
    const record::Compare c = compare_with_references(network(), some_inputs(), o);
    EXPECT_TRUE(c.agree);
    EXPECT_LT(*c.outputs.at(0).relative_error, 1e-5);
    size_t own = 0, with_truth = 0;
    for (const record::ComparedValue& v : c.values) {
        own += v.own_error.has_value();
        with_truth += v.matched == "references";
        EXPECT_LT(v.own_error.value_or(0), 1e-5) << v.node;
    }
    EXPECT_GE(own, 4u);
    EXPECT_GE(with_truth, 5u);  // fused steps too: by the nodes that they came from
    size_t changed = 0;
    for (const record::ComparedPass& p : c.passes) {
        changed += p.changed;
        EXPECT_LT(p.up_to_here.value_or(1), 1e-5) << p.name;
        EXPECT_LT(p.without.value_or(0), 1e-5) << p.name;
    }
    EXPECT_GE(changed, 2u);
}

/// Each pass that does something to the network is broken in turn: what it leaves is scaled at the output.
TEST(Compare, ABrokenPassIsNamed) {
    for (const std::string pass : {"fuse_conv_bn", "fuse_epilogues"}) {
        CompareOptions o;
        o.after_pass = [&](const std::string& name, Graph& g) {
            if (name != pass) return;
            for (const NodeId n : g.order())
                for (const ValueId v : g.node(n).inputs)
                    if (v != kNone && g.value(v).is_constant() && g.value(v).name.ends_with("w2")) {
                        Tensor t = g.value(v).constant.clone();
                        for (int64_t i = 0; i < t.count(); ++i) t.set(i, 1.5 * t.at(i));
                        g.value(v).constant = t;
                    }
        };
        const record::Compare c = compare_with_references(network(), some_inputs(), o);
        EXPECT_FALSE(c.agree);
        ASSERT_TRUE(c.parting) << pass;
        EXPECT_EQ(c.parting->kind, "pass");
        EXPECT_EQ(c.parting->name, pass);
        EXPECT_LT(c.parting->before.value_or(1), 1e-5);
        for (const record::ComparedPass& p : c.passes)
            if (p.changed) EXPECT_EQ(*p.without < 1e-5, p.name == pass) << p.name;
    }
}

/// With a threshold below every rounding the first kernel that rounds is named: the Gemm, not the exact Neg before it.
TEST(Compare, TheFirstKernelPastTheThresholdIsNamed) {
    Graph g;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {2, 200}));
    const ValueId negative = g.node(g.add_node("", "Neg", {x}, 1, {}, "neg", {"neg"})).outputs[0];
    const ValueId w = g.add_constant("w", random_tensor({200, 10}, 3, 1));
    g.outputs = {g.node(g.add_node("", "Gemm", {negative, w}, 1, {}, "fc", {"fc"})).outputs[0]};
    g.opsets[""] = 13;
    infer_graph(g);
    CompareOptions o;
    o.threshold = 0;
    const record::Compare c = compare_with_references(g, {random_tensor({2, 200}, 4, 1)}, o);
    ASSERT_TRUE(c.parting);
    EXPECT_EQ(c.parting->kind, "kernel");
    EXPECT_EQ(c.parting->name, "fc");
    EXPECT_EQ(c.parting->before, 0);
    EXPECT_FALSE(c.parting->implementation.empty());
    EXPECT_TRUE(compare_with_references(g, {random_tensor({2, 200}, 4, 1)}, {}).agree);
}

TEST(Compare, DistanceOfOddNumbers) {
    const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
    const auto d = [](std::vector<float> a, std::vector<float> b) { return distance(Tensor::of_f32(a), Tensor::of_f32(b)); };
    EXPECT_DOUBLE_EQ(d({3, 4}, {3, 4.5}).relative, 0.1);
    EXPECT_DOUBLE_EQ(d({3, 4}, {3, 4.5}).greatest, 0.5);
    EXPECT_EQ(d({0, 0}, {0, 0}).relative, 0);
    EXPECT_EQ(d({0, 0}, {0, 2}).relative, 1);
    const auto f = [](double v) { return static_cast<float>(v); };
    EXPECT_EQ(d({1, f(nan)}, {1, f(nan)}).relative, 0);
    EXPECT_EQ(d({1, f(inf)}, {1, f(inf)}).relative, 0);
    EXPECT_EQ(d({1, 2}, {1, f(nan)}).relative, inf);
    EXPECT_EQ(d({1, f(inf)}, {1, f(-inf)}).relative, inf);
}

TEST(Compare, MatchingByNameThenNodeThenPosition) {
    const std::vector<ValueKey> a = {{"x", "n1", "Conv", "f32[1]"}, {"y", "n2", "Relu", "f32[1]"}, {"z", "n3", "Add", "f32[2]"}};
    const std::vector<ValueKey> b = {{"y2", "n2", "Relu", "f32[1]"}, {"x", "q", "Conv", "f32[1]"}, {"z", "n3", "Add", "f32[3]"}};
    const std::vector<Match> m = match_values(a, b);
    EXPECT_EQ(m[0].other, 1);
    EXPECT_STREQ(m[0].by, "name");
    EXPECT_EQ(m[1].other, 0);
    EXPECT_STREQ(m[1].by, "node");
    EXPECT_EQ(m[2].other, -1);  // other dims
    const std::vector<ValueKey> c = {{"a", "a", "Conv", "t"}, {"b", "b", "Relu", "t"}, {"c", "c", "Conv", "t"}};
    const std::vector<ValueKey> d = {{"p", "p", "Conv", "t"}, {"q", "q", "Sigmoid", "t"}, {"r", "r", "Relu", "t"}, {"s", "s", "Conv", "t"}};
    const std::vector<Match> n = match_values(c, d);
    EXPECT_EQ(n[0].other, 0);
    EXPECT_EQ(n[1].other, 2);
    EXPECT_EQ(n[2].other, 3);
    EXPECT_TRUE(match_values({}, d).empty());
}

TEST(Scores, SoftmaxAndOrder) {
    const std::vector<float> logits = {1, 1000, 999, -5};
    const std::vector<double> p = softmax(logits);
    EXPECT_NEAR(p[1], 1 / (1 + std::exp(-1.0)), 1e-15);
    EXPECT_NEAR(p[1] + p[2], 1, 1e-15);
    EXPECT_EQ(best_classes({0.1, 0.4, 0.4, std::nan("")}, 9), (std::vector<size_t>{1, 2, 0, 3}));
    EXPECT_EQ(best_classes({0.1, 0.4}, 1), (std::vector<size_t>{1}));
    Graph g = network();
    EXPECT_EQ(score_kind(g), ScoreKind::logits);
    const NodeId n = g.add_node("", "Sigmoid", {g.outputs[0]}, 1);
    const NodeId id = g.add_node("", "Identity", {g.node(n).outputs[0]}, 1);
    g.outputs = {g.node(id).outputs[0]};
    EXPECT_EQ(score_kind(g), ScoreKind::independent);
}
