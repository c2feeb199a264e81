// SPDX-License-Identifier: Apache-2.0
// Reductions, ArgMax, ArgMin, TopK, losses: values by hand, empty sets, opset history.
#include "op/run_node.h"

using namespace hone;

namespace {

TEST(Reduce, EveryKind) {
    const Tensor x = Tensor::of_f32({1, -2, 3, 4}, {2, 2}), last = Tensor::of_i64({-1});
    const Attributes drop{{"keepdims", int64_t{0}}};
    expect_values(run("ReduceSum", {x, last}, drop)[0], {2}, {-1, 7});
    expect_values(run("ReduceMean", {x, last})[0], {2, 1}, {-0.5, 3.5});
    expect_values(run("ReduceMax", {x, last}, drop)[0], {2}, {1, 4});
    expect_values(run("ReduceMin", {x, last}, drop)[0], {2}, {-2, 3});
    expect_values(run("ReduceProd", {x, last}, drop)[0], {2}, {-2, 12});
    expect_values(run("ReduceL1", {x, last}, drop)[0], {2}, {3, 7});
    expect_values(run("ReduceL2", {x, last}, drop)[0], {2}, {std::sqrt(5.), 5});
    expect_values(run("ReduceSumSquare", {x}, drop)[0], {}, {30});
    expect_values(run("ReduceLogSum", {x}, drop)[0], {}, {std::log(6.)});
    expect_values(run("ReduceLogSumExp", {Tensor::of_f32({1000, 1000})}, drop)[0], {}, {1000 + std::log(2.)});
    expect_values(run("ReduceMax", {Tensor::of_f32({1, NAN, 2})}, drop)[0], {}, {NAN});
}

TEST(Reduce, EmptySetsAndNoop) {
    const Tensor none = Tensor::zeros(DType::f32, {2, 0}), axis = Tensor::of_i64({1}), all = Tensor::of_i64({});
    expect_values(run("ReduceSum", {none, axis})[0], {2, 1}, {0, 0});
    expect_values(run("ReduceProd", {none, axis})[0], {2, 1}, {1, 1});
    expect_values(run("ReduceMax", {none, axis})[0], {2, 1}, {-INFINITY, -INFINITY});
    expect_values(run("ReduceMin", {none, axis})[0], {2, 1}, {INFINITY, INFINITY});
    expect_values(run("ReduceMax", {Tensor::zeros(DType::i32, {1, 0}), axis})[0], {1, 1}, {-2147483648.0});
    const Tensor x = iota({2, 2});
    expect_values(run("ReduceSum", {x, all})[0], {1, 1}, {6});
    expect_values(run("ReduceSum", {x, all}, {{"noop_with_empty_axes", int64_t{1}}})[0], {2, 2}, {0, 1, 2, 3});
}

TEST(Reduce, IntegersAreExact) {
    Tensor x = Tensor::zeros(DType::i64, {2});
    x.set_int(0, (int64_t{1} << 53) + 1);
    x.set_int(1, 2);
    EXPECT_EQ(run("ReduceSum", {x})[0].at_int(0), (int64_t{1} << 53) + 3);
}

TEST(Reduce, InfersWithWhatIsKnown) {
    const TypeInfo x = f32({Dim::named("N"), 3, 4});
    EXPECT_EQ(inferred("ReduceMean", {x}, {{"keepdims", int64_t{0}}}), "f32[]");
    EXPECT_EQ(inferred("ReduceMean", {x, TypeInfo::tensor(DType::i64, {1})}), "f32[?,?,?]");
    EXPECT_EQ(inferred("ReduceMean", {TypeInfo::tensor(DType::f32)}), "f32[*]");
    EXPECT_EQ(inferred("ArgMax", {x}, {{"axis", int64_t{-1}}, {"keepdims", int64_t{0}}}), "i64[N,3]");
    EXPECT_EQ(inferred("TopK", {x, TypeInfo::tensor(DType::i64, {1})}), "f32[N,3,?]");
}

TEST(Reduce, AxesMoveBetweenAttributeAndInput) {
    Graph g;
    const ValueId x = g.add_input("x", f32({2, 3, 4}));
    const NodeId n = g.add_node("", "ReduceMean", {x}, 1, {{"axes", Ints{-1, 1}}});
    const OpDecl* mean = find_op("", "ReduceMean");
    mean->upgrade(g, n, 13);
    EXPECT_EQ(g.node(n).inputs.size(), 2u);
    EXPECT_FALSE(g.node(n).attributes.contains("axes"));
    EXPECT_EQ(mean->downgrade(g, n, 18), 7);
    EXPECT_EQ(g.node(n).inputs.size(), 2u);
    EXPECT_EQ(mean->downgrade(g, n, 9), 7);
    EXPECT_EQ(g.node(n).inputs.size(), 1u);
    EXPECT_EQ(std::get<Ints>(g.node(n).attributes["axes"]), (Ints{2, 1}));
    g.check_structure();
    const NodeId moving = g.add_node("", "ReduceMean", {x, g.add_input("axes", TypeInfo::tensor(DType::i64, {1}))}, 1);
    EXPECT_EQ(mean->downgrade(g, moving, 13), 18);
    const NodeId sum = g.add_node("", "ReduceSum", {x}, 1, {{"axes", Ints{0}}});
    find_op("", "ReduceSum")->upgrade(g, sum, 13);  // already an input there: nothing to do
    EXPECT_TRUE(g.node(sum).attributes.contains("axes"));
}

TEST(ArgMax, FirstOrLast) {
    const Tensor x = Tensor::of_f32({2, 2, 1, 2}, {1, 4});
    const Attributes a{{"axis", int64_t{1}}};
    Attributes last = a;
    last["select_last_index"] = int64_t{1};
    expect_values(run("ArgMax", {x}, a)[0], {1, 1}, {0});
    expect_values(run("ArgMax", {x}, last)[0], {1, 1}, {3});
    expect_values(run("ArgMin", {x}, a)[0], {1, 1}, {2});
    EXPECT_EQ(error_of([&] { run("ArgMax", {x}, {{"axis", int64_t{2}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("ArgMax", {Tensor::zeros(DType::f32, {1, 0})}, {{"axis", int64_t{1}}}); }), "op.invalid");
}

TEST(TopK, TiesTakeTheLowerIndex) {
    const Tensor x = Tensor::of_f32({1, 3, 3, 2});
    const std::vector<Tensor> top = run("TopK", {x, Tensor::of_i64({3})}, {}, 2);
    expect_values(top[0], {3}, {3, 3, 2});
    expect_values(top[1], {3}, {1, 2, 3});
    expect_values(run("TopK", {x, Tensor::of_i64({1})}, {{"largest", int64_t{0}}}, 2)[1], {1}, {0});
    EXPECT_EQ(error_of([&] { run("TopK", {x, Tensor::of_i64({5})}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("TopK", {x, Tensor::of_i64({-1})}); }), "op.invalid");
}

TEST(TopK, KWasAnAttribute) {
    Graph g;
    const NodeId n = g.add_node("", "TopK", {g.add_input("x", f32({8}))}, 2, {{"k", int64_t{2}}});
    find_op("", "TopK")->upgrade(g, n, 9);
    EXPECT_EQ(g.value(g.node(n).inputs[1]).constant.at_int(0), 2);
    EXPECT_EQ(find_op("", "TopK")->downgrade(g, n, 9), 7);
    EXPECT_EQ(std::get<int64_t>(g.node(n).attributes["k"]), 2);
    g.check_structure();
}

TEST(Loss, CrossEntropyOfUniformIsLogClasses) {
    const Tensor x = Tensor::zeros(DType::f32, {2, 4}), labels = Tensor::of_i64({1, 3});
    expect_values(run("SoftmaxCrossEntropyLoss", {x, labels})[0], {}, {std::log(4.)});
    expect_values(run("SoftmaxCrossEntropyLoss", {x, labels}, {{"reduction", std::string("none")}, {"ignore_index", int64_t{3}}})[0],
                  {2}, {std::log(4.), 0});
    EXPECT_EQ(error_of([&] { run("NegativeLogLikelihoodLoss", {x, Tensor::of_i64({0, 4})}); }), "op.invalid");
}

}  // namespace
