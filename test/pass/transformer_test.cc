// SPDX-License-Identifier: Apache-2.0
// Layer normalisation and attention as exporters spell them, fused: the same values, and nothing left over.
#include <cmath>

#include "base/rng.h"
#include "run/session.h"
#include "support.h"

using namespace hone;

namespace {

using Ops = std::vector<std::string>;
using Ints = std::vector<int64_t>;

TypeInfo f32(Shape s) { return TypeInfo::tensor(DType::f32, std::move(s)); }
Tensor normal(const Dims& dims, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.normal());
    return t;
}

struct Net : Graph {
    int made = 0;
    ValueId add(const std::string& op, std::vector<ValueId> in, Attributes a = {}, int outputs = 1, int which = 0) {
        const std::string name = op + std::to_string(made++);
        return node(add_node("", op, std::move(in), outputs, std::move(a), name, {name})).out(static_cast<size_t>(which));
    }
    ValueId ints(Ints v) { return add_constant("ints", Tensor::of_i64(v)); }
    ValueId number(float f) { return add_constant("number", Tensor::scalar_f32(f)); }
    ValueId weights(const Dims& d, uint64_t seed) { return add_constant("w", normal(d, seed)); }
    ValueId transpose(ValueId v, Ints perm) { return add("Transpose", {v}, {{"perm", perm}}); }
    ValueId reshape(ValueId v, Ints to) { return add("Reshape", {v, ints(std::move(to))}); }
};

/// The operators of the plan, views aside; values against the references of the graph as it was.
Ops plan_and_check(Graph g, const std::vector<Tensor>& in, std::set<std::string> disabled = {}) {
    infer_graph(g);
    std::vector<Dims> dims;
    for (const Tensor& t : in) dims.push_back(t.dims());
    const auto plan = make_plan(g, dims, {.disabled_passes = std::move(disabled)});
    const Tensor want = interpret_graph(g, in)[0], got = Session(plan, nullptr).run(in)[0];
    EXPECT_EQ(want.dims(), got.dims());
    for (int64_t i = 0; i < std::min(want.count(), got.count()); ++i)
        if (!(std::abs(want.at(i) - got.at(i)) <= 2e-5 * (1 + std::abs(want.at(i))))) {
            ADD_FAILURE() << "element " << i << ": " << got.at(i) << " for " << want.at(i);
            break;
        }
    Ops out;
    for (const Step& s : plan->steps)
        if (s.kind != StepKind::view) out.push_back(s.op);
    return out;
}

Net layer_norm(bool power, bool scale, bool bias, Ints axes) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 5, 12}));
    const ValueId mean = g.add("ReduceMean", {x, g.ints(axes)}), centred = g.add("Sub", {x, mean});
    const ValueId square = power ? g.add("Pow", {centred, g.number(2)}) : g.add("Mul", {centred, centred});
    const ValueId root = g.add("Sqrt", {g.add("Add", {g.add("ReduceMean", {square, g.ints(axes)}), g.number(1e-3f)})});
    ValueId y = g.add("Div", {centred, root});
    if (scale) y = g.add("Mul", {g.weights({12}, 3), y});
    if (bias) y = g.add("Add", {y, g.weights({12}, 4)});
    g.outputs = {y};
    return g;
}

