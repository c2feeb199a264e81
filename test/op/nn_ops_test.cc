// SPDX-License-Identifier: Apache-2.0
// Convolutions, products, pools, normalisation, recurrent cells, quantisation: values by hand, costs, hostile attributes.
#include "op/run_node.h"
#include "op/window.h"

using namespace hone;

namespace {

Cost cost(const std::string& op, const std::vector<TypeInfo>& in, Attributes attributes = {}) {
    Graph g;
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < in.size(); ++i) inputs.push_back(g.add_input(cat("i", static_cast<int>(i)), in[i]));
    const NodeId n = g.add_node("", op, inputs, 1, std::move(attributes));
    g.outputs = g.node(n).outputs;
    infer_graph(g);
    return cost_of(g, n);
}

TEST(Cost, DepthwiseSeparableFigures) {
    const Attributes same{{"pads", Ints{1, 1, 1, 1}}};
    Attributes depthwise = same;
    depthwise["group"] = int64_t{64};
    const TypeInfo x = f32({1, 64, 112, 112});
    EXPECT_EQ(cost("Conv", {x, f32({64, 1, 3, 3})}, depthwise).macs, 7225344);
    EXPECT_EQ(cost("Conv", {x, f32({128, 64, 1, 1})}).macs, 102760448);
    EXPECT_EQ(cost("Conv", {x, f32({128, 64, 3, 3})}, same).macs, 924844032);
}

TEST(Cost, RecurrentAndProducts) {
    // a bidirectional GRU of 128 over 28 rows of 28 with a dense layer behind it: 3,357,184
    const double gru = cost("GRU", {f32({28, 1, 28}), f32({2, 384, 28}), f32({2, 384, 128})},
                            {{"direction", std::string("bidirectional")}, {"hidden_size", int64_t{128}}}).macs;
    EXPECT_EQ(gru + cost("Gemm", {f32({1, 256}), f32({256, 10})}).macs, 3357184);
    EXPECT_EQ(cost("LSTM", {f32({28, 1, 28}), f32({1, 512, 28}), f32({1, 512, 128})}).macs, 28 * 4 * 128 * (28 + 128));
    EXPECT_EQ(cost("MatMul", {f32({8, 5, 7}), f32({7, 3})}).macs, 8 * 5 * 7 * 3);
    EXPECT_EQ(cost("ConvTranspose", {f32({1, 2, 5, 5}), f32({2, 4, 3, 3})}).macs, 2 * 25 * 4 * 9);
}

TEST(Conv, ByHand) {
    const Tensor x = iota({1, 1, 3, 3}), ones = of(DType::f32, {1, 1, 1, 1}, {1, 1, 2, 2});
    expect_values(run("Conv", {x, ones, Tensor::of_f32({10})})[0], {1, 1, 2, 2}, {18, 22, 30, 34});
    expect_values(run("Conv", {x, ones}, {{"auto_pad", std::string("SAME_UPPER")}})[0], {1, 1, 3, 3},
                  {8, 12, 7, 20, 24, 13, 13, 15, 8});
    expect_values(run("Conv", {x, ones}, {{"auto_pad", std::string("SAME_LOWER")}})[0], {1, 1, 3, 3},
                  {0, 1, 3, 3, 8, 12, 9, 20, 24});
    expect_values(run("Conv", {x, ones}, {{"dilations", Ints{2, 2}}})[0], {1, 1, 1, 1}, {0 + 2 + 6 + 8});
    expect_values(run("Conv", {iota({1, 2, 2}), of(DType::f32, {1, 1, 1, -1}, {2, 1, 2})}, {{"group", int64_t{2}}})[0],
                  {1, 2, 1}, {1, -1});
}

TEST(Conv, WindowIsExplicit) {
    const Node n = node_of("Conv", 2, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}}, 1);
    const Window w = conv_window({*find_op("", "Conv"), n}, {1, 3, 224, 224}, {64, 3, 7, 7});
    EXPECT_EQ(w.out, (Dims{112, 112}));
    EXPECT_EQ(w.pads_begin, (Dims{2, 2}));
    EXPECT_EQ(w.pads_end, (Dims{3, 3}));
    EXPECT_EQ(w.dilations, (Dims{1, 1}));
}

