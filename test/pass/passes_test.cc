// SPDX-License-Identifier: Apache-2.0
// Each pass alone on a small graph, its result as text and by value.
#include <cmath>
#include <set>

#include "base/rng.h"
#include "pass/pass.h"
#include "support.h"

using namespace hone;

namespace {

TypeInfo f32(Shape s) { return TypeInfo::tensor(DType::f32, std::move(s)); }

Tensor normal(const Dims& dims, uint64_t seed, double scale = 1) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, scale * rng.normal());
    return t;
}

/// A graph under construction; names are given so that text is stable.
struct Net : Graph {
    ValueId node_of(const std::string& op, const std::string& name, std::vector<ValueId> in, Attributes a = {}, const std::string& domain = "") {
        return node(add_node(domain, op, std::move(in), 1, std::move(a), name, {name})).out();
    }
    void output(ValueId v, const std::string& as) {
        rename_value(v, as);
        outputs.push_back(v);
    }
};

void run_only(Graph& g, const std::string& pass, Stage stage, Precision precision = Precision::fp32) {
    PassOptions o;
    o.precision = precision;
    for (const PassDecl& p : all_passes())
        if (p.name != pass) o.disabled.insert(p.name);
    infer_graph(g);
    run_passes(g, stage, o);
}
/// Its nodes, one a line, without head and tail.
std::string body(const Graph& g) {
    const std::string t = to_text(g);
    const size_t from = t.find("{\n") + 2;
    return t.substr(from, t.rfind('}') - from);
}
double largest_difference(const Tensor& a, const Tensor& b) {
    EXPECT_EQ(a.dims(), b.dims());
    EXPECT_EQ(a.dtype(), b.dtype());
    double worst = 0;
    for (int64_t i = 0; i < std::min(a.count(), b.count()); ++i) worst = std::max(worst, std::fabs(a.at(i) - b.at(i)));
    return worst;
}
/// The pass leaves the values as they are.
void expect_same_values(const Graph& before, const Graph& after, const std::vector<Tensor>& in, double tolerance = 1e-5) {
    const std::vector<Tensor> a = interpret_graph(before, in), b = interpret_graph(after, in);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_LE(largest_difference(a[i], b[i]), tolerance) << "output " << i;
    ASSERT_EQ(before.outputs.size(), after.outputs.size());
    for (size_t i = 0; i < before.outputs.size(); ++i) EXPECT_EQ(before.value(before.outputs[i]).name, after.value(after.outputs[i]).name);
}

std::vector<std::string> ops_of(const Graph& g) {
    std::vector<std::string> out;
    for (NodeId n : g.order()) out.push_back((g.node(n).domain.empty() ? "" : g.node(n).domain + ".") + g.node(n).op);
    return out;
}
using Ops = std::vector<std::string>;
using Ints = std::vector<int64_t>;

}  // namespace

TEST(Passes, FoldConstants) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3}));
    const ValueId a = g.add_constant("a", Tensor::of_f32({1, 2, 3})), b = g.add_constant("b", Tensor::of_f32({10, 20, 30}));
    const ValueId sum = g.node_of("Add", "sum", {a, b});
    const ValueId shape = g.node_of("Shape", "shape", {x});
    const ValueId flat = g.node_of("Reshape", "flat", {g.node_of("Mul", "mul", {x, sum}), shape});
    g.output(flat, "y");
    const Graph before = g;
    run_only(g, "fold_constants", Stage::portable);
    EXPECT_EQ(body(g),
              "  %mul:out: f32[2,3] = Mul(%x, %sum:out:folded=f32[3]{11,22,33})\n"
              "  %y: f32[2,3] = Reshape(%mul:out, %shape:out:folded=i64[2]{2,3})\n");
    infer_graph(g);
    expect_same_values(before, g, {normal({2, 3}, 1)});
}