/// Attention of [2, rows, 3 * heads * depth]: the head split of a fused projection, as nn.MultiheadAttention exports it.
struct Style {
    bool split;        ///< Split and Squeeze; else Gather of each third
    int scale;         ///< 0: none, 1: on the scores, 2: on queries and keys, 3: Div of the scores
    bool mask, join;   ///< join: Transpose and Reshape back to [2, rows, heads * depth]
};
Net attention(const Style& s, int64_t rows = 7, int64_t heads = 3, int64_t depth = 4) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, rows, 3 * heads * depth}));
    const ValueId all = g.transpose(g.reshape(x, {2, rows, 3, heads, depth}), {2, 0, 3, 1, 4});
    ValueId part[3];
    ValueId pieces[3] = {};
    if (s.split) {
        const NodeId split = g.add_node("", "Split", {all, g.ints({1, 1, 1})}, 3, {{"axis", int64_t{0}}}, "split", {"split"});
        for (size_t i = 0; i < 3; ++i) pieces[i] = g.node(split).out(i);
    }
    for (int i = 0; i < 3; ++i)
        part[i] = s.split ? g.add("Squeeze", {pieces[i], g.ints({0})})
                          : g.add("Gather", {all, g.add_constant("i", Tensor::scalar_i64(i))}, {{"axis", int64_t{0}}});
    ValueId q = part[0], k = g.transpose(part[1], {0, 1, 3, 2});
    if (s.scale == 2) q = g.add("Mul", {q, g.number(0.7f)}), k = g.add("Mul", {k, g.number(0.7f)});
    ValueId scores = g.add("MatMul", {q, k});
    if (s.scale == 1) scores = g.add("Mul", {scores, g.number(0.5f)});
    if (s.scale == 3) scores = g.add("Div", {scores, g.number(2)});
    if (s.mask) scores = g.add("Add", {scores, g.weights({2, 1, 1, rows}, 9)});
    ValueId y = g.add("MatMul", {g.add("Softmax", {scores}, {{"axis", int64_t{-1}}}), part[2]});
    if (s.join) y = g.reshape(g.transpose(y, {0, 2, 1, 3}), {2, rows, heads * depth});
    g.outputs = {y};
    return g;
}
}  // namespace

TEST(Transformer, LayerNormalisationSpelledOutBecomesOneStep) {
    for (bool power : {false, true})
        for (bool scale : {false, true})
            for (bool bias : {false, true})
                EXPECT_EQ(plan_and_check(layer_norm(power, scale, bias, {-1}), {normal({2, 5, 12}, 1)}), Ops{"LayerNormalization"}) << power << scale << bias;
}

TEST(Transformer, NormalisationOverOtherAxesStays) {
    for (const Ints& axes : {Ints{1}, Ints{0, 2}})
        for (const std::string& op : plan_and_check(layer_norm(true, true, true, axes), {normal({2, 5, 12}, 1)})) EXPECT_NE(op, "LayerNormalization");
    // Scale and bias of [12] over axes of [5, 12] stay nodes of their own.
    EXPECT_EQ(plan_and_check(layer_norm(true, true, true, {1, 2}), {normal({2, 5, 12}, 1)}), (Ops{"LayerNormalization", "hone.Chain"}));
}

TEST(Transformer, AttentionInTheFormsOfExportersBecomesOneStep) {
    for (bool split : {false, true})
        for (int scale : {0, 1, 2, 3})
            for (bool mask : {false, true})
                for (bool join : {false, true})
                    EXPECT_EQ(plan_and_check(attention({split, scale, mask, join}), {normal({2, 7, 36}, 2)}), Ops{"hone.Attention"}) << split << scale << mask << join;
}

TEST(Transformer, AttentionSwitchedOffGivesTheSame) {
    const Ops ops = plan_and_check(attention({true, 1, true, true}), {normal({2, 7, 36}, 2)}, {"fuse_attention"});
    EXPECT_GT(ops.size(), 5u);
}

TEST(Transformer, AttentionThatIsReadElsewhereStays) {
    Net g = attention({true, 1, false, true});
    for (NodeId n : g.order())
        if (g.node(n).is("Softmax")) g.outputs.push_back(g.node(n).out());
    for (const std::string& op : plan_and_check(g, {normal({2, 7, 36}, 2)})) EXPECT_NE(op, "hone.Attention");
}

TEST(Transformer, TheReferenceOfAttentionIsTheGraphItReplaces) {
    Graph g = attention({false, 2, true, true});
    infer_graph(g);
    const std::vector<Tensor> in = {normal({2, 7, 36}, 2)};
    const Tensor want = interpret_graph(g, in)[0];
    run_passes(g, Stage::runtime);
    bool fused = false;
    for (NodeId n : g.order()) fused |= g.node(n).is("Attention", "hone");
    EXPECT_TRUE(fused);
    const Tensor got = interpret_graph(g, in)[0];
    for (int64_t i = 0; i < want.count(); ++i) ASSERT_NEAR(want.at(i), got.at(i), 1e-5);
}
