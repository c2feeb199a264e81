// SPDX-License-Identifier: Apache-2.0
// hone eval: regressions, corruptions, another model beside, more of the greatest scores, scores of NaN.
#include <cmath>
#include <limits>

#include "command.h"
#include "onnx/writer.h"

namespace {

using Words = std::vector<std::string>;

/// y = x W + b for rows of two numbers.
std::string write_linear(const std::string& path, const std::vector<float>& w, const std::vector<float>& b) {
    hone::Graph g;
    const auto k = static_cast<int64_t>(b.size());
    const hone::ValueId x = g.add_input("x", hone::TypeInfo::tensor(hone::DType::f32, {hone::Dim::named("N"), 2}));
    const hone::ValueId weights = g.add_constant("w", hone::Tensor::of_f32(w, {2, k}));
    const hone::NodeId n = g.add_node("", "Gemm", {x, weights, g.add_constant("b", hone::Tensor::of_f32(b))}, 1);
    g.outputs = {g.node(n).out()};
    hone::write_model(g, path);
    return path;
}

Json json_of(Words command) {
    command.insert(command.begin(), "eval");
    command.push_back("--json");
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    return Json::parse(r.out);
}

TEST(Eval, OfARegression) {
    const std::string folder = scratch_folder();
    const std::string model = write_linear(folder + "/m.onnx", {1, 2}, {0.5});  // a + 2 b + 0.5
    write_text(folder + "/d.csv", "a,b,target\n1,1,3.5\n2,0,2\n0,1,4.5\n");      // errors 0, 0.5, -2
    Json j = json_of({model, "--data", folder + "/d.csv"});
    EXPECT_NEAR(j.number("metrics.mse"), (0.25 + 4) / 3, 1e-6);
    EXPECT_NEAR(j.number("metrics.mae"), 2.5 / 3, 1e-6);
    EXPECT_NEAR(j.number("metrics.r2"), 1 - 4.25 / (19.0 / 6), 1e-6);
    EXPECT_FALSE(j.has("metrics.top1"));
    EXPECT_EQ(j.size("classes"), 0u);
    const std::string other = write_linear(folder + "/o.onnx", {1, 2}, {0});
    j = json_of({model, "--data", folder + "/d.csv", "--against", other, "--corrupt", "noise:2"});
    EXPECT_EQ(j.text("differences.0.metric"), "mse");
    EXPECT_EQ(j.text("differences.0.method"), "bootstrap");
    EXPECT_NEAR(j.number("differences.0.other"), (0.25 + 0 + 6.25) / 3, 1e-6);
    EXPECT_NEAR(j.number("differences.0.worse.estimate"), (4.25 - 6.5) / 3, 1e-6);
    EXPECT_EQ(j.size("corruptions"), 1u);
    EXPECT_TRUE(j.has("corruptions.0.metrics.mse"));
    const hone::ProcessResult wide = hone_command({"eval", write_linear(folder + "/w.onnx", {1, 2, 3, 4}, {0, 0}), "--data", folder + "/d.csv"});
    EXPECT_EQ(wide.exit_code, 5);
    EXPECT_NE(wide.err.find("data.targets"), std::string::npos);
    // Too few for three parts.
    const hone::ProcessResult refused = hone_command({"optimize", model, "--data", folder + "/d.csv", "--out", folder + "/out"});
    EXPECT_EQ(refused.exit_code, 5) << refused.err;
}

TEST(Eval, TopKAndAuc) {
    const std::string folder = scratch_folder();
    // Scores (a, b, a + b): the third is greatest where both are above 0.
    const std::string model = write_linear(folder + "/m.onnx", {1, 0, 1, 0, 1, 1}, {0, 0, 0});
    write_text(folder + "/d.csv", "a,b,label\n3,-1,0\n2,1,0\n1,2,1\n-1,3,2\n");
    const Json j = json_of({model, "--data", folder + "/d.csv", "--top-k", "1,2,5"});
    EXPECT_DOUBLE_EQ(j.number("metrics.top1"), 0.25);
    EXPECT_DOUBLE_EQ(j.number("metrics.top2"), 1);
    EXPECT_FALSE(j.has("metrics.top5"));
    EXPECT_GT(j.number("metrics.auc"), 0.5);
    EXPECT_LE(j.number("metrics.auc"), 1);
    EXPECT_EQ(hone_command({"eval", model, "--data", folder + "/d.csv", "--top-k", "0"}).exit_code, 2);
    EXPECT_EQ(hone_command({"eval", model, "--data", folder + "/d.csv", "--corrupt", "fog"}).exit_code, 2);
}

TEST(Eval, NanIsNoAnswer) {
    const std::string folder = scratch_folder();
    const float infinity = std::numeric_limits<float>::infinity();
    // Scores (a * infinity, b): NaN where a is 0.
    const std::string model = write_linear(folder + "/m.onnx", {infinity, 0, 0, 1}, {0, 0});
    write_text(folder + "/d.csv", "a,b,label\n1,2,x\n1,1,x\n0,1,y\n0,2,x\n");
    Json j = json_of({model, "--data", folder + "/d.csv"});
    EXPECT_EQ(j.number("metrics.top1"), 0.5);
    EXPECT_EQ(j.number("metrics.recall_macro"), (2.0 / 3 + 0) / 2);
    EXPECT_EQ(j.number("confusion.0.0"), 2);
    EXPECT_EQ(j.number("confusion.1.0"), 0);
    EXPECT_FALSE(j.has("metrics.auc"));
    const auto said = [&](const std::string& words) {
        int n = 0;
        for (size_t i = 0; i < j.size("warnings"); ++i) n += j.text("warnings." + std::to_string(i)).find(words) != std::string::npos;
        return n;
    };
    EXPECT_EQ(said("m.onnx gives NaN for 2 of 4 samples"), 1);
    write_text(folder + "/r.csv", "a,b,target\n1,1,3.5\n0,0,2\n0,1,4.5\n");
    j = json_of({write_linear(folder + "/r.onnx", {infinity, 2}, {0.5}), "--data", folder + "/r.csv"});
    EXPECT_EQ(said("r.onnx gives NaN for 2 of 3 samples"), 1);
}

TEST(Eval, CorruptedAndBesideItself) {
    const std::string folder = write_pictures(scratch_folder() + "/data", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9});
    const Words command{example_model(), "--data", folder, "--against", example_model(), "--corrupt", "noise:5,shift:1,blur:2", "--seed", "3"};
    const Json j = json_of(command);
    ASSERT_EQ(j.size("corruptions"), 3u);
    EXPECT_EQ(j.text("corruptions.1.corruption"), "shift");
    EXPECT_EQ(j.number("corruptions.1.severity"), 1);
    // Flat pictures are as they were after a shift or a blur.
    EXPECT_EQ(j.number("corruptions.1.metrics.top1"), j.number("metrics.top1"));
    EXPECT_EQ(j.number("corruptions.2.worse.estimate"), 0);
    for (size_t i = 0; i < j.size("differences"); ++i) {
        const std::string d = "differences." + std::to_string(i);
        EXPECT_EQ(j.number(d + ".worse.estimate"), 0) << j.text(d + ".metric");
        EXPECT_EQ(j.number(d + ".other"), j.number(d + ".model"));
        EXPECT_LE(j.number(d + ".worse.low"), 0);
        EXPECT_GE(j.number(d + ".worse.high"), 0);
    }
    EXPECT_EQ(j.text("differences.0.method"), "exact");
    const Json again = json_of(command);
    EXPECT_EQ(again.number("corruptions.0.metrics.top1"), j.number("corruptions.0.metrics.top1"));
    EXPECT_EQ(again.number("differences.3.worse.high"), j.number("differences.3.worse.high"));
}

}  // namespace