// A shape read from a value behind a computed Reshape folds in the same walk: later passes need the types.
TEST(Passes, FoldConstantsFollowsShapesDownTheGraph) {
    Net g;
    ValueId v = g.add_input("x", f32({2, 3, 4}));
    const ValueId rest = g.add_constant("rest", Tensor::of_i64({-1}));
    for (int i = 0; i < 5; ++i) {
        const ValueId first = g.node_of("Slice", "first", {g.node_of("Shape", "shape", {v}), g.add_constant("from", Tensor::of_i64({0})), g.add_constant("to", Tensor::of_i64({1}))});
        v = g.node_of("Relu", "relu", {g.node_of("Reshape", "reshape", {v, g.node_of("Concat", "dims", {first, rest}, {{"axis", int64_t{0}}})})});
    }
    g.output(v, "y");
    const Graph before = g;
    PassOptions once;
    infer_graph(g);
    for (const PassDecl& p : all_passes())
        if (std::string(p.name) == "fold_constants") {
            p.run(g, once);
            break;
        }
    for (NodeId n : g.order()) EXPECT_TRUE(g.value(g.node(n).out()).type.fixed()) << to_text(g);
    EXPECT_EQ(g.alive_count(), 10);
    expect_same_values(before, g, {normal({2, 3, 4}, 34)});
}

TEST(Passes, FoldConstantsLeavesWhatIsRandomOrUnknown) {
    Net g;
    const ValueId x = g.add_input("x", f32({Dim::named("N"), 3}));
    g.output(g.node_of("Shape", "shape", {x}), "dims");
    g.output(g.node_of("RandomUniform", "random", {}, {{"shape", Ints{2}}}), "r");
    const ValueId w = g.add_constant("w", Tensor::zeros(DType::i8, {2})), s = g.add_constant("s", Tensor::scalar_f32(0.5f));
    g.output(g.node_of("DequantizeLinear", "dq", {w, s}), "weights");
    run_only(g, "fold_constants", Stage::portable);
    EXPECT_EQ(ops_of(g), (Ops{"Shape", "RandomUniform", "DequantizeLinear"}));
}

TEST(Passes, EliminateIdentity) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3}));
    ValueId v = g.node_of("Identity", "id", {x});
    v = g.node_of("Dropout", "drop", {v});
    v = g.node_of("Relu", "relu", {v});
    v = g.node_of("Cast", "cast", {v}, {{"to", static_cast<int64_t>(DType::f32)}});
    v = g.node_of("Transpose", "t", {v}, {{"perm", Ints{0, 1}}});
    v = g.node_of("Pad", "pad", {v, g.add_constant("none", Tensor::of_i64({0, 0, 0, 0}))});
    v = g.node_of("Reshape", "r", {v, g.add_constant("same", Tensor::of_i64({2, 3}))});
    v = g.node_of("Concat", "c", {v}, {{"axis", int64_t{0}}});
    g.output(v, "y");
    const Graph before = g;
    run_only(g, "eliminate_identity", Stage::portable);
    EXPECT_EQ(body(g), "  %y: f32[2,3] = Relu(%x)\n");
    expect_same_values(before, g, {normal({2, 3}, 2)});
}

TEST(Passes, EliminateIdentityKeepsWhatChangesSomething) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 2}));
    g.output(g.node_of("Transpose", "t", {x}, {{"perm", Ints{1, 0}}}), "a");
    g.output(g.node_of("Transpose", "t2", {x}), "b");
    g.output(g.node_of("Cast", "cast", {x}, {{"to", static_cast<int64_t>(DType::f64)}}), "c");
    g.output(g.node_of("Identity", "id", {x}), "d");  // an output that is an input would lose its name
    const Graph before = g;
    run_only(g, "eliminate_identity", Stage::portable);
    EXPECT_EQ(ops_of(g), (Ops{"Transpose", "Transpose", "Cast", "Identity"}));
    expect_same_values(before, g, {normal({2, 2}, 3)});
}

TEST(Passes, MergeDuplicates) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3}));
    const ValueId a = g.node_of("Exp", "e1", {x}), b = g.node_of("Exp", "e2", {x}), c = g.node_of("Neg", "n", {x});
    g.output(g.node_of("Add", "sum", {g.node_of("Mul", "m", {a, b}), c}), "y");
    const Graph before = g;
    run_only(g, "merge_duplicates", Stage::portable);
    EXPECT_EQ(body(g),
              "  %e1:out: f32[2,3] = Exp(%x)  # e1 + e2\n"
              "  %n:out: f32[2,3] = Neg(%x)\n"
              "  %m:out: f32[2,3] = Mul(%e1:out, %e1:out)\n"
              "  %y: f32[2,3] = Add(%m:out, %n:out)\n");
    expect_same_values(before, g, {normal({2, 3}, 4)});
}

