// SPDX-License-Identifier: Apache-2.0
// `hone optimize --dry-run`: says what would be done and does none of it.
#include "../optimize/toy_table.h"
#include "command.h"
#include "onnx/reader.h"

namespace {

std::vector<int> ten_classes(int samples) {
    std::vector<int> labels;
    for (int i = 0; i < samples; ++i) labels.push_back(i % 10);
    return labels;
}

TEST(DryRun, SaysWhatWouldBeDone) {
    const std::string at = scratch_folder();
    const std::string data = write_pictures(at + "/data", ten_classes(200));
    const hone::ProcessResult r = hone_command({"optimize", example_model(), "--data", data, "--dry-run", "--out", at + "/out",
                                                "--samples", "64", "--max-drop", "2%", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_FALSE(hone::file_exists(at + "/out"));
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("schema"), "hone.forecast/1");
    EXPECT_EQ(j.number("parts.0.samples"), 140);
    EXPECT_EQ(j.number("parts.1.samples"), 20);
    EXPECT_EQ(j.number("parts.2.samples"), 40);
    double layers = 0;
    for (size_t i = 0; i < j.size("layers"); ++i) layers += j.number("layers." + std::to_string(i) + ".layers");
    EXPECT_EQ(layers, 22);
    EXPECT_EQ(j.text("candidates.0.name"), "the original in fp32");
    EXPECT_EQ(j.number("steps.0.samples"), 64);  // calibration
    EXPECT_GT(j.number("seconds_low"), 0);
    EXPECT_GT(j.number("seconds_high"), j.number("seconds_low"));
    double low = 0;
    for (size_t i = 0; i < j.size("steps"); ++i) low += j.number("steps." + std::to_string(i) + ".seconds_low");
    EXPECT_NEAR(low, j.number("seconds_low"), 1e-9);
    EXPECT_EQ(j.text("recipe.max-drop"), "0.02");
}

const Json* candidate(const Json& j, const std::string& name, std::string* at) {
    for (size_t i = 0; i < j.size("candidates"); ++i) {
        *at = "candidates." + std::to_string(i);
        if (j.text(*at + ".name").find(name) != std::string::npos) return &j;
    }
    ADD_FAILURE() << "no candidate " << name;
    return &j;
}
bool tried(const Json& j, const std::string& name) {
    std::string at;
    return candidate(j, name, &at)->truth(at + ".tried");
}

TEST(DryRun, SaysTheGoalTheMetricAndWhatFollows) {
    const std::string at = scratch_folder();
    const std::string data = write_pictures(at + "/data", ten_classes(200));
    const std::vector<std::string> some = {"optimize", example_model(), "--data", data, "--dry-run", "--samples", "64", "--json"};
    std::vector<std::string> fast = some;
    fast.insert(fast.end(), {"--max-latency", "50%", "--max-size", "40%", "--metric", "f1_macro", "--robustness"});
    const hone::ProcessResult r = hone_command(fast);
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("runtime"), "hone");
    EXPECT_EQ(j.text("metric"), "f1_macro");
    EXPECT_NEAR(j.number("goal.max_latency_ms"), 0.5 * j.number("latency_ms"), 1e-9);
    EXPECT_GT(j.number("goal.max_bytes"), 1000);
    for (const char* words : {"best f1_macro", "a run takes at most", "the file takes at most"}) EXPECT_NE(j.text("wanted").find(words), std::string::npos) << j.text("wanted");
    EXPECT_TRUE(tried(j, "more layers in float"));
    EXPECT_FALSE(tried(j, "sensitive layers"));  // no bound on the drop
    const std::string last = "steps." + std::to_string(j.size("steps") - 1);
    EXPECT_NE(j.text(last + ".what").find("robustness"), std::string::npos);
    EXPECT_EQ(j.number(last + ".samples"), 20);
    const Json plain = Json::parse(hone_command(some).out);
    EXPECT_NE(plain.text("wanted").find("top-1 drops by at most 1.00 points"), std::string::npos) << plain.text("wanted");
    EXPECT_FALSE(tried(plain, "more layers in float"));
    EXPECT_TRUE(tried(plain, "sensitive layers"));
    std::vector<std::string> wrong = some;
    wrong.insert(wrong.end(), {"--metric", "mse"});
    const hone::ProcessResult refused = hone_command(wrong);
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.err.find("optimize.metric"), std::string::npos) << refused.err;
}

