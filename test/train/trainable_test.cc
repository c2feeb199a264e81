// SPDX-License-Identifier: Apache-2.0
// Which constants are trained, frozen, and written back; statistics of batch normalisation.
#include "train/trainable.h"

#include "golden.h"
#include "onnx/reader.h"

namespace hone::train {
namespace {

Tensor ones(const Dims& dims, DType t = DType::f64) {
    Tensor x = Tensor::zeros(t, dims);
    for (int64_t i = 0; i < x.count(); ++i) x.set(i, 1 + 0.1 * static_cast<double>(i % 7));
    return x;
}
std::string names(const std::vector<Parameter>& parameters) {
    std::vector<std::string> out;
    for (const Parameter& p : parameters) out.push_back(cat(p.name, p.kind == ParameterKind::bias ? ":b" : p.kind == ParameterKind::norm ? ":n" : "", p.layer));
    return join(out, " ");
}
Tensor golden_weights() { return Golden("losses")["w0"]; }

/// Everything that is and is not a parameter: a picture standardised, convolved, normalised, cut into tokens.
Graph everything() {
    Graph g;
    Builder b(g);
    const auto constant = [&](const char* name, const Dims& d) { return g.add_constant(name, ones(d)); };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, {2, 3, 4, 4}));
    const ValueId standard = b.div(b.sub(x, constant("pixel_mean", {1, 3, 1, 1})), constant("pixel_deviation", {1, 3, 1, 1}));
    const ValueId scaled = b.mul(standard, constant("pixel_scale", {1, 3, 1, 1}));
    ValueId y = b.node("Conv", {scaled, constant("conv.weight", {6, 3, 1, 1}), constant("conv.bias", {6})});
    y = b.node("BatchNormalization", {y, constant("bn.weight", {6}), constant("bn.bias", {6}), constant("bn.mean", {6}), constant("bn.variance", {6})});
    y = b.node("PRelu", {b.scale(y, 0.5), constant("slope", {6, 1, 1})});
    y = b.transpose(b.reshape(y, {2, 6, 16}), {0, 2, 1});
    y = b.concat({b.expand(constant("token", {1, 1, 6}), {2, 1, 6}), y}, 1);
    y = b.add(y, constant("position", {1, 17, 6}));
    Tensor mask = Tensor::zeros(DType::f64, {17, 17});
    mask.set(1, -1e30);
    ValueId scores = b.add(b.matmul(y, b.transpose(y, {0, 2, 1})), g.add_constant("mask", mask));
    y = b.matmul(b.node("Softmax", {scores}), y);
    const ValueId tied = constant("tied", {9, 6});
    y = b.add(b.matmul(y, b.transpose(tied, {1, 0})), constant("tied.bias", {9}));
    y = b.mul(y, constant("layer_scale", {9}));
    y = b.add(b.matmul(b.matmul(y, tied), constant("head", {6, 1})), constant("head.bias", {1}));
    g.outputs = {y};
    return g;
}

TEST(Parameters, AreTheTrainedNumbersAndNoOthers) {
    EXPECT_EQ(names(find_parameters(everything())),
              "conv.weight0 conv.bias:b0 bn.weight:n0 bn.bias:n0 slope:n0 token0 position0 tied1 tied.bias:b1 layer_scale:n1 head3 head.bias:b3");
    EXPECT_EQ(names(find_parameters(mlp(golden_weights()))), "w10 b1:b0 w21 b2:b1");
}

TEST(Parameters, OfTheSharedModels) {
    HONE_REQUIRE(!shared_folder().empty(), "the shared folder");
    // What the file's count holds beside them: the statistics of normalisations, the standardisation of the letters' features.
    const std::map<std::string, int64_t> others = {{"fashion_resnet20_bn", 2 * 784}, {"letters_mlp", 32}};
    for (const char* name : {"fashion_mlp", "fashion_resnet18", "fashion_resnet20", "fashion_resnet20_bn", "fashion_mobilenetv2", "fashion_effnet_silu_se",
                             "fashion_vgg_fc", "fashion_lstm", "fashion_gru", "fashion_vit", "glyphs_resnet14", "letters_mlp"}) {
        const std::string path = cat(shared_folder(), "/models/", name, ".onnx");
        int64_t count = 0;
        for (const Parameter& p : find_parameters(read_model(path))) count += p.initial.count();
        const auto other = others.find(name);
        EXPECT_EQ(count, count_parameters(path) - (other == others.end() ? 0 : other->second)) << name;
    }
}