// The text of an attribute has six digits; two nodes whose attributes differ beyond that are not the same.
TEST(Passes, MergeDuplicatesComparesAttributesToTheLastBit) {
    Net g;
    const ValueId n = g.add_input("n", TypeInfo::tensor(DType::i64, {1}));
    auto filled = [&](const std::string& name, int64_t v) { return g.node_of("ConstantOfShape", name, {n}, {{"value", Tensor::of_i64({v})}}); };
    g.output(g.node_of("Add", "ints", {filled("a", 10000001), filled("b", 10000002)}), "y");
    const ValueId x = g.add_input("x", f32({2}));
    auto leaky = [&](const std::string& name, float alpha) { return g.node_of("LeakyRelu", name, {x}, {{"alpha", alpha}}); };
    g.output(g.node_of("Sub", "reals", {leaky("c", 0.1f), leaky("d", std::nextafter(0.1f, 1.f))}), "z");
    const Graph before = g;
    run_only(g, "merge_duplicates", Stage::portable);
    EXPECT_EQ(g.alive_count(), 6);
    expect_same_values(before, g, {Tensor::of_i64({2}), normal({2}, 5)}, 0);
}

TEST(Passes, MergeDuplicatesComparesListsOfRealsToTheLastBit) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 1, 3}));
    const ValueId w = g.add_constant("w", normal({1, 2, 3}, 6)), r = g.add_constant("r", normal({1, 2, 2}, 7));
    auto rnn = [&](const std::string& name, float alpha) {
        return g.node_of("RNN", name, {x, w, r}, {{"hidden_size", int64_t{2}}, {"activations", std::vector<std::string>{"LeakyRelu"}}, {"activation_alpha", std::vector<float>{alpha}}});
    };
    g.output(g.node_of("Sub", "d", {rnn("a", 0.5f), rnn("b", 0.5000001f)}), "y");
    run_only(g, "merge_duplicates", Stage::portable);
    EXPECT_EQ(g.alive_count(), 3);
}

TEST(Passes, FusePad) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 5, 5}));
    const ValueId pad = g.node_of("Pad", "pad", {x, g.add_constant("amounts", Tensor::of_i64({0, 0, 1, 0, 0, 0, 2, 1}))});
    g.output(g.node_of("Conv", "conv", {pad, g.add_constant("w", normal({3, 2, 3, 3}, 8))}, {{"pads", Ints{0, 1, 0, 0}}}), "y");
    const Graph before = g;
    run_only(g, "fuse_pad", Stage::portable);
    EXPECT_EQ(body(g), "  %y: f32[1,3,6,5] = Conv(%x, %w=f32[3,2,3,3]) {pads=[1,1,2,1]}  # pad + conv\n");
    expect_same_values(before, g, {normal({1, 2, 5, 5}, 9)});
}

TEST(Passes, FusePadKeepsOtherPads) {
    for (const char* what : {"reflect", "ones", "channels", "negative", "auto"}) {
        Net g;
        const std::string w = what;
        const ValueId x = g.add_input("x", f32({1, 2, 5, 5}));
        const Ints amounts = w == "channels" ? Ints{0, 1, 1, 1, 0, 1, 1, 1} : w == "negative" ? Ints{0, 0, -1, 0, 0, 0, 0, 0} : Ints{0, 0, 1, 1, 0, 0, 1, 1};
        std::vector<ValueId> in = {x, g.add_constant("amounts", Tensor::of_i64(amounts))};
        if (w == "ones") in.push_back(g.add_constant("fill", Tensor::scalar_f32(1)));
        const ValueId pad = g.node_of("Pad", "pad", in, w == "reflect" ? Attributes{{"mode", std::string("reflect")}} : Attributes{});
        const int64_t channels = w == "channels" ? 4 : 2;
        g.output(g.node_of("Conv", "conv", {pad, g.add_constant("w", normal({3, channels, 3, 3}, 8))}, w == "auto" ? Attributes{{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}} : Attributes{}), "y");
        const Graph before = g;
        run_only(g, "fuse_pad", Stage::portable);
        EXPECT_EQ(ops_of(g), (Ops{"Pad", "Conv"})) << what;
        expect_same_values(before, g, {normal({1, 2, 5, 5}, 10)});
    }
}

