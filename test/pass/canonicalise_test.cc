// SPDX-License-Identifier: Apache-2.0
// Special cases become plainer operators, and GELU by tanh is found as exporters write it.
#include <cmath>

#include "base/rng.h"
#include "pass/pass.h"
#include "support.h"

using namespace hone;

namespace {

struct Net : Graph {
    ValueId x = add_input("x", TypeInfo::tensor(DType::f32, {2, 3, 4, 5}));
    ValueId then(const std::string& op, std::vector<ValueId> in, Attributes a = {}) { return node(add_node("", op, std::move(in), 1, std::move(a))).out(); }
    ValueId number(float v) { return add_constant(unique_name("c"), Tensor::of_f32({v}).reshaped({})); }
};
std::string ops_after(Graph& g, const std::string& pass, Stage stage) {
    PassOptions o;
    for (const PassDecl& p : all_passes())
        if (p.name != pass && std::string(p.name) != "eliminate_dead") o.disabled.insert(p.name);
    infer_graph(g);
    const Graph before = g.compacted();
    run_passes(g, stage, o);
    g.check_structure();
    Tensor x = Tensor::zeros(DType::f32, {2, 3, 4, 5});
    Rng rng(3);
    for (int64_t i = 0; i < x.count(); ++i) x.set(i, 2 * rng.normal());
    const Tensor want = interpret_graph(before, {x})[0], got = interpret_graph(g, {x})[0];
    EXPECT_EQ(got.dims(), want.dims());
    for (int64_t i = 0; i < want.count(); ++i) EXPECT_NEAR(got.at(i), want.at(i), 1e-5) << i;
    std::string ops;
    for (NodeId n : g.order()) ops += (ops.empty() ? "" : " ") + g.node(n).op;
    return ops;
}
using Ints = std::vector<int64_t>;

}  // namespace

TEST(Canonicalise, SeveralOperandsBecomeAChain) {
    for (const auto& [op, chain] : {std::pair{"Sum", "Relu Neg Add Add"}, {"Max", "Relu Neg Max Max"}, {"Min", "Relu Neg Min Min"}}) {
        Net g;
        g.outputs = {g.then(op, {g.x, g.then("Relu", {g.x}), g.then("Neg", {g.x})})};
        EXPECT_EQ(ops_after(g, "canonicalise", Stage::portable), chain);
    }
    Net two;
    two.outputs = {two.then("Sum", {two.x, two.then("Relu", {two.x})})};
    EXPECT_EQ(ops_after(two, "canonicalise", Stage::portable), "Relu Add");
    Net pair;
    pair.outputs = {pair.then("Max", {pair.x, pair.then("Neg", {pair.x})})};
    EXPECT_EQ(ops_after(pair, "canonicalise", Stage::portable), "Neg Max");
}

TEST(Canonicalise, MeanOverAllPositionsIsAPool) {
    const auto mean = [](const Ints& axes, int64_t keep) {
        Net g;
        g.outputs = {g.then("ReduceMean", {g.x, g.add_constant("axes", Tensor::of_i64(axes))}, {{"keepdims", keep}})};
        return ops_after(g, "canonicalise", Stage::portable);
    };
    EXPECT_EQ(mean({2, 3}, 1), "GlobalAveragePool");
    EXPECT_EQ(mean({-1, 2}, 0), "GlobalAveragePool Flatten");
    EXPECT_EQ(mean({1, 2}, 1), "ReduceMean");
    EXPECT_EQ(mean({3}, 1), "ReduceMean");
    EXPECT_EQ(mean({1, 2, 3}, 0), "ReduceMean");
}

TEST(FuseActivations, GeluByTanh) {
    for (const int form : {0, 1, 2}) {
        Net g;
        const ValueId x = g.x;
        const ValueId cube = form == 0 ? g.then("Pow", {x, g.number(3)}) : g.then("Mul", {x, g.then("Mul", {x, x})});
        const ValueId inner = g.then("Add", {x, g.then("Mul", {g.number(0.044715f), cube})});
        const ValueId gate = g.then("Tanh", {g.then("Mul", {g.number(0.7978846f), inner})});
        const ValueId one = g.then("Add", {g.number(1), gate});
        g.outputs = {form == 2 ? g.then("Mul", {g.then("Mul", {g.number(0.5f), x}), one}) : g.then("Mul", {g.number(0.5f), g.then("Mul", {x, one})})};
        EXPECT_EQ(ops_after(g, "fuse_activations", Stage::runtime), "Gelu") << form;
    }
    Net other;
    const ValueId inner = other.then("Add", {other.x, other.then("Mul", {other.number(0.05f), other.then("Pow", {other.x, other.number(3)})})});
    const ValueId gate = other.then("Tanh", {other.then("Mul", {other.number(0.7978846f), inner})});
    other.outputs = {other.then("Mul", {other.number(0.5f), other.then("Mul", {other.x, other.then("Add", {other.number(1), gate})})})};
    EXPECT_EQ(ops_after(other, "fuse_activations", Stage::runtime), "Pow Mul Add Mul Tanh Add Mul Mul");
}

TEST(FuseRmsNorm, AsExportersSpellIt) {
    for (const int form : {0, 1, 2, 3}) {
        Net g;
        const ValueId x = g.x, axes = g.add_constant("axes", Tensor::of_i64({form == 3 ? 2 : -1}));
        const ValueId square = form == 1 ? g.then("Mul", {x, x}) : g.then("Pow", {x, g.number(2)});
        const ValueId root = g.then("Sqrt", {g.then("Add", {g.then("ReduceMean", {square, axes}), g.number(1e-5f)})});
        const ValueId normal = form == 0   ? g.then("Mul", {x, g.then("Reciprocal", {root})})
                               : form == 1 ? g.then("Mul", {g.then("Div", {g.number(1), root}), x})
                                           : g.then("Div", {x, root});
        g.outputs = {g.then("Mul", {g.add_constant("scale", Tensor::of_f32({1, 2, 3, 4, 5})), normal})};
        EXPECT_EQ(ops_after(g, "fuse_rms_norm", Stage::runtime), form == 3 ? "Pow ReduceMean Add Sqrt Div Mul" : "RMSNormalization") << form;
    }
}
