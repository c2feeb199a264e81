// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"

#include <functional>

#include "support.h"

using namespace hone;

namespace {

TypeInfo f32(Shape s) { return TypeInfo::tensor(DType::f32, std::move(s)); }

std::string error_id(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.id;
    }
    return "";
}
/// The id of the internal error that a broken structure gives.
bool is_internal(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        return e.kind == ErrorKind::internal;
    }
    return false;
}

/// x -> Relu -> a -> Neg -> b -> Abs -> y
struct Chain {
    Graph g;
    ValueId x, a, b, y;
    NodeId relu, neg, abs;
    Chain() {
        x = g.add_input("x", f32({2}));
        relu = g.add_node("", "Relu", {x}, 1, {}, "relu", {"relu"});
        a = g.node(relu).out();
        neg = g.add_node("", "Neg", {a}, 1, {}, "neg", {"neg"});
        b = g.node(neg).out();
        abs = g.add_node("", "Abs", {b}, 1, {}, "abs", {"abs"});
        y = g.node(abs).out();
        g.rename_value(y, "y");
        g.outputs = {y};
    }
};

}  // namespace

TEST(Graph, TextNamesTypesAttributesAndOrigins) {
    Graph g;
    g.name = "net";
    const ValueId x = g.add_input("x", f32({Dim::named("N"), 3, Dim()}));
    const ValueId w = g.add_constant("w", Tensor::of_f32({1, 2.5f, -3}));
    const ValueId big = g.add_constant("big", Tensor::zeros(DType::i8, {3, 4}));
    const NodeId n = g.add_node("hone", "Conv", {x, w, kNone, big}, 2,
                                {{"alpha", 0.5f}, {"pads", std::vector<int64_t>{1, 2}}, {"mode", std::string("same")}, {"group", int64_t{7}}}, "c", {"a", "b"});
    g.value(g.node(n).out(0)).type = TypeInfo::tensor(DType::u8);
    const NodeId r = g.add_node("", "Relu", {g.node(n).out(0)}, 1, {}, "r", {"r"});
    g.outputs = {g.node(r).out(), g.node(n).out(1)};
    EXPECT_EQ(to_text(g),
              "graph net (%x: f32[N,3,?]) {\n"
              "  %c:out: u8[*], %c:1: ? = hone.Conv(%x, %w=f32[3]{1,2.5,-3}, -, %big=i8[3,4]) {alpha=0.5, group=7, mode=\"same\", pads=[1,2]}  # a + b\n"
              "  %r:out: ? = Relu(%c:out)\n"
              "} -> %r:out, %c:1\n");
}

TEST(Graph, OrderIsTopologicalAndStableInNodeId) {
    Graph g;
    const ValueId x = g.add_input("x", f32({1}));
    const ValueId late = g.add_value("late", {});
    const NodeId uses_late = g.add_node("", "Neg", {late}, 1);
    const NodeId second = g.add_node("", "Abs", {x}, 1);
    Node n;
    n.op = "Relu";
    n.inputs = {x};
    n.outputs = {late};
    const NodeId makes_late = g.add_node_with(n);
    const NodeId last = g.add_node("", "Neg", {x}, 1);
    EXPECT_EQ(g.order(), (std::vector<NodeId>{second, makes_late, uses_late, last}));
}

TEST(Graph, ACycleIsAModelErrorThatNamesANode) {
    Chain c;
    c.g.set_input(c.relu, 0, c.b);
    EXPECT_EQ(error_id([&] { c.g.order(); }), "graph.cycle");
    try {
        c.g.check_structure();
        FAIL();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind, ErrorKind::model);
        EXPECT_NE(e.where.find("relu"), std::string::npos) << e.where;
    }
}

TEST(Graph, ANodeThatUsesAValueTwiceIsOrderedOnce) {
    Chain c;
    const NodeId twice = c.g.add_node("", "Mul", {c.a, c.a}, 1);
    EXPECT_EQ(c.g.value(c.a).users, (std::vector<NodeId>{c.neg, twice, twice}));
    EXPECT_EQ(c.g.order().size(), 4u);
    EXPECT_EQ(c.g.sole_user(c.a), kNone);
    c.g.replace_uses(c.a, c.x);
    EXPECT_EQ(c.g.value(c.x).users.size(), 4u);
    EXPECT_TRUE(c.g.value(c.a).users.empty());
    c.g.check_structure();
}

TEST(Graph, ReplaceUsesKeepsTheNameOfAnOutput) {
    Chain c;
    c.g.replace_uses(c.y, c.a);
    EXPECT_EQ(c.g.outputs, std::vector<ValueId>{c.a});
    EXPECT_EQ(c.g.value(c.a).name, "y");
    EXPECT_EQ(c.g.find_value("y"), c.a);
    EXPECT_EQ(c.g.value(c.y).name, "relu:out");
    c.g.check_structure();
    c.g.remove_node(c.abs);
    c.g.remove_node(c.neg);
    c.g.check_structure();
    EXPECT_EQ(to_text(c.g), "graph graph (%x: f32[2]) {\n  %y: ? = Relu(%x)\n} -> %y\n");
}