TEST(DryRun, PEER_InAnotherRuntime) {
    HONE_REQUIRE(hone::file_exists(source_path(".venv/peers/bin/python")), "the peers' environment (scripts/peers)");
    ::setenv("HONE_PEERS", source_path(".venv/peers").c_str(), 1);
    const std::string data = write_pictures(scratch_folder() + "/data", ten_classes(200));
    const hone::ProcessResult r = hone_command({"optimize", example_model(), "--data", data, "--dry-run", "--runtime", "onnxruntime", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("runtime"), "onnxruntime");
    EXPECT_FALSE(tried(j, "the original in bf16"));
    EXPECT_NE(j.text("wanted").find("in onnxruntime"), std::string::npos);
    ::setenv("HONE_PEERS", "/nowhere/at/all", 1);
    EXPECT_EQ(hone_command({"optimize", example_model(), "--data", data, "--dry-run", "--runtime", "onnxruntime"}).exit_code, 6);
    ::unsetenv("HONE_PEERS");
}

TEST(DryRun, TheRecipeIsOfTheSameGoal) {
    const std::string at = scratch_folder(), record = at + "/forecast.json";
    const hone::Toy toy = hone::write_toy(at, 3, false, 60);
    const auto forecast = [&](std::vector<std::string> more) {
        std::vector<std::string> words = {"optimize", "--dry-run", "--threads", "1", "--json=" + record};
        words.insert(words.end(), more.begin(), more.end());
        const hone::ProcessResult r = hone_command(words);
        EXPECT_EQ(r.exit_code, 0) << r.err;
        return Json::parse(hone::read_file(record));
    };
    const Json fast = forecast({toy.model, "--data", toy.data, "--max-latency", "33.3333333%", "--max-size", "4M"});
    const Json again = forecast({"--config", record});
    for (const Json& j : {fast, again}) {
        EXPECT_FALSE(j.has("recipe.max-drop"));
        EXPECT_EQ(j.text("wanted").find("drops by at most"), std::string::npos) << j.text("wanted");
        EXPECT_EQ(j.text("recipe.max-latency"), "33.3333333%");
        EXPECT_EQ(j.number("goal.max_bytes"), 4 << 20);
    }
    EXPECT_EQ(forecast({toy.model, "--data", toy.data}).text("recipe.max-drop"), "0.01");
    EXPECT_EQ(forecast({toy.model, "--data", toy.data, "--max-latency", "50%", "--max-drop", "2%"}).text("recipe.max-drop"), "0.02");
}

TEST(DryRun, TooFewTestSamplesAreSaidAndEndTheRun) {
    const std::string at = scratch_folder();
    const hone::Toy toy = hone::write_toy(at, 3, false, 60);
    std::vector<std::string> words = {"optimize", toy.model, "--data", toy.data, "--threads", "1", "--out", at + "/out", "--json"};
    const hone::ProcessResult run = hone_command(words);
    ASSERT_EQ(run.exit_code, 1) << run.err;
    const Json j = Json::parse(run.out);
    EXPECT_FALSE(j.truth("accepted"));
    EXPECT_NE(j.text("reason").find("301"), std::string::npos) << j.text("reason");
    EXPECT_EQ(j.text("model"), hone::absolute_path(toy.model));
    for (const char* file : {"/out/run.json", "/out/report.html"}) EXPECT_TRUE(hone::file_exists(at + file)) << file;
    words.push_back("--dry-run");
    const hone::ProcessResult dry = hone_command(words);
    ASSERT_EQ(dry.exit_code, 0) << dry.err;
    EXPECT_NE(Json::parse(dry.out).text("warnings.0").find(j.text("reason")), std::string::npos) << dry.out;
}

TEST(DryRun, OutputsThatAreNotJudgedAreSaid) {
    const std::string at = scratch_folder();
    const hone::Toy toy = hone::write_toy(at, 3, false, 60);
    hone::Graph g = hone::read_model(toy.model);
    g.outputs.push_back(g.node(g.value(g.outputs[0]).producer).in(0));
    hone::write_model(g, toy.model);
    const hone::ProcessResult r = hone_command({"optimize", toy.model, "--data", toy.data, "--dry-run", "--out", at + "/out", "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(Json::parse(r.out).text("warnings.0").find("2 outputs and is judged by the first"), std::string::npos) << r.out;
}

TEST(DryRun, Bf16WhereThereIsNoneIsRefused) {
    const std::string at = scratch_folder();
    const hone::Toy toy = hone::write_toy(at, 3, false, 60);
    ::setenv("HONE_ISA", "avx2", 1);
    for (const bool dry : {true, false}) {
        std::vector<std::string> words = {"optimize", toy.model, "--data", toy.data, "--precision", "bf16", "--out", at + "/out"};
        if (dry) words.push_back("--dry-run");
        const hone::ProcessResult r = hone_command(words);
        EXPECT_EQ(r.exit_code, 2) << r.err;
        for (const char* said : {"optimize.precision", "bf16", "avx2", "--precision auto"}) EXPECT_NE(r.err.find(said), std::string::npos) << r.err;
    }
    ::unsetenv("HONE_ISA");
}

TEST(DryRun, FromARecipeForPeople) {
    const std::string at = scratch_folder();
    const std::string data = write_pictures(at + "/data", ten_classes(100));
    write_text(at + "/recipe.yaml", "model: " + example_model() + "\ndata: " + data + "\ndry_run: true\nprecision: fp32\n");
    const hone::ProcessResult r = hone_command({"optimize", "--config", at + "/recipe.yaml"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    for (const char* words : {"Would optimize fashion_resnet20.onnx", "validation", "every choice", "Conv", "fp32 was asked for"})
        EXPECT_NE(r.out.find(words), std::string::npos) << words << r.out;
    hone::make_directories(at + "/lone");
    write_text(at + "/lone/test.csv", "a,label\n1,x\n2,y\n");
    EXPECT_EQ(hone_command({"optimize", example_model(), "--data", at + "/lone", "--dry-run"}).exit_code, 5);
}

}  // namespace