/// PyTorch's two exporters spell a network differently; its parameters are the same.
TEST(Parameters, OfExportedNetworks) {
    const std::map<std::string, std::pair<size_t, int64_t>> tensors_and_elements = {
        {"bert", {41, 30787}},         {"convnext", {46, 29322}},     {"decoder", {35, 32416}},     {"efficientnet", {54, 16006}},
        {"gru", {9, 15840}},           {"lstm", {8, 21798}},          {"mobilenet_v2", {34, 9034}}, {"mobilenet_v3", {48, 14982}},
        {"shuffle_dense", {32, 8874}}, {"unet", {60, 21914}},         {"vit", {32, 24234}}};
    for (const auto& [name, want] : tensors_and_elements)
        for (const char* exporter : {"torchscript", "dynamo"}) {
            int64_t count = 0;
            const std::vector<Parameter> found = find_parameters(read_model(source_path(cat("test/exports/", name, "_", exporter, ".onnx"))));
            for (const Parameter& p : found) count += p.initial.count();
            EXPECT_EQ(std::pair(found.size(), count), want) << name << " " << exporter;
        }
}

TEST(Trainable, ThereAndBackIsTheSameNetwork) {
    const Graph g = everything();
    const Trainable t = make_trainable(g, {.batch_statistics = false});
    t.graph.check_structure();
    EXPECT_EQ(names(t.parameters), names(find_parameters(g)));
    EXPECT_EQ(t.graph.inputs.size(), 1 + t.parameters.size());
    EXPECT_TRUE(t.graph.states.empty());
    const Tensor x = ones({2, 3, 4, 4});
    std::vector<Tensor> in{x};
    std::map<std::string, Tensor> moved;
    for (const Parameter& p : t.parameters) {
        Tensor w = p.initial.clone();
        for (int64_t i = 0; i < w.count(); ++i) w.set(i, w.at(i) * 0.3 + 0.01 * static_cast<double>(i % 3));
        in.push_back(moved[p.name] = w);
    }
    EXPECT_TRUE(interpret_graph(with_values(g, moved), {x})[0].same_bits(interpret_graph(t.graph, in)[0]));
    EXPECT_FALSE(interpret_graph(g, {x})[0].same_bits(interpret_graph(t.graph, in)[0]));
    EXPECT_EQ(error_of([&] { with_values(g, {{"conv.weigth", x}}); }), "train.weight");
    EXPECT_EQ(error_of([&] { with_values(g, {{"conv.weight", x}}); }), "train.weight");
}

TEST(Trainable, ValuesTakeTheTypeOfTheNetwork) {
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {1, 2}));
    g.outputs = {b.matmul(x, g.add_constant("w", ones({2, 3}, DType::f32)))};
    const Graph h = with_values(g, {{"w", ones({2, 3})}});
    EXPECT_TRUE(h.value(h.find_value("w")).constant.same_bits(ones({2, 3}, DType::f32)));
}

TEST(Trainable, FreezesByNameAndDepth) {
    const Graph g = everything();
    const auto frozen = [&](TrainableOptions o) { return names(make_trainable(g, o).frozen); };
    EXPECT_EQ(frozen({.freeze = {"conv.*", "t?ed"}}), "conv.weight0 conv.bias:b0 tied1");
    EXPECT_EQ(frozen({.freeze_layers = 1}), "conv.weight0 conv.bias:b0 bn.weight:n0 bn.bias:n0 slope:n0 token0 position0");
    EXPECT_EQ(names(make_trainable(g, {.freeze_layers = -1}).parameters), "head3 head.bias:b3");
    EXPECT_EQ(names(make_trainable(g, {.also = {"pixel_m*", "tied"}}).parameters), names(find_parameters(g)) + " pixel_mean0");
}

TEST(Trainable, RefusesWhatItCannotDo) {
    const Graph g = everything();
    EXPECT_EQ(error_of([&] { make_trainable(g, {.freeze = {"conv1.*"}}); }), "train.pattern");
    EXPECT_EQ(error_of([&] { make_trainable(g, {.also = {"nothing"}}); }), "train.pattern");
    EXPECT_EQ(error_of([&] { make_trainable(g, {.freeze = {"*"}}); }), "train.nothing");
    EXPECT_EQ(error_of([&] { make_trainable(g, {.freeze_layers = 5}); }), "train.freeze");
    EXPECT_EQ(error_of([&] { training_step(make_trainable(mlp(golden_weights())), {.loss = {"mse", {}, Reduction::none}}); }), "train.reduction");
}