TEST(Passes, FuseConvBn) {
    for (bool bias : {false, true}) {
        Net g;
        const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
        std::vector<ValueId> in = {x, g.add_constant("w", normal({3, 2, 3, 3}, 11))};
        if (bias) in.push_back(g.add_constant("b", normal({3}, 12)));
        const ValueId c = g.node_of("Conv", "conv", in);
        const ValueId bn = g.node_of("BatchNormalization", "bn",
                                     {c, g.add_constant("gamma", Tensor::of_f32({1, -2, 0.5f})), g.add_constant("beta", normal({3}, 13)), g.add_constant("mean", normal({3}, 14)),
                                      g.add_constant("var", Tensor::of_f32({0.1f, 1, 4}))},
                                     {{"epsilon", 0.01f}});
        g.output(bn, "y");
        const Graph before = g;
        run_only(g, "fuse_conv_bn", Stage::portable);
        const std::string text = body(g);
        EXPECT_EQ(text.substr(0, text.find("{")), bias ? "  %y: f32[1,3,2,2] = Conv(%x, %w:bn=f32[3,2,3,3], %b:bn=f32[3]" : "  %y: f32[1,3,2,2] = Conv(%x, %w:bn=f32[3,2,3,3], %conv.bias:bn=f32[3]");
        EXPECT_NE(text.find("# conv + bn\n"), std::string::npos) << text;
        expect_same_values(before, g, {normal({1, 2, 4, 4}, 15)});
    }
}

TEST(Passes, FuseConvBnLeavesAConvThatOthersRead) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
    const ValueId c = g.node_of("Conv", "conv", {x, g.add_constant("w", normal({2, 2, 1, 1}, 16))});
    const ValueId one = g.add_constant("one", Tensor::of_f32({1, 1})), zero = g.add_constant("zero", Tensor::of_f32({0, 0.5f}));
    g.output(g.node_of("BatchNormalization", "bn", {c, one, zero, zero, one}), "y");
    g.output(c, "raw");
    const Graph before = g;
    run_only(g, "fuse_conv_bn", Stage::portable);
    EXPECT_EQ(ops_of(g), (Ops{"Conv", "BatchNormalization"}));
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 17)});
}

TEST(Passes, TwoConvsMayShareWeightsThatOneFolds) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 4, 4})), w = g.add_constant("w", normal({2, 2, 1, 1}, 18));
    const ValueId a = g.node_of("Conv", "a", {x, w}), b = g.node_of("Conv", "b", {g.node_of("Neg", "neg", {x}), w});
    const ValueId two = g.add_constant("two", Tensor::of_f32({2, 3})), zero = g.add_constant("zero", Tensor::of_f32({0.25f, 0.5f}));
    g.output(g.node_of("Add", "sum", {g.node_of("BatchNormalization", "bn", {a, two, zero, zero, two}), b}), "y");
    const Graph before = g;
    run_only(g, "fuse_conv_bn", Stage::portable);
    EXPECT_EQ(ops_of(g), (Ops{"Conv", "Neg", "Conv", "Add"}));
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 19)});
}

TEST(Passes, EliminateDead) {
    Net g;
    const ValueId x = g.add_input("x", f32({2}));
    g.node_of("Exp", "unused", {g.node_of("Neg", "unused_too", {x})});
    g.output(g.node_of("Relu", "relu", {x}), "y");
    run_only(g, "eliminate_dead", Stage::portable);
    EXPECT_EQ(body(g), "  %y: f32[2] = Relu(%x)\n");
}

TEST(Passes, FuseActivations) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3}));
    const ValueId silu = g.node_of("Mul", "mul", {g.node_of("Sigmoid", "sig", {x}), x});
    const ValueId scaled = g.node_of("Div", "div", {silu, g.add_constant("root", Tensor::scalar_f32(std::sqrt(2.f)))});
    const ValueId one = g.add_constant("one", Tensor::scalar_f32(1)), half = g.add_constant("half", Tensor::scalar_f32(0.5f));
    const ValueId sum = g.node_of("Add", "add", {g.node_of("Erf", "erf", {scaled}), one});
    g.output(g.node_of("Mul", "last", {g.node_of("Mul", "first", {silu, sum}), half}), "y");
    const Graph before = g;
    run_only(g, "fuse_activations", Stage::runtime);
    EXPECT_EQ(body(g),
              "  %sig:silu:out: f32[2,3] = hone.Silu(%x)  # sig + mul\n"
              "  %y: f32[2,3] = Gelu(%sig:silu:out)  # div + erf + add + first + last\n");
    expect_same_values(before, g, {normal({2, 3}, 20)});
}

