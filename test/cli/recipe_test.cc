// SPDX-License-Identifier: Apache-2.0
// The record of a training run is a recipe that repeats it to the bit.
#include "base/rng.h"
#include "command.h"

namespace {

using Words = std::vector<std::string>;

std::string table(const std::string& path) {
    hone::Rng rng(11);
    std::string s = "a,b,c,label\n";
    for (int i = 0; i < 150; ++i) {
        const double x = rng.normal(), y = rng.normal();
        s += hone::cat(x, ",", y, ",", rng.normal(), ",", x * y > 0 ? "same" : "other", "\n");
    }
    write_text(path, s);
    return path;
}

}  // namespace

TEST(TrainRecipe, TheRecordRepeatsTheRun) {
    const std::string folder = scratch_folder(), model = folder + "/net.onnx", data = table(folder + "/points.csv"), record = folder + "/run/train.json";
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "3", "--classes", "2", "--width", "0.05", "--seed", "3", "--out", model}).exit_code, 0);
    const hone::ProcessResult first = hone_command({"train", model, "--data", data, "--epochs", "4", "--batch", "10", "--optimizer", "adamw", "--lr", "0.0123456789012345", "--weight-decay", "0.03",
                                                    "--decay-weights-only", "--schedule", "one_cycle", "--set", "beta2=0.99", "--clip-norm", "0.7", "--label-smoothing", "0.1", "--split", "60/20/20",
                                                    "--seed", "9", "--threads", "2", "--mean", "0.1", "--out", folder + "/run"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    const Json j = Json::parse(hone::read_file(record));
    EXPECT_EQ(j.text("recipe.lr"), "0.0123456789012345");
    EXPECT_EQ(j.text("recipe.split"), "60/20/20");
    const auto weights = [&](const std::string& run) { return hone::read_file(folder + "/" + run + "/net_trained.onnx"); };
    const hone::ProcessResult again = hone_command({"train", "--config", record, "--out", folder + "/again"});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(weights("again"), weights("run"));
    const Json k = Json::parse(hone::read_file(folder + "/again/train.json"));
    for (const char* at : {"metrics.top1", "history.3.loss", "history.3.metrics.top1", "parts.0.samples"}) EXPECT_EQ(k.number(at), j.number(at)) << at;
    EXPECT_EQ(k.number("parts.0.samples"), 90);
    // ... and once more from the record of the repetition; flags win over it.
    ASSERT_EQ(hone_command({"train", "--config", folder + "/again/train.json", "--out", folder + "/third"}).exit_code, 0);
    EXPECT_EQ(weights("third"), weights("run"));
    ASSERT_EQ(hone_command({"train", "--config", record, "--seed", "10", "--out", folder + "/other"}).exit_code, 0);
    EXPECT_NE(weights("other"), weights("run"));
}

TEST(TrainRecipe, WhatWasLeftOpenIsRecordedAsItWasTaken) {
    const std::string folder = scratch_folder();
    hone::Rng rng(3);
    std::string numbers = "a,b,target\n";
    for (int i = 0; i < 60; ++i) numbers += hone::cat(rng.normal(), ",", rng.normal(), ",", 100 + 20 * rng.normal(), "\n");
    write_text(folder + "/numbers.csv", numbers);
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "2", "--classes", "1", "--width", "0.05", "--out", folder + "/net.onnx"}).exit_code, 0);
    const hone::ProcessResult first = hone_command({"train", folder + "/net.onnx", "--data", folder + "/numbers.csv", "--batch", "10", "--epochs", "2", "--schedule", "multi_step", "--milestones", "2,6", "--out", folder + "/run"});
    ASSERT_EQ(first.exit_code, 0) << first.err;
    const Json j = Json::parse(hone::read_file(folder + "/run/train.json"));
    EXPECT_EQ(j.text("recipe.loss"), "mse");
    EXPECT_EQ(j.text("recipe.milestones"), "2,6");
    EXPECT_NEAR(j.number("history.1.rate"), 0.001, 1e-12);  // of step 7, behind both
    const hone::ProcessResult again = hone_command({"train", "--config", folder + "/run/train.json", "--out", folder + "/again"});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(hone::read_file(folder + "/again/net_trained.onnx"), hone::read_file(folder + "/run/net_trained.onnx"));
    for (const Words& wrong : {Words{"--schedule", "multi_step"}, Words{"--milestones", "3"}, Words{"--schedule", "multi_step", "--milestones", "6,2"}}) {
        Words words = {"train", folder + "/net.onnx", "--data", folder + "/numbers.csv", "--batch", "10"};
        words.insert(words.end(), wrong.begin(), wrong.end());
        const hone::ProcessResult r = hone_command(words);
        EXPECT_EQ(r.exit_code, 2) << r.err;
        EXPECT_NE(r.err.find("milestones"), std::string::npos) << r.err;
    }
}

TEST(TrainRecipe, MistakesAreNamed) {
    const std::string folder = scratch_folder(), path = folder + "/recipe.json";
    const auto refused = [&](const std::string& recipe, const Words& said) {
        write_text(path, recipe);
        const hone::ProcessResult r = hone_command({"train", example_model(), "--config", path});
        EXPECT_EQ(r.exit_code, 2) << r.err;
        for (const std::string& words : said) EXPECT_NE(r.err.find(words), std::string::npos) << words << ": " << r.err;
    };
    refused(R"({"schema":"hone.train/1","recipe":{"model":"net.onnx","epoch":"3"}})", {path, "epoch", "Did you mean epochs?"});
    refused(R"({"schema":"hone.train/1","history":[]})", {path, "no recipe"});
    refused(R"({"schema":"hone.run/1","recipe":{"model":"net.onnx"}})", {path, "optimize", "train"});
    refused(R"({"schema":"hone.train/1","recipe":{"split":"70/40"}})", {path, "70/40", "70/10/20"});
    refused(R"({"optimiser":"adam"})", {path, "Did you mean optimizer?"});
}
