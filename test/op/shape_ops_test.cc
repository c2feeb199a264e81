// SPDX-License-Identifier: Apache-2.0
// Operators that move elements: values by hand, inference on partial shapes, hostile indices, opset history.
#include "op/run_node.h"

using namespace hone;

namespace {

const Dim kN = Dim::named("N");

/// Inference with the values of some inputs known.
std::string inferred_with(const std::string& op, TypeInfo x, const std::vector<Tensor>& rest, Attributes a = {}) {
    std::vector<TypeInfo> in{std::move(x)};
    std::vector<const Tensor*> known{nullptr};
    std::set<size_t> omitted;
    for (const Tensor& t : rest) {
        if (!t.defined()) omitted.insert(in.size());
        in.push_back(t.defined() ? TypeInfo::of(t) : TypeInfo{});
        known.push_back(t.defined() ? &t : nullptr);
    }
    return to_text(infer_node(*find_op("", op), node_of(op, in.size(), std::move(a), 1, omitted), in, known)[0]);
}
Tensor i64s(const Ints& v) { return Tensor::of_i64(v); }

TEST(Reshape, InfersSymbols) {
    EXPECT_EQ(inferred_with("Reshape", f32({kN, 3, 4}), {i64s({0, -1})}), "f32[N,12]");
    EXPECT_EQ(inferred_with("Reshape", f32({kN, 3, 4}), {i64s({-1, 12})}), "f32[N,12]");
    EXPECT_EQ(inferred_with("Reshape", f32({kN, 3, 4}), {i64s({-1, 6})}), "f32[?,6]");
    EXPECT_EQ(inferred_with("Reshape", TypeInfo::tensor(DType::f32), {i64s({2, -1})}), "f32[2,?]");
    EXPECT_EQ(inferred("Reshape", {f32({2}), TypeInfo::tensor(DType::i64, {3})}), "f32[?,?,?]");
    EXPECT_EQ(run("Reshape", {Tensor::zeros(DType::f32, {0, 3}), i64s({3, 0})}, {{"allowzero", int64_t{1}}})[0].dims(),
              (Dims{3, 0}));
    for (const Ints& bad : {Ints{5}, Ints{-1, -1}, Ints{-2}, Ints{2, 3, 0}, Ints{4, -1}})
        EXPECT_EQ(error_of([&] { run("Reshape", {iota({2, 3}), i64s(bad)}); }), "op.invalid") << to_text(bad);
}

TEST(Reshape, FlattenSqueezeExpandTranspose) {
    EXPECT_EQ(inferred("Flatten", {f32({kN, 3, 4})}), "f32[N,12]");
    EXPECT_EQ(inferred_with("Squeeze", f32({kN, 1, 1}), {i64s({-1, 1})}), "f32[N]");
    EXPECT_EQ(inferred("Squeeze", {f32({kN, 1})}), "f32[*]");
    EXPECT_EQ(inferred_with("Unsqueeze", f32({kN}), {i64s({0, -1})}), "f32[1,N,1]");
    EXPECT_EQ(inferred_with("Expand", f32({kN, 1}), {i64s({1, 4})}), "f32[N,4]");
    EXPECT_EQ(inferred("Transpose", {f32({kN, 3, 4})}), "f32[4,3,N]");
    expect_values(run("Transpose", {iota({2, 3})})[0], {3, 2}, {0, 3, 1, 4, 2, 5});
    expect_values(run("Expand", {iota({2, 1}), i64s({2})})[0], {2, 2}, {0, 0, 1, 1});
    EXPECT_EQ(error_of([] { run("Squeeze", {iota({2, 1}), i64s({0})}); }), "op.invalid");
    EXPECT_EQ(error_of([] { run("Unsqueeze", {iota({2}), i64s({0, 0})}); }), "op.invalid");
    EXPECT_EQ(error_of([] { run("Transpose", {iota({2, 3})}, {{"perm", Ints{0, 0}}}); }), "op.invalid");
    EXPECT_EQ(error_of([] { run("Expand", {iota({2}), i64s({int64_t{1} << 61, 4, 2})}); }), "size.overflow");
}

TEST(Concat, SplitTile) {
    EXPECT_EQ(inferred("Concat", {f32({kN, 3}), f32({Dim(), 4})}, {{"axis", int64_t{-1}}}), "f32[N,7]");
    expect_values(run("Concat", {iota({2, 1}), iota({2, 2}, 5)}, {{"axis", int64_t{1}}})[0], {2, 3},
                  {0, 5, 6, 1, 7, 8});
    const auto parts = run("Split", {iota({5})}, {{"num_outputs", int64_t{2}}}, 2);
    expect_values(parts[0], {3}, {0, 1, 2});
    expect_values(parts[1], {2}, {3, 4});
    EXPECT_EQ(error_of([] { run("Split", {iota({5}), i64s({2, 2})}, {}, 2); }), "op.invalid");
    EXPECT_EQ(error_of([] { run("Split", {iota({5}), i64s({6, -1})}, {}, 2); }), "op.invalid");
    expect_values(run("Tile", {iota({1, 2}), i64s({2, 2})})[0], {2, 4}, {0, 1, 0, 1, 0, 1, 0, 1});
    EXPECT_EQ(error_of([] { run("Tile", {iota({2}), i64s({int64_t{1} << 62})}); }), "size.overflow");
    EXPECT_EQ(error_of([] { run("Concat", {iota({2, 2}), iota({3, 2})}, {{"axis", int64_t{1}}}); }), "op.invalid");
}

TEST(Slice, ClampsAsTheStandard) {
    const int64_t least = std::numeric_limits<int64_t>::min(), most = std::numeric_limits<int64_t>::max();
    const auto cut = [&](int64_t start, int64_t end, int64_t step) {
        return run("Slice", {iota({5}), i64s({start}), i64s({end}), i64s({0}), i64s({step})})[0].to_f64();
    };
    using V = std::vector<double>;
    EXPECT_EQ(cut(1, most, 2), (V{1, 3}));
    EXPECT_EQ(cut(most, least, -1), (V{4, 3, 2, 1, 0}));
    EXPECT_EQ(cut(-1, 1, -2), (V{4, 2}));
    EXPECT_EQ(cut(4, 1, 1), V{});
    EXPECT_EQ(cut(least, most, most), V{0});
    EXPECT_EQ(cut(4, least, least), V{4});
    EXPECT_EQ(error_of([&] { cut(0, 1, 0); }), "op.invalid");
    EXPECT_EQ(inferred_with("Slice", f32({kN, kN, 8}), {i64s({0, 0, 2}), i64s({most, 2, 6})}), "f32[N,?,4]");
    EXPECT_EQ(inferred("Slice", {f32({kN, 8}), TypeInfo::tensor(DType::i64), TypeInfo::tensor(DType::i64)}),
              "f32[?,?]");
}

TEST(Pad, Modes) {
    const auto pad = [](const char* mode, const Ints& pads) {
        return run("Pad", {iota({3}, 1), i64s(pads)}, {{"mode", std::string(mode)}})[0].to_f64();
    };
    using V = std::vector<double>;
    EXPECT_EQ(pad("constant", {1, 2}), (V{0, 1, 2, 3, 0, 0}));
    EXPECT_EQ(pad("reflect", {2, 3}), (V{3, 2, 1, 2, 3, 2, 1, 2}));
    EXPECT_EQ(pad("edge", {1, 1}), (V{1, 1, 2, 3, 3}));
    EXPECT_EQ(pad("wrap", {2, 1}), (V{2, 3, 1, 2, 3, 1}));
    EXPECT_EQ(pad("constant", {-1, 1}), (V{2, 3, 0}));
    EXPECT_EQ(error_of([&] { pad("constant", {-2, -2}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { pad("constant", {std::numeric_limits<int64_t>::max(), 1}); }), "op.invalid");
    expect_values(run("Pad", {iota({1, 2}), i64s({1, 0}), Tensor::scalar_f32(7), i64s({-1})})[0], {1, 3}, {7, 0, 1});
}

TEST(Constant, ShapesAndRanges) {
    EXPECT_EQ(run("Shape", {iota({2, 3, 4})}, {{"start", int64_t{-2}}})[0].to_i64(), (Dims{3, 4}));
    EXPECT_EQ(inferred("Shape", {f32({kN, 3})}), "i64[2]");
    EXPECT_EQ(run("Range", {Tensor::scalar_i64(10), Tensor::scalar_i64(4), Tensor::scalar_i64(-4)})[0].to_i64(),
              (Dims{10, 6}));
    EXPECT_EQ(error_of([] {
                  run("Range", {Tensor::scalar_i64(0), Tensor::scalar_i64(4), Tensor::scalar_i64(0)});
              }),
              "op.invalid");
    expect_values(run("EyeLike", {iota({2, 3})}, {{"k", int64_t{1}}})[0], {2, 3}, {0, 1, 0, 0, 0, 1});
    expect_values(run("Trilu", {iota({2, 2}, 1), Tensor::scalar_i64(-1)}, {{"upper", int64_t{0}}})[0], {2, 2},
                  {0, 0, 3, 0});
    expect_values(run("OneHot", {i64s({1, -1, 9}), Tensor::scalar_i64(2), Tensor::of_f32({0, 5})})[0], {3, 2},
                  {0, 5, 0, 5, 0, 0});
    EXPECT_EQ(run("Constant", {}, {{"value_strings", std::vector<std::string>{"a", "b"}}})[0].str(1), "b");
    EXPECT_EQ(error_of([] { run("Constant", {}); }), "op.invalid");
    EXPECT_EQ(error_of([] { run("ConstantOfShape", {i64s({-1})}); }), "op.invalid");
}

TEST(Gather, ChecksEveryIndex) {
    expect_values(run("Gather", {iota({3, 2}), i64s({-1, 0})})[0], {2, 2}, {4, 5, 0, 1});
    EXPECT_EQ(inferred("Gather", {f32({kN, 8}), TypeInfo::tensor(DType::i64, {})}, {{"axis", int64_t{1}}}), "f32[N]");
    const auto bad = [](const std::string& op, const std::vector<Tensor>& in) {
        return error_of([&] { run(op, in); });
    };
    for (int64_t i : {int64_t{3}, int64_t{-4}, std::numeric_limits<int64_t>::min()}) {
        EXPECT_EQ(bad("Gather", {iota({3}), i64s({i})}), "op.invalid");
        EXPECT_EQ(bad("GatherElements", {iota({3}), i64s({i})}), "op.invalid");
        EXPECT_EQ(bad("GatherND", {iota({3}), i64s({i})}), "op.invalid");
        EXPECT_EQ(bad("ScatterElements", {iota({3}), i64s({i}), iota({1})}), "op.invalid");
        EXPECT_EQ(bad("ScatterND", {iota({3}), i64s({i}), iota({})}), "op.invalid");
    }
    EXPECT_EQ(bad("Gather", {Tensor::zeros(DType::f32, {0}), i64s({0})}), "op.invalid");
    EXPECT_EQ(bad("ReverseSequence", {iota({2, 1}), i64s({3})}), "op.invalid");
    EXPECT_EQ(bad("Compress", {iota({2}), of(DType::boolean, {0, 0, 1}, {3})}), "op.invalid");
    expect_values(
        run("GatherND", {iota({2, 2, 2}), Tensor::of_i64({1, 0}).reshaped({2, 1})}, {{"batch_dims", int64_t{1}}})[0],
        {2, 2}, {2, 3, 4, 5});
}

TEST(Scatter, Reductions) {
    const auto scatter = [](const char* r) {
        return run("ScatterElements", {Tensor::of_f32({1, 2, 3}), i64s({1, 1}), Tensor::of_f32({5, -4})},
                   {{"reduction", std::string(r)}})[0]
            .to_f64();
    };
    using V = std::vector<double>;
    EXPECT_EQ(scatter("none"), (V{1, -4, 3}));
    EXPECT_EQ(scatter("add"), (V{1, 3, 3}));
    EXPECT_EQ(scatter("mul"), (V{1, -40, 3}));
    EXPECT_EQ(scatter("min"), (V{1, -4, 3}));
    EXPECT_EQ(scatter("max"), (V{1, 5, 3}));
}

TEST(Select, SizesFollowValues) {
    EXPECT_EQ(inferred("NonZero", {f32({kN, 3})}), "i64[2,?]");
    EXPECT_EQ(run("NonZero", {Tensor::of_f32({0, 1, 2, 0}, {2, 2})})[0].to_i64(), (Dims{0, 1, 1, 0}));
    const auto u = run("Unique", {Tensor::of_f32({2, 1, 2})}, {}, 4);
    expect_values(u[0], {2}, {1, 2});
    EXPECT_EQ(u[1].to_i64(), (Dims{1, 0}));
    EXPECT_EQ(u[2].to_i64(), (Dims{1, 0, 1}));
    EXPECT_EQ(u[3].to_i64(), (Dims{1, 2}));
}

TEST(Space, BlocksSumsAndDeterminants) {
    const Tensor x = iota({1, 4, 2, 2});
    for (const char* mode : {"DCR", "CRD"}) {
        const Tensor y = run("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string(mode)}})[0];
        EXPECT_TRUE(
            run("SpaceToDepth", {y}, {{"blocksize", int64_t{2}}})[0].same_bits(x));  // one channel: both modes agree
    }
    EXPECT_EQ(inferred("SpaceToDepth", {f32({kN, 3, 4, 6})}, {{"blocksize", int64_t{2}}}), "f32[N,12,2,3]");
    EXPECT_EQ(error_of([&] { run("DepthToSpace", {x}, {{"blocksize", int64_t{3}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("DepthToSpace", {x}, {{"blocksize", int64_t{0}}}); }), "op.invalid");
    expect_values(
        run("CumSum", {iota({4}), Tensor::scalar_i64(0)}, {{"reverse", int64_t{1}}, {"exclusive", int64_t{1}}})[0], {4},
        {6, 5, 3, 0});
    expect_values(run("Det", {Tensor::of_f32({0, 2, 3, 4}, {2, 2})})[0], {}, {-6});
}

TEST(Resize, ModesAndHistory) {
    const Tensor x = iota({1, 1, 1, 4}), scales = Tensor::of_f32({1, 1, 1, 2}), sizes = i64s({1, 1, 1, 2}), none;
    expect_values(run("Resize", {x, none, scales}, {{"mode", std::string("linear")}})[0], {1, 1, 1, 8},
                  {0, .25, .75, 1.25, 1.75, 2.25, 2.75, 3});
    expect_values(
        run("Resize", {x, none, none, sizes},
            {{"coordinate_transformation_mode", std::string("asymmetric")}, {"nearest_mode", std::string("floor")}})[0],
        {1, 1, 1, 2}, {0, 2});
    expect_values(run("Resize", {x, none, none, i64s({8, 2})},
                      {{"axes", Ints{2, 3}}, {"keep_aspect_ratio_policy", std::string("not_larger")}})[0],
                  {1, 1, 1, 2}, {0, 2});
    EXPECT_EQ(inferred_with("Resize", f32({kN, 3, 8, 8}), {none, Tensor::of_f32({1, 1, 2, 2})}), "f32[N,3,16,16]");
    EXPECT_EQ(inferred_with("Resize", f32({10}), {none, Tensor::of_f32({0.7f})}), "f32[7]");
    const Tensor third =
        run("Resize", {iota({12}), none, Tensor::of_f32({0.3f})},
            {{"coordinate_transformation_mode", std::string("asymmetric")}, {"nearest_mode", std::string("floor")}})[0];
    expect_values(third, {3}, {0, 3, 6});
    EXPECT_EQ(error_of([&] { run("Resize", {x, none, scales}, {{"antialias", int64_t{1}}}); }), "op.unsupported");
    EXPECT_EQ(error_of([&] { run("Resize", {x, none, Tensor::of_f32({1, 1, 1, NAN})}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("Resize", {x}); }), "op.invalid");

    Graph g;
    const NodeId n = g.add_node("", "Upsample", {g.add_input("x", f32({1, 1, 2, 2}))}, 1,
                                {{"mode", std::string("nearest")}, {"scales", std::vector<float>{1, 1, 2, 2}}});
    g.outputs = g.node(n).outputs;
    find_op("", "Upsample")->upgrade(g, n, 7);
    infer_graph(g);
    EXPECT_EQ(to_text(g.value(g.outputs[0]).type), "f32[1,1,4,4]");
    Graph old = g.compacted();
    EXPECT_EQ(find_op("", "Resize")->downgrade(old, 0, 7), 7);
    EXPECT_TRUE(old.node(0).is("Upsample"));
    EXPECT_EQ(old.node(0).inputs.size(), 1u);
    old = g.compacted();
    EXPECT_EQ(find_op("", "Resize")->downgrade(old, 0, 11), 11);
    EXPECT_TRUE(old.node(0).is("Resize"));
    EXPECT_EQ(old.value(old.node(0).in(1)).constant.count(), 0);
}

TEST(GridSample, IdentityGridAndPadding) {
    const Tensor x = iota({1, 1, 2, 2}), grid = Tensor::of_f32({-1, -1, 1, -1, -1, 1, 3, 3}, {1, 2, 2, 2});
    Attributes a{{"align_corners", int64_t{1}}};
    expect_values(run("GridSample", {x, grid}, a)[0], {1, 1, 2, 2}, {0, 1, 2, 0});
    a["padding_mode"] = std::string("border");
    expect_values(run("GridSample", {x, grid}, a)[0], {1, 1, 2, 2}, {0, 1, 2, 3});
    a["padding_mode"] = std::string("reflection");
    expect_values(run("GridSample", {x, grid}, a)[0], {1, 1, 2, 2}, {0, 1, 2, 0});
    expect_values(run("GridSample", {x, Tensor::of_f32({NAN, INFINITY}, {1, 1, 1, 2})}, a)[0], {1, 1, 1, 1}, {0});
}

TEST(Einsum, Notation) {
    const auto e = [](const char* equation) { return Attributes{{"equation", std::string(equation)}}; };
    const Tensor a = iota({2, 3}), b = iota({3, 2});
    expect_values(run("Einsum", {a, b}, e("ij,jk"))[0], {2, 2}, {10, 13, 28, 40});
    expect_values(run("Einsum", {iota({2, 2})}, e("ii->"))[0], {}, {3});
    expect_values(run("Einsum", {a}, e("...j->j..."))[0], {3, 2}, {0, 3, 1, 4, 2, 5});
    EXPECT_EQ(inferred("Einsum", {f32({kN, 2, 3}), f32({kN, 3, 4})}, e("bij, bjk -> bik")), "f32[N,2,4]");
    for (const char* bad : {"ij->ijk", "i,j", "ij,jk->ii", "i1,jk", "ij,...jk..."})
        EXPECT_EQ(error_of([&] { run("Einsum", {a, b}, e(bad)); }), "op.invalid") << bad;
}

/// Upgrades of 9 and back give the same node.
TEST(History, AttributesBecomeInputsAndBack) {
    struct Case {
        const char* op;
        Attributes attributes;
        int outputs, inputs;
        const char* type;
    };
    const std::vector<Case> cases{
        {"Squeeze", {{"axes", Ints{0}}}, 1, 2, "f32[4,6]"},
        {"Unsqueeze", {{"axes", Ints{1}}}, 1, 2, "f32[1,1,4,6]"},
        {"Slice", {{"starts", Ints{1}}, {"ends", Ints{3}}, {"axes", Ints{2}}}, 1, 4, "f32[1,4,2]"},
        {"Pad", {{"pads", Ints{0, 0, 1, 0, 0, 1}}, {"value", 2.f}}, 1, 3, "f32[1,4,8]"},
        {"Split", {{"axis", int64_t{1}}, {"split", Ints{1, 3}}}, 2, 2, "f32[1,1,6]"},
    };
    for (const Case& k : cases) {
        Graph g;
        const NodeId n = g.add_node("", k.op, {g.add_input("x", f32({1, 4, 6}))}, k.outputs, k.attributes);
        g.outputs = g.node(n).outputs;
        const OpDecl* op = find_op("", k.op);
        op->upgrade(g, n, 9);
        EXPECT_EQ(g.node(n).inputs.size(), static_cast<size_t>(k.inputs)) << k.op;
        infer_graph(g);
        EXPECT_EQ(to_text(g.value(g.outputs[0]).type), k.type) << k.op;
        EXPECT_EQ(op->downgrade(g, n, 9), 9) << k.op;
        EXPECT_EQ(g.node(n).inputs.size(), 1u) << k.op;
        for (const auto& [name, value] : k.attributes)
            EXPECT_EQ(to_text(g.node(n).attributes.at(name)), to_text(value)) << k.op;
        g.check_structure();
    }
    Graph g;
    const ValueId x = g.add_input("x", f32({5}));
    const NodeId even = g.add_node("", "Split", {x}, 2, {{"num_outputs", int64_t{2}}});
    infer_graph(g);
    EXPECT_EQ(find_op("", "Split")->downgrade(g, even, 17), 17);
    EXPECT_EQ(g.value(g.node(even).in(1)).constant.to_i64(), (Dims{3, 2}));
    const NodeId moving = g.add_node("", "Unsqueeze", {x, g.add_input("axes", TypeInfo::tensor(DType::i64, {1}))}, 1);
    EXPECT_EQ(find_op("", "Unsqueeze")->downgrade(g, moving, 11), 13);
}

}  // namespace