TEST(Passes, FuseActivationsLeavesOtherProducts) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3})), z = g.add_input("z", f32({2, 3}));
    g.output(g.node_of("Mul", "gate", {g.node_of("Sigmoid", "s1", {x}), z}), "a");
    const ValueId s2 = g.node_of("Sigmoid", "s2", {x});
    g.output(g.node_of("Mul", "m2", {s2, x}), "b");
    g.output(s2, "c");
    run_only(g, "fuse_activations", Stage::runtime);
    EXPECT_EQ(ops_of(g), (Ops{"Sigmoid", "Mul", "Sigmoid", "Mul"}));
}

TEST(Passes, FuseEpiloguesOfAConv) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
    const ValueId a = g.node_of("Conv", "conv", {x, g.add_constant("w", normal({2, 2, 3, 3}, 21)), g.add_constant("b", Tensor::of_f32({1, 2}))}, {{"pads", Ints{1, 1, 1, 1}}});
    const ValueId sum = g.node_of("Add", "add", {x, a});
    const ValueId lo = g.add_constant("lo", Tensor::scalar_f32(0)), hi = g.add_constant("hi", Tensor::scalar_f32(6));
    g.output(g.node_of("Clip", "clip", {sum, lo, hi}), "y");
    const Graph before = g;
    run_only(g, "fuse_epilogues", Stage::runtime);
    EXPECT_EQ(body(g), "  %y: f32[1,2,4,4] = hone.Conv(%x, %w=f32[2,2,3,3], %b=f32[2]{1,2}, %x) {activation=\"Clip\", alpha=0, beta=6, pads=[1,1,1,1]}  # conv + add + clip\n");
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 22)});
}

TEST(Passes, FuseEpiloguesOfAMatMul) {
    Net g;
    const ValueId x = g.add_input("x", f32({2, 3, 4}));
    const ValueId m = g.node_of("MatMul", "mm", {x, g.add_constant("w", normal({4, 2}, 23))});
    g.output(g.node_of("Relu", "relu", {g.node_of("Add", "bias", {g.add_constant("b", Tensor::of_f32({1, 2})), m})}), "y");
    const Graph before = g;
    run_only(g, "fuse_epilogues", Stage::runtime);
    EXPECT_EQ(body(g).substr(0, body(g).find(" {")), "  %y: f32[2,3,2] = hone.Gemm(%x, %w=f32[4,2]{" + body(g).substr(body(g).find("{") + 1, body(g).find("}") - body(g).find("{") - 1) + "}, %b:row=f32[2]{1,2}, -)");
    EXPECT_NE(body(g).find("activation=\"Relu\""), std::string::npos);
    expect_same_values(before, g, {normal({2, 3, 4}, 24)});
}

TEST(Passes, FuseEpiloguesGivesAnAddOfTwoConvsToOne) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
    const ValueId a = g.node_of("Conv", "a", {x, g.add_constant("wa", normal({2, 2, 1, 1}, 25))});
    const ValueId b = g.node_of("Conv", "b", {x, g.add_constant("wb", normal({2, 2, 1, 1}, 26))});
    g.output(g.node_of("Relu", "relu", {g.node_of("Add", "add", {a, b})}), "y");
    const Graph before = g;
    run_only(g, "fuse_epilogues", Stage::runtime);
    EXPECT_EQ(ops_of(g), (Ops{"hone.Conv", "hone.Conv"}));
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 27)});
}

TEST(Passes, FuseEpiloguesLeavesWhatOthersRead) {
    Net g;
    const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
    const ValueId c = g.node_of("Conv", "c", {x, g.add_constant("w", normal({2, 2, 1, 1}, 28))});
    g.output(g.node_of("Relu", "relu", {c}), "y");
    g.output(g.node_of("Add", "wide", {c, g.add_constant("rows", normal({1, 1, 1, 4}, 29))}), "z");
    const Graph before = g;
    run_only(g, "fuse_epilogues", Stage::runtime);
    EXPECT_EQ(ops_of(g), (Ops{"hone.Conv", "Relu", "Add"}));
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 30)});
}