TEST(Graph, ReplaceUsesLeavesTheNamesOfInputsAndOfOtherOutputs) {
    Chain c;
    c.g.replace_uses(c.y, c.x);  // an input keeps its own name
    EXPECT_EQ(c.g.outputs, std::vector<ValueId>{c.x});
    EXPECT_EQ(c.g.value(c.x).name, "x");
    c.g.check_structure();

    Chain d;
    d.g.rename_value(d.a, "hidden");
    d.g.outputs = {d.y, d.a};
    d.g.replace_uses(d.y, d.a);  // `hidden` is an output already
    EXPECT_EQ(d.g.outputs, (std::vector<ValueId>{d.a, d.a}));
    EXPECT_EQ(d.g.value(d.a).name, "hidden");
    d.g.check_structure();
}

TEST(Graph, SoleUserCountsGraphOutputs) {
    Chain c;
    EXPECT_EQ(c.g.sole_user(c.a), c.neg);
    c.g.outputs.push_back(c.a);
    EXPECT_EQ(c.g.sole_user(c.a), kNone);
    EXPECT_EQ(c.g.sole_user(c.y), kNone);
}

TEST(Graph, NamesOfValuesAndNodesAreUnique) {
    Graph g;
    const ValueId a = g.add_input("v", f32({1})), b = g.add_input("v", f32({1})), c = g.add_input("v", f32({1}));
    EXPECT_EQ(g.value(a).name, "v");
    EXPECT_NE(g.value(b).name, g.value(c).name);
    const NodeId n = g.add_node("", "Relu", {a}, 1, {}, "n"), m = g.add_node("", "Relu", {b}, 1, {}, "n");
    EXPECT_NE(g.node(n).name, g.node(m).name);
    EXPECT_NE(g.value(g.node(n).out()).name, g.value(g.node(m).out()).name);
    EXPECT_TRUE(is_internal([&] { g.rename_value(a, g.value(b).name); }));
    EXPECT_EQ(g.find_value("absent"), kNone);
}

TEST(Graph, RemovingWhatIsUsedIsABug) {
    Chain c;
    EXPECT_TRUE(is_internal([&] { c.g.remove_node(c.relu); }));
    EXPECT_TRUE(is_internal([&] { c.g.remove_node(c.abs); }));  // makes an output
    EXPECT_TRUE(is_internal([&] { c.g.node(99); }));
    EXPECT_TRUE(is_internal([&] { c.g.value(-1); }));
}

TEST(Graph, CompactedDropsTheDeadAndSharesConstants) {
    Chain c;
    const ValueId w = c.g.add_constant("w", Tensor::of_f32({1, 2}));
    c.g.add_constant("unused", Tensor::of_f32({3}));
    const NodeId add = c.g.add_node("", "Add", {c.a, w}, 1, {}, "add");
    const NodeId dead = c.g.add_node("", "Relu", {c.x}, 1, {}, "dead");
    c.g.replace_uses(c.y, c.g.node(add).out());
    for (NodeId n : {c.abs, c.neg, dead}) c.g.remove_node(n);
    c.g.metadata["k"] = "v";
    c.g.opsets[""] = 13;
    c.g.ir_version = 8;
    const Graph small = c.g.compacted();
    small.check_structure();
    EXPECT_EQ(to_text(small), to_text(c.g));
    EXPECT_EQ(small.node_count(), 2);
    EXPECT_EQ(small.alive_count(), 2);
    EXPECT_EQ(small.value_count(), 4);  // x, relu:out, w, y
    EXPECT_EQ(small.find_value("unused"), kNone);
    EXPECT_EQ(small.value(small.find_value("w")).constant.raw(), c.g.value(w).constant.raw());
    EXPECT_EQ(small.metadata, c.g.metadata);
    EXPECT_EQ(small.opsets, c.g.opsets);
    EXPECT_EQ(small.ir_version, 8);
}

TEST(Graph, CompactedKeepsUnusedInputsAndConstantOutputs) {
    Graph g;
    g.add_input("unused", f32({1}));
    const ValueId c = g.add_constant("c", Tensor::of_f32({1}));
    g.outputs = {c, c};
    const Graph small = g.compacted();
    EXPECT_EQ(to_text(small), "graph graph (%unused: f32[1]) {\n} -> %c=f32[1]{1}, %c=f32[1]{1}\n");
    small.check_structure();
}

TEST(Graph, CheckStructureFindsWhatNothingMakes) {
    Graph g;
    const ValueId orphan = g.add_value("orphan", f32({1}));
    g.check_structure();  // unused: allowed
    g.add_node("", "Relu", {orphan}, 1);
    EXPECT_TRUE(is_internal([&] { g.check_structure(); }));
    Graph h;
    h.outputs = {h.add_value("orphan", f32({1}))};
    EXPECT_TRUE(is_internal([&] { h.check_structure(); }));
    Chain c;
    c.g.value(c.a).users.clear();
    EXPECT_TRUE(is_internal([&] { c.g.check_structure(); }));
}

TEST(Graph, AValueHasOneProducer) {
    Chain c;
    Node n;
    n.op = "Relu";
    n.inputs = {c.x};
    n.outputs = {c.a};
    EXPECT_TRUE(is_internal([&] { c.g.add_node_with(n); }));
}

TEST(Graph, LongChainsNeedNoStack) {
    Graph g;
    ValueId v = g.add_input("x", f32({1}));
    for (int i = 0; i < 100000; ++i) v = g.node(g.add_node("", "Relu", {v}, 1)).out();
    g.outputs = {v};
    EXPECT_EQ(g.order().size(), 100000u);
    EXPECT_EQ(g.compacted().node_count(), 100000);
}