TEST(Trainable, OneValueHasNoVariance) {
    const auto error = [](const Dims& d, const TrainableOptions& o) {
        Graph g;
        Builder b(g, "norm");
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, shape_of(d)));
        std::vector<ValueId> in{x};
        for (const char* name : {"scale", "bias", "mean", "variance"}) in.push_back(g.add_constant(name, ones({3})));
        g.outputs = {b.node("BatchNormalization", in)};
        try {
            make_trainable(g, o);
        } catch (const Error& e) {
            EXPECT_NE(e.where.find("norm"), std::string::npos) << e.where;
            return e.id;
        }
        return std::string();
    };
    EXPECT_EQ(error({1, 3}, {}), "train.batch_norm");
    EXPECT_EQ(error({1, 3, 1, 1}, {.unbiased_variance = false}), "train.batch_norm");
    EXPECT_EQ(error({1, 3}, {.batch_statistics = false}), "");
    EXPECT_EQ(error({1, 3}, {.ranks = 2}), "");
    EXPECT_EQ(error({2, 3}, {}), "");
    EXPECT_EQ(error({1, 3, 1, 2}, {}), "");
}

TEST(Trainable, FrozenWeightsStayBitEqual) {
    const Tensor w = golden_weights();
    Stepper s(training_step(make_trainable(mlp(w), {.freeze_layers = 1}), {.loss = {"mse"}}));
    EXPECT_FALSE(s.states().contains("w1"));
    EXPECT_NE(s.plan().initial.at("w2").raw(), part(w, 42, {7, 3}).raw());  // a session writes states
    const Golden golden("optimisers");
    const double before = s.step({{"x0", row(golden["x"], 0)}, {"targets", golden["target"]}}, 0.1);
    EXPECT_LT(s.step({{"x0", row(golden["x"], 0)}, {"targets", golden["target"]}}, 0.1), before);
    std::map<std::string, Tensor> trained = s.states();
    trained.erase("train.step");
    const Graph back = with_values(mlp(w), trained);
    for (const char* name : {"w1", "b1"}) EXPECT_TRUE(back.value(back.find_value(name)).constant.same_bits(mlp(w).value(mlp(w).find_value(name)).constant));
    EXPECT_FALSE(back.value(back.find_value("w2")).constant.same_bits(part(w, 42, {7, 3})));
}

TEST(Trainable, StatisticsArePyTorchs) {
    const Golden golden("statistics");
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f64, {4, 3, 2, 2}));
    const ValueId scale = g.add_constant("scale", ones({3})), bias = g.add_constant("bias", ones({3}));
    const ValueId mean = g.add_constant("mean", golden["mean"]), variance = g.add_constant("variance", golden["variance"]);
    for (ValueId v : {x, b.shift(b.scale(x, 2), 1)})  // one normalisation, used twice
        g.outputs.push_back(b.node("BatchNormalization", {v, scale, bias, mean, variance}, {{"momentum", 0.75f}}));
    const Trainable t = make_trainable(g);
    t.graph.check_structure();
    ASSERT_EQ(t.graph.states.size(), 2u);
    ASSERT_EQ(t.graph.inputs.size(), 5u);
    ASSERT_EQ(t.graph.outputs.size(), 4u);
    std::map<std::string, Tensor> states = t.initial;
    for (int64_t i = 0; i < 3; ++i) {
        const std::vector<Tensor> out = interpret_graph(t.graph, {row(golden["x"], i), t.parameters[0].initial, t.parameters[1].initial, states.at("mean"), states.at("variance")});
        for (const State& s : t.graph.states) states[s.name] = out[s.output];
    }
    for (const char* name : {"mean", "variance"})
        EXPECT_LE(distance(states.at(name).to_f64(), golden[cat(name, ".after")].to_f64()), 1e-12) << name;
    // Frozen, it keeps its statistics and stays as it is.
    b.graph().outputs = {b.mul(g.outputs[0], g.outputs[1])};
    g.outputs.push_back(b.node("Conv", {x, g.add_constant("w", ones({2, 3, 1, 1}))}));
    EXPECT_TRUE(make_trainable(g, {.freeze = {"scale", "bias"}}).graph.states.empty());
}

}  // namespace
}  // namespace hone::train