TEST(Passes, LowerBf16) {
    auto build = [] {
        Net g;
        const ValueId x = g.add_input("x", f32({1, 2, 4, 4}));
        ValueId v = g.node_of("Conv", "a", {x, g.add_constant("wa", normal({2, 2, 3, 3}, 31))});
        v = g.node_of("MaxPool", "pool", {v}, {{"kernel_shape", Ints{2, 2}}});
        v = g.node_of("Conv", "b", {v, g.add_constant("wb", normal({3, 2, 1, 1}, 32))});
        g.output(g.node_of("Softmax", "soft", {v}, {{"axis", int64_t{1}}}), "y");
        infer_graph(g);
        run_only(g, "fuse_epilogues", Stage::runtime);
        return g;
    };
    Net g = build();
    run_only(g, "lower_bf16", Stage::runtime);
    EXPECT_EQ(ops_of(g), (Ops{"hone.Conv", "MaxPool", "hone.Conv", "Softmax"}));  // fp32 asked for: nothing changes
    const Graph before = g;
    run_only(g, "lower_bf16", Stage::runtime, Precision::bf16);
    EXPECT_EQ(ops_of(g), (Ops{"Cast", "hone.Conv", "MaxPool", "hone.Conv", "Softmax"}));
    const std::string text = body(g);
    EXPECT_NE(text.find(": bf16[1,2,4,4] = Cast(%x) {to=16}"), std::string::npos) << text;
    EXPECT_NE(text.find(": bf16[1,2,2,2] = hone.Conv("), std::string::npos) << text;
    EXPECT_NE(text.find(": bf16[1,2,1,1] = MaxPool("), std::string::npos) << text;
    EXPECT_NE(text.find(": f32[1,3,1,1] = hone.Conv("), std::string::npos) << text;
    expect_same_values(before, g, {normal({1, 2, 4, 4}, 33)}, 0.03);
    const Tensor a = interpret_graph(before, {normal({1, 2, 4, 4}, 33)})[0], b = interpret_graph(g, {normal({1, 2, 4, 4}, 33)})[0];
    EXPECT_GT(largest_difference(a, b), 0) << "nothing was rounded";
}

TEST(Passes, TheDriverTimesDumpsAndSwitchesOff) {
    Net g;
    const ValueId x = g.add_input("x", f32({2}));
    g.output(g.node_of("Relu", "relu", {g.node_of("Identity", "id", {x})}), "y");
    PassOptions o;
    std::vector<std::string> dumped;
    o.dump = [&](const std::string& name, const std::string& text) {
        dumped.push_back(name);
        EXPECT_NE(text.find("Relu(%x)"), std::string::npos);
    };
    infer_graph(g);
    Graph kept = g;
    const std::vector<PassRecord> records = run_passes(g, Stage::portable, o);
    EXPECT_EQ(dumped, Ops{"eliminate_identity"});
    EXPECT_EQ(ops_of(g), Ops{"Relu"});
    int changed = 0;
    for (const PassRecord& r : records) {
        EXPECT_GE(r.seconds, 0);
        changed += r.changed;
    }
    EXPECT_EQ(changed, 1);
    o.disabled = {"eliminate_identity"};
    for (const PassRecord& r : run_passes(kept, Stage::portable, o)) EXPECT_NE(r.name, "eliminate_identity");
    EXPECT_EQ(ops_of(kept), (Ops{"Identity", "Relu"}));
}

TEST(Passes, PortablePassesMakeNoOperatorsOfOurOwn) {
    std::set<std::string> portable;
    for (const PassDecl& p : all_passes()) {
        EXPECT_NE(std::string(p.summary), "");
        if (p.stage == Stage::portable) EXPECT_TRUE(portable.insert(p.name).second) << p.name;
    }
    for (const char* runtime : {"lower_qdq", "fuse_activations", "fuse_epilogues", "lower_bf16"}) EXPECT_FALSE(portable.contains(runtime));
}
