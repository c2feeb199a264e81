// SPDX-License-Identifier: Apache-2.0
// What `inspect` counts and measures.
#include "command.h"
#include "onnx/attack.h"
#include "onnx/writer.h"
#include "op/op.h"

using namespace hone;

namespace {

std::string layer(size_t i, const char* field) { return "layers." + std::to_string(i) + "." + field; }

/// x [2,8] times a weight [8,4] kept as int8 with a scale a column, plus a bias kept as int32.
Graph quantised() {
    Graph g;
    g.opsets[""] = 13;
    g.ir_version = 8;
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of({2, 8})));
    const ValueId scale = g.add_constant("scale", Tensor::of_f32({1, 2, 3, 4}));
    auto stored = [&](const char* name, const Tensor& t, std::vector<ValueId> more, Attributes a) {
        more.insert(more.begin(), g.add_constant(name, t));
        return g.node(g.add_node("", "DequantizeLinear", more, 1, std::move(a), std::string(name) + "_dq")).out();
    };
    const ValueId w = stored("w", Tensor::zeros(DType::i8, {8, 4}), {scale, g.add_constant("zero", Tensor::zeros(DType::i8, {4}))},
                             {{"axis", int64_t{1}}});
    const ValueId b = stored("b", Tensor::zeros(DType::i32, {4}), {scale}, {{"axis", int64_t{0}}});
    g.outputs = {g.node(g.add_node("", "Gemm", {x, w, b}, 1, {}, "fc")).out()};
    infer_graph(g);
    return g;
}