TEST(Conv, InfersWithWhatIsKnown) {
    const Shape batch{Dim::named("N"), 3, Dim::named("H"), 32};
    EXPECT_EQ(inferred("Conv", {f32(batch), f32({8, 3, 3, 3})}, {{"pads", Ints{1, 1, 1, 1}}}), "f32[N,8,H,32]");
    EXPECT_EQ(inferred("Conv", {f32(batch), f32({8, 3, 3, 3})}, {{"strides", Ints{2, 2}}}), "f32[N,8,?,15]");
    EXPECT_EQ(inferred("Conv", {TypeInfo::tensor(DType::f32), f32({8, 3, 3, 3})}), "f32[?,8,?,?]");
    EXPECT_EQ(inferred("Conv", {TypeInfo{}, TypeInfo{}}), "undefined[*]");
    EXPECT_EQ(inferred("LSTM", {f32({28, Dim::named("N"), 28}), TypeInfo{}, f32({1, 512, 128})}), "f32[28,1,N,128]");
    EXPECT_EQ(inferred("MaxPool", {f32(batch)}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}), "f32[N,3,?,16]");
}

TEST(Conv, HostileAttributesAreModelErrors) {
    const TypeInfo x = f32({1, 4, 8, 8}), w = f32({4, 4, 3, 3});
    const auto refused = [&](Attributes a) {
        EXPECT_EQ(error_of([&] { inferred("Conv", {x, w}, a); }), "op.invalid");
    };
    constexpr int64_t huge = int64_t{1} << 62;
    refused({{"kernel_shape", Ints{0, 3}}});
    refused({{"kernel_shape", Ints{5, 5}}});
    refused({{"strides", Ints{-1, 1}}});
    refused({{"strides", Ints{1}}});
    refused({{"strides", Ints{0, 0}}});
    refused({{"dilations", Ints{huge, huge}}});
    refused({{"pads", Ints{-1, 0, 0, 0}}});
    refused({{"pads", Ints{huge, huge, huge, huge}}});
    refused({{"pads", Ints{100, 0, 0, 0}}});
    refused({{"group", int64_t{0}}});
    refused({{"group", int64_t{3}}});
    refused({{"auto_pad", std::string("SAME")}});
    EXPECT_EQ(error_of([&] { inferred("Conv", {x, f32({4, 4, 9, 9})}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { inferred("Conv", {x, f32({4, 5, 3, 3})}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { inferred("Conv", {TypeInfo::tensor(DType::string), w}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { inferred("Conv", {f32({1, 1, 2, 2, 2, 2}), f32({1, 1, 1, 1, 1, 1})}); }), "op.unsupported");
    EXPECT_EQ(error_of([&] { inferred("MaxPool", {x}, {{"kernel_shape", Ints{huge, huge}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { inferred("MaxPool", {x}, {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{2, 2, 2, 2}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { inferred("ConvTranspose", {x, w}, {{"output_padding", Ints{9, 9}}}); }), "op.invalid");
}

TEST(ConvTranspose, IsTheAdjointOfConv) {
    const Tensor x = iota({1, 2, 4, 5}), y = iota({1, 3, 2, 3}, -7), w = iota({3, 2, 3, 3}, -20);
    const Attributes a{{"pads", Ints{1, 1, 0, 1}}, {"strides", Ints{2, 2}}};
    const Tensor forward = run("Conv", {x, w}, a)[0];
    Attributes b = a;
    b["output_padding"] = Ints{0, 0};
    ASSERT_EQ(forward.dims(), y.dims());
    const Tensor back = run("ConvTranspose", {y, w}, b)[0];
    ASSERT_EQ(back.dims(), x.dims());
    double left = 0, right = 0;
    for (int64_t i = 0; i < y.count(); ++i) left += forward.at(i) * y.at(i);
    for (int64_t i = 0; i < x.count(); ++i) right += back.at(i) * x.at(i);
    EXPECT_NEAR(left, right, 1e-6 * std::fabs(left));
}

TEST(Pool, CeilPadsAndIndices) {
    const Tensor x = iota({1, 1, 3, 3});
    const Attributes two{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}};
    const std::vector<Tensor> y = run("MaxPool", {x}, two, 2);
    expect_values(y[0], {1, 1, 2, 2}, {4, 5, 7, 8});
    expect_values(y[1], {1, 1, 2, 2}, {4, 5, 7, 8});
    expect_values(run("AveragePool", {x}, two)[0], {1, 1, 2, 2}, {2, 3.5, 6.5, 8});
    Attributes padded{{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}, {"strides", Ints{3, 3}}};
    expect_values(run("AveragePool", {iota({1, 1, 2, 2}, 4)}, padded)[0], {1, 1, 1, 1}, {4});
    padded["count_include_pad"] = int64_t{1};
    expect_values(run("AveragePool", {iota({1, 1, 2, 2}, 4)}, padded)[0], {1, 1, 1, 1}, {1});
    expect_values(run("MaxPool", {of(DType::i8, {-5, -9}, {1, 1, 2})}, {{"kernel_shape", Ints{2}}, {"pads", Ints{1, 0}}})[0],
                  {1, 1, 2}, {-5, -5});
    expect_values(run("GlobalAveragePool", {x})[0], {1, 1, 1, 1}, {4});
}

TEST(MatMul, BroadcastsAndTakesVectors) {
    expect_values(run("MatMul", {iota({2}), iota({2})})[0], {}, {1});
    expect_values(run("MatMul", {iota({2}), iota({2, 3})})[0], {3}, {3, 4, 5});
    expect_values(run("MatMul", {iota({2, 1, 2}), iota({2, 1})})[0], {2, 1, 1}, {1, 3});
    EXPECT_EQ(inferred("MatMul", {f32({Dim::named("N"), 4, 5}), f32({5, 6})}), "f32[N,4,6]");
    EXPECT_EQ(error_of([] { inferred("MatMul", {f32({2, 3}), f32({4, 5})}); }), "op.invalid");
    const Tensor big = of(DType::i64, {1e18, 9}, {2});
    EXPECT_EQ(run("MatMul", {big, of(DType::i64, {16, 1}, {2})})[0].at_int(0),  // wraps around as int64 does
              static_cast<int64_t>(16000000000000000009ull));
}

TEST(Gemm, ScalesAndTransposes) {
    const Attributes a{{"alpha", 2.0f}, {"beta", 10.0f}, {"transA", int64_t{1}}, {"transB", int64_t{1}}};
    expect_values(run("Gemm", {iota({2, 1}), iota({2, 2}), Tensor::of_f32({1, 2})}, a)[0], {1, 2}, {12, 26});
    EXPECT_EQ(error_of([] { inferred("Gemm", {f32({2, 3}), f32({3, 4}), f32({2, 2, 4})}); }), "op.invalid");
}

TEST(BatchNorm, InferenceAndUpgrade) {
    const Tensor one = Tensor::of_f32({2});
    const std::vector<Tensor> in{iota({1, 1, 2}), one, Tensor::of_f32({1}), Tensor::of_f32({0.5}), Tensor::of_f32({4})};
    expect_values(run("BatchNormalization", in, {{"epsilon", 0.0f}})[0], {1, 1, 2}, {0.5, 1.5});
    Graph g;
    std::vector<ValueId> v;
    for (const Tensor& t : in) v.push_back(g.add_constant("t", t));
    const NodeId n = g.add_node("", "BatchNormalization", v, 5, {{"spatial", int64_t{1}}});
    g.outputs = {g.node(n).outputs[0]};
    find_op("", "BatchNormalization")->upgrade(g, n, 8);
    g.check_structure();
    infer_graph(g);
    EXPECT_EQ(g.node(n).outputs.size(), 1u);
    EXPECT_TRUE(g.node(n).attributes.empty());
}

TEST(Lstm, OneCellByHand) {
    const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
    // input 1, hidden 1: gates i, o, f, c have W = .1 .2 .3 .4, R = .5 .6 .7 .8, biases 0
    const std::vector<Tensor> in{Tensor::of_f32({1, 2, 3}, {3, 1, 1}), Tensor::of_f32({.1f, .2f, .3f, .4f}, {1, 4, 1}),
                                 Tensor::of_f32({.5f, .6f, .7f, .8f}, {1, 4, 1}), Tensor(), of(DType::i32, {2}, {1})};
    double h = 0, c = 0;
    std::vector<double> want;
    for (double x : {2.0, 1.0}) {  // reverse over the first two of three steps
        const double i = sigmoid(.1 * x + .5 * h), o = sigmoid(.2 * x + .6 * h), f = sigmoid(.3 * x + .7 * h);
        c = f * c + i * std::tanh(.4 * x + .8 * h);
        h = o * std::tanh(c);
        want.insert(want.begin(), h);
    }
    want.push_back(0);
    const std::vector<Tensor> y = run("LSTM", in, {{"hidden_size", int64_t{1}}, {"direction", std::string("reverse")}}, 3);
    expect_values(y[0], {3, 1, 1, 1}, want);
    expect_values(y[1], {1, 1, 1}, {h});
    expect_values(y[2], {1, 1, 1}, {c});
    EXPECT_EQ(error_of([&] { run("LSTM", in, {{"hidden_size", int64_t{7}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("LSTM", in, {{"activations", std::vector<std::string>{"Tanh"}}}); }), "op.invalid");
}

TEST(Quantize, RoundsHalfToEvenAndSaturates) {
    const Tensor x = Tensor::of_f32({0.5f, 1.5f, 2.5f, -0.5f, -300, 300, NAN});
    expect_values(run("QuantizeLinear", {x, Tensor::scalar_f32(1), of(DType::i8, {0}, {})})[0], {7}, {0, 2, 2, 0, -128, 127, 0});
    expect_values(run("QuantizeLinear", {x, Tensor::scalar_f32(1), of(DType::u8, {3}, {})})[0], {7}, {3, 5, 5, 3, 0, 255, 0});
    const Tensor q = of(DType::i8, {1, 2, 3, 4}, {2, 2});
    expect_values(run("DequantizeLinear", {q, Tensor::of_f32({1, 10}), of(DType::i8, {1, 0}, {2})}, {{"axis", int64_t{0}}})[0],
                  {2, 2}, {0, 1, 30, 40});
    EXPECT_EQ(error_of([&] { run("DequantizeLinear", {q, Tensor::of_f32({1, 2, 3})}); }), "op.invalid");
}

TEST(Quantize, QLinearConvFollowsTheInt8Specification) {
    // acc = (130-128)*3 + bias 1 = 7; m = 0.5 * 0.25 / 0.25; 7 * 0.5 = 3.5 rounds to 4, zero point 10
    const std::vector<Tensor> in{of(DType::u8, {130}, {1, 1, 1}), Tensor::scalar_f32(0.5f),  of(DType::u8, {128}, {}),
                                 of(DType::i8, {3}, {1, 1, 1}),   Tensor::of_f32({0.25f}),   of(DType::i8, {0}, {1}),
                                 Tensor::scalar_f32(0.25f),       of(DType::u8, {10}, {}),   of(DType::i32, {1}, {1})};
    expect_values(run("QLinearConv", in)[0], {1, 1, 1}, {14});
}

TEST(Softmax, BelowThirteenFlattensAtAxis) {
    Graph g;
    const ValueId x = g.add_constant("x", iota({1, 2, 2}));
    const NodeId n = g.add_node("", "Softmax", {x}, 1, {}, "s");
    g.outputs = {g.node(n).outputs[0]};
    const std::string name = g.value(g.outputs[0]).name;
    find_op("", "Softmax")->upgrade(g, n, 11);
    g.check_structure();
    EXPECT_EQ(g.value(g.outputs[0]).name, name);
    EXPECT_EQ(g.alive_count(), 4);
    const double total = 1 + std::exp(1.) + std::exp(2.) + std::exp(3.);
    if (find_op("", "Flatten") && find_op("", "Reshape") && find_op("", "Shape")) {
        infer_graph(g);
        expect_values(interpret_graph(g, {})[0], {1, 2, 2}, {1 / total, std::exp(1.) / total, std::exp(2.) / total, std::exp(3.) / total});
    }
}

TEST(Softmax, TheLastAxisNeedsNoFlattening) {
    Graph g;
    const ValueId x = g.add_input("x", f32({Dim::named("N"), 10}));
    const NodeId n = g.add_node("", "Softmax", {x}, 1, {}, "s");
    g.outputs = {g.node(n).outputs[0]};
    find_op("", "Softmax")->upgrade(g, n, 9);
    EXPECT_EQ(g.alive_count(), 1);
    EXPECT_EQ(find_op("", "Softmax")->downgrade(g, n, 9), 7);
    EXPECT_EQ(std::get<int64_t>(g.node(n).attributes["axis"]), 1);
    g.node(n).attributes["axis"] = int64_t{0};
    EXPECT_EQ(find_op("", "Softmax")->downgrade(g, n, 9), 13);
}

TEST(Downgrade, SaysTheLeastOpset) {
    Graph g;
    const ValueId x = g.add_input("x", f32({4, 4}));
    const ValueId per_axis = g.add_constant("s", Tensor::of_f32({1, 2, 3, 4})), one = g.add_constant("o", Tensor::scalar_f32(1));
    const NodeId q = g.add_node("", "QuantizeLinear", {x, per_axis}, 1), p = g.add_node("", "QuantizeLinear", {x, one}, 1);
    const NodeId gemm = g.add_node("", "Gemm", {x, x}, 1);
    EXPECT_EQ(find_op("", "QuantizeLinear")->downgrade(g, q, 10), 13);
    EXPECT_EQ(find_op("", "QuantizeLinear")->downgrade(g, p, 10), 10);
    EXPECT_EQ(find_op("", "Gemm")->downgrade(g, gemm, 7), 7);
    EXPECT_EQ(g.node(gemm).inputs.size(), 3u);
    g.check_structure();
}

}  // namespace
