// SPDX-License-Identifier: Apache-2.0
// Nodes of opsets before 7 in canonical form: how operands were aligned, and what each operator called its parameters.
#include "op/history.h"

#include "op/run_node.h"

using namespace hone;

namespace {

/// One node over graph inputs (constants where `constant` says so), of opset `from`, upgraded and run.
struct Old {
    Graph g;
    NodeId node;
    std::vector<Tensor> data;
    Old(const std::string& op, const std::vector<Tensor>& in, Attributes attributes, std::set<size_t> constant = {}, int outputs = 1) {
        std::vector<ValueId> ids;
        for (size_t i = 0; i < in.size(); ++i) {
            const std::string name = cat("x", static_cast<unsigned long>(i));
            ids.push_back(constant.contains(i) ? g.add_constant(name, in[i]) : g.add_input(name, TypeInfo::of(in[i])));
            if (!constant.contains(i)) data.push_back(in[i]);
        }
        node = g.add_node("", op, ids, outputs, std::move(attributes), "old");
        g.outputs = {g.node(node).out()};
    }
    Tensor run(int from) {
        upgrade_node(g, node, from);
        infer_graph(g);
        g.check_structure();
        return interpret_graph(g, data)[0];
    }
};
Tensor old(const std::string& op, int from, const std::vector<Tensor>& in, Attributes attributes, std::set<size_t> constant = {}) {
    return Old(op, in, std::move(attributes), std::move(constant)).run(from);
}
const int64_t one = 1;
Tensor pair() { return Tensor::of_f32({10, 20}); }

}  // namespace

TEST(History, OperandsAreAlignedAtTheAxis) {
    const Tensor x = iota({2, 2, 3});
    for (const std::set<size_t>& constant : {std::set<size_t>{1}, std::set<size_t>{}}) {
        const std::vector<double> along_1 = {10, 11, 12, 23, 24, 25, 16, 17, 18, 29, 30, 31};
        expect_values(old("Add", 6, {x, pair()}, {{"broadcast", one}, {"axis", one}}, constant), {2, 2, 3}, along_1);
        expect_values(old("Add", 6, {x, pair()}, {{"broadcast", one}, {"axis", int64_t{-2}}}, constant), {2, 2, 3}, along_1);
        expect_values(old("Add", 1, {x, pair()}, {{"broadcast", one}, {"axis", int64_t{0}}, {"consumed_inputs", Ints{0, 0}}}, constant), {2, 2, 3},
                      {10, 11, 12, 13, 14, 15, 26, 27, 28, 29, 30, 31});
    }
    expect_values(old("Mul", 6, {x, Tensor::of_f32({1, 2, 3})}, {{"broadcast", one}}), {2, 2, 3}, {0, 2, 6, 3, 8, 15, 6, 14, 24, 9, 20, 33});
    expect_values(old("Less", 6, {iota({2, 2}), pair()}, {{"broadcast", one}, {"axis", int64_t{0}}}), {2, 2}, {1, 1, 1, 1});
    EXPECT_EQ(error_of([&] { old("Add", 6, {pair(), x}, {{"broadcast", one}, {"axis", one}}); }), "op.invalid");
    Old open("Add", {x, pair()}, {{"broadcast", one}, {"axis", one}});
    open.g.value(open.g.inputs[0]).type = TypeInfo::tensor(DType::f32);
    EXPECT_EQ(error_of([&] { open.run(6); }), "op.unsupported");
}

TEST(History, ASlopeLiesAlongTheChannels) {
    expect_values(old("PRelu", 6, {Tensor::of_f32({-1, -2, -3, -4}).reshaped({1, 2, 2}), pair()}, {}, {1}), {1, 2, 2}, {-10, -20, -60, -80});
    expect_values(old("PRelu", 6, {Tensor::of_f32({-1, 2}).reshaped({1, 2}), pair()}, {}, {1}), {1, 2}, {-10, 2});
    expect_values(old("PRelu", 6, {Tensor::of_f32({-1, -2}).reshaped({1, 2, 1}), Tensor::of_f32({3})}, {}, {1}), {1, 2, 1}, {-3, -6});
    expect_values(old("PRelu", 9, {Tensor::of_f32({-1, -2}).reshaped({1, 1, 2}), pair()}, {}, {1}), {1, 1, 2}, {-10, -40});
}

TEST(History, ParametersOfTheFirstOpsets) {
    const Tensor x = iota({1, 1, 2, 2});
    EXPECT_EQ(old("Cast", 1, {x}, {{"to", std::string("INT32")}}).dtype(), DType::i32);
    EXPECT_EQ(old("Concat", 1, {x, x}, {}).dims(), (Dims{1, 2, 2, 2}));
    EXPECT_EQ(old("Reshape", 1, {x}, {{"shape", Ints{4, -1}}}).dims(), (Dims{4, 1}));
    expect_values(old("Pad", 1, {pair()}, {{"paddings", Ints{1, 0}}, {"value", 5.f}}), {3}, {5, 10, 20});
    expect_values(old("Tile", 1, {pair().reshaped({1, 2}), Tensor::scalar_i64(2), Tensor::scalar_i64(1)}, {}, {1, 2}), {1, 4}, {10, 20, 10, 20});
    expect_values(old("Upsample", 1, {pair().reshaped({1, 1, 1, 2})}, {{"height_scale", 2.f}, {"width_scale", 1.f}, {"mode", std::string("nearest")}}),
                  {1, 1, 2, 2}, {10, 20, 10, 20});
    expect_values(old("Dropout", 6, {pair()}, {{"is_test", one}, {"ratio", .9f}}), {2}, {10, 20});
    EXPECT_EQ(error_of([] { old("Dropout", 6, {pair()}, {{"ratio", .9f}}); }), "op.unsupported");
    expect_values(old("Selu", 1, {Tensor::of_f32({2})}, {}), {1}, {2 * 1.0507f}, 1e-7);
    expect_values(old("Selu", 6, {Tensor::of_f32({2})}, {}), {1}, {2 * 1.05070102214813232421875f}, 1e-7);
    expect_values(old("GlobalLpPool", 1, {pair().reshaped({1, 1, 2})}, {{"p", 1.f}}), {1, 1, 1}, {30});
    EXPECT_EQ(error_of([] { old("GlobalLpPool", 1, {pair().reshaped({1, 1, 2})}, {{"p", 1.5f}}); }), "op.unsupported");
    expect_values(old("TopK", 1, {pair()}, {{"k", one}, {"axis", int64_t{0}}}), {1}, {20});
    expect_values(old("Split", 1, {pair()}, {{"axis", int64_t{0}}, {"split", Ints{2}}}), {2}, {10, 20});
    expect_values(old("Clip", 1, {pair()}, {{"max", 15.f}, {"consumed_inputs", Ints{0}}}), {2}, {10, 15});
    expect_values(old("Gemm", 6, {x.reshaped({2, 2}), x.reshaped({2, 2}), pair()}, {{"broadcast", one}}), {2, 2}, {12, 23, 16, 31});
}