TEST(Inspect, CountsQuantisedWeightsWhereTheyAreRead) {
    const std::string file = scratch_folder() + "/q.onnx";
    write_model(quantised(), file);
    const ProcessResult r = hone_command({"inspect", file, "--no-time", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.number("totals.parameters"), 8 * 4 + 4);  // not the scales and zero points
    EXPECT_EQ(j.number("totals.macs"), 2 * 8 * 4);
    ASSERT_EQ(j.size("layers"), 3u);
    EXPECT_EQ(j.number(layer(2, "parameters")), 8 * 4 + 4);
    EXPECT_EQ(j.number(layer(2, "bytes")), 4 * 2 * 8 + 8 * 4 + 4 * 4 + 4 * 2 * 4);  // x, w, b, y
    EXPECT_EQ(j.number(layer(0, "parameters")) + j.number(layer(1, "parameters")), 0);
}

TEST(Inspect, SideFilesAreTheModelsBytesToo) {
    using namespace wire_test;
    const std::string folder = scratch_folder(), file = folder + "/net.onnx";
    const std::string net = model(external("w.bin", "0", "8"));
    write_text(folder + "/w.bin", std::string(4096, '\0'));
    write_text(file, net);
    const ProcessResult r = hone_command({"inspect", file, "--no-time", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ(Json::parse(r.out).number("totals.bytes"), static_cast<double>(net.size()) + 4096);
}

/// A convolution, a scale a channel and an LSTM whose weights and first state nodes make from shapes; one weight is past
/// the folding limit.
Graph made_of_shapes() {
    Graph g;
    g.opsets[""] = 13;
    g.ir_version = 8;
    int at = 0;
    const auto made = [&](std::vector<int64_t> dims) {
        const std::string name = cat("made", at++);
        const ValueId shape = g.add_constant(name + "_shape", Tensor::of_i64(dims));
        return g.node(g.add_node("", "ConstantOfShape", {shape}, 1, {{"value", Tensor::of_f32({0.02f})}}, name)).out();
    };
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of({1, 3, 8, 8})));
    ValueId y = g.node(g.add_node("", "Conv", {x, made({4, 3, 3, 3}), made({4})}, 1, {}, "conv")).out();
    const ValueId axes = g.add_constant("axes", Tensor::of_i64({1, 2}));
    const ValueId scale = g.node(g.add_node("", "Unsqueeze", {made({4}), axes}, 1, {}, "spread")).out();
    y = g.node(g.add_node("", "Mul", {y, scale}, 1, {}, "scale")).out();
    y = g.node(g.add_node("", "Add", {y, made({1, 4, 6, 6})}, 1, {}, "mask")).out();  // no weight
    const ValueId rows = g.node(g.add_node("", "Flatten", {y}, 1, {}, "flatten")).out();
    const ValueId wide = made({144, 1 << 20});
    g.outputs = {g.node(g.add_node("", "MatMul", {rows, wide}, 1, {}, "fc")).out()};
    const ValueId sequence = g.add_input("s", TypeInfo::tensor(DType::f32, shape_of({2, 1, 5})));
    const NodeId lstm = g.add_node("", "LSTM", {sequence, made({1, 8, 5}), made({1, 8, 2}), kNone, kNone, made({1, 1, 2}), made({1, 1, 2})}, 1,
                                   {{"hidden_size", int64_t{2}}}, "lstm");
    g.outputs.push_back(g.node(lstm).out());
    infer_graph(g);
    return g;
}

TEST(Inspect, CountsWeightsThatNodesMake) {
    const std::string file = scratch_folder() + "/made.onnx";
    write_model(made_of_shapes(), file);
    const ProcessResult r = hone_command({"inspect", file, "--no-time", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    const double conv = 4 * 27 + 4, scale = 4, fc = 144.0 * (1 << 20), lstm = 40 + 16;
    EXPECT_EQ(j.number("totals.parameters"), conv + scale + fc + lstm);
    double sum = 0;
    for (size_t i = 0; i < j.size("layers"); ++i) {
        sum += j.number(layer(i, "parameters"));
        if (j.text(layer(i, "name")) == "fc") EXPECT_EQ(j.number(layer(i, "parameters")), fc);
        if (j.text(layer(i, "name")) == "fc") EXPECT_EQ(j.number(layer(i, "macs")), fc);
        if (j.text(layer(i, "name")) == "mask") EXPECT_EQ(j.number(layer(i, "parameters")), 0);
    }
    EXPECT_EQ(sum, j.number("totals.parameters"));
}

TEST(Inspect, PEER_TheLightModelsHaveTheirParameters) {
    std::string light;
    const std::string libraries = source_path(".venv/peers/lib");
    if (is_directory(libraries))
        for (const std::string& python : list_directory(libraries))
            if (python.starts_with("python3")) light = cat(libraries, "/", python, "/site-packages/onnx/backend/test/data/light/light_");
    HONE_REQUIRE(!light.empty() && file_exists(light + "squeezenet.onnx"), "the peers' environment (scripts/peers)");
    for (const auto& [name, parameters] : {std::pair("squeezenet", 1235496.0), {"bvlc_alexnet", 60965224.0}, {"densenet121", 8146152.0}}) {
        const ProcessResult r = hone_command({"inspect", cat(light, name, ".onnx"), "--no-time", "--json"});
        ASSERT_EQ(r.exit_code, 0) << r.err;
        EXPECT_EQ(Json::parse(r.out).number("totals.parameters"), parameters) << name;
    }
}

TEST(Inspect, LayersAddUpToTheWhole) {
    const ProcessResult r = hone_command({"inspect", example_model(), "--json", "--threads", "1"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    double sum = 0;
    for (size_t i = 0; i < j.size("layers"); ++i)
        if (j.text(layer(i, "bound")) != "fused" && j.text(layer(i, "bound")) != "folded")
            sum += j.number(layer(i, "time_ms"));
    EXPECT_NEAR(sum, j.number("totals.layers_ms"), 1e-6 + 1e-3 * sum);
    EXPECT_NEAR(j.number("totals.layers_ms"), j.number("totals.timed_ms"), 0.1 * j.number("totals.timed_ms"));
}

TEST(Inspect, SeveralModelsSideBySide) {
    const std::string folder = scratch_folder(), file = folder + "/q.onnx";
    write_model(quantised(), file);
    const std::string pictures = write_pictures(folder, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
    const ProcessResult r = hone_command({"inspect", file, example_model(), file, "--json", "--threads", "1", "--out", folder,
                                          "--data-for", "*resnet*=" + pictures + " mean=0.286 std=0.353;q*=" + pictures});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("schema"), "hone.inspect-models/1");
    ASSERT_EQ(j.size("models"), 3u);
    EXPECT_EQ(j.number("models.1.samples"), 10);
    EXPECT_GE(j.number("models.1.top1"), 0);
    EXPECT_FALSE(j.text("models.0.note").empty());  // the pictures do not fit it
    EXPECT_GT(j.number("models.1.flops"), 2 * j.number("models.1.macs") - 1);
    EXPECT_GT(j.number("flops_time"), 0);
    EXPECT_NEAR(j.number("models.1.layers_ms"), j.number("models.1.time_ms"), 0.5 * j.number("models.1.time_ms"));
    const std::string page = read_file(folder + "/models.html");
    for (const char* part : {"<svg", "Spearman", "Does work tell time?"})
        EXPECT_NE(page.find(part), std::string::npos) << part;
    for (const char* part : {"<script", "http://", "https://"}) EXPECT_EQ(page.find(part), std::string::npos) << part;
}

TEST(Inspect, DataForSaysWhatItDoesNotKnow) {
    EXPECT_EQ(hone_command({"inspect", example_model(), "--data-for", "nothing"}).exit_code, 2);
    EXPECT_EQ(hone_command({"inspect", example_model(), "--data-for", "*=x colour=1"}).exit_code, 2);
    EXPECT_EQ(hone_command({"inspect", example_model(), example_model(), "--plan"}).exit_code, 2);
}

}  // namespace
