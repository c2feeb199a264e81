// SPDX-License-Identifier: Apache-2.0
// Tables end to end, `hone new` and `hone train` from CSV files: classes, numbers to predict and two classes by the hinge
// loss, beside scikit-learn's figure for the same model class; a head made anew for other classes.
#include <cmath>
#include <fstream>

#include "base/rng.h"
#include "command.h"
#include "onnx/reader.h"
#include "onnx/writer.h"

namespace {

using Words = std::vector<std::string>;

/// A line a row: x, 1000 * y, and the sum of both or one of `classes` sectors of the plane.
void write_table(const std::string& path, int rows, uint64_t seed, int classes) {
    hone::Rng rng(seed);
    std::string text = classes ? "x,y,label\n" : "x,y,target\n";
    for (int i = 0; i < rows; ++i) {
        const double x = rng.normal(), y = rng.normal();
        const int sector = classes ? static_cast<int>((std::atan2(y, x) / 6.2831854 + 0.5) * classes) % classes : 0;
        text += hone::cat(x, ",", 1000 * y, ",", classes ? std::string(1, static_cast<char>('a' + sector)) : hone::cat(200 + 30 * x + 20 * y), "\n");
    }
    write_text(path, text);
}
std::string new_mlp(const std::string& folder, const std::string& classes, const std::string& features = "2") {
    const std::string file = folder + "/net.onnx";
    EXPECT_EQ(hone_command({"new", "mlp", "--depth", "1", "--width", "0.125", "--input", features, "--classes", classes, "--out", file}).exit_code, 0);
    return file;
}
Json trained(Words words, std::string* said = nullptr) {
    words.insert(words.begin(), "train");
    words.emplace_back("--json");
    const hone::ProcessResult r = hone_command(words);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    if (said) *said = r.err;
    return Json::parse(r.out);
}

TEST(Tasks, ClassesOfRawFeaturesAndAHeadMadeAnew) {
    const std::string folder = scratch_folder(), net = new_mlp(folder, "3");
    write_table(folder + "/three.csv", 900, 1, 3);
    write_table(folder + "/five.csv", 900, 2, 5);
    std::string said;
    const Words common = {"--optimizer", "adam", "--lr", "0.02", "--epochs", "8", "--batch", "30", "--out", folder};
    const auto with = [&](Words words) {
        words.insert(words.end(), common.begin(), common.end());
        return words;
    };
    const Json three = trained(with({net, "--data", folder + "/three.csv", "--metric", "f1_macro"}), &said);
    EXPECT_NE(said.find("features are standardised"), std::string::npos) << said;
    EXPECT_GT(three.number("metrics.top1"), 0.9);
    EXPECT_GT(three.number("history.7.metrics.f1_macro"), 0.9);
    const std::string once = folder + "/net_trained.onnx";
    // Another task: five classes where there were three; all but the last layer stays.
    const Json five = trained(with({once, "--data", folder + "/five.csv", "--freeze-layers", "-1", "--new-head"}), &said);
    EXPECT_NE(said.find("begins anew with 5 outputs"), std::string::npos) << said;
    EXPECT_EQ(said.find("features are standardised"), std::string::npos) << said;
    EXPECT_GT(five.number("metrics.top1"), 0.7);
    const hone::Graph before = hone::read_model(once), after = hone::read_model(folder + "/net_trained_trained.onnx");
    for (const char* name : {"fc1.weight", "fc1.bias", "features.mean", "features.deviation"})
        EXPECT_TRUE(before.value(before.find_value(name)).constant.same_bits(after.value(after.find_value(name)).constant)) << name;
    EXPECT_EQ(after.value(after.find_value("fc2.weight")).constant.dim(0), 5);
    EXPECT_NE(after.metadata.at("hone.preprocess").find("\"e\""), std::string::npos);
    // Where the names of other classes stand in the way the way out is named; without them it is taken.
    const hone::ProcessResult refused = hone_command({"train", once, "--data", folder + "/five.csv", "--out", folder});
    EXPECT_EQ(refused.exit_code, 5) << refused.err;
    EXPECT_NE(refused.err.find("--new-head"), std::string::npos) << refused.err;
    const std::string wide = folder + "/wide";
    hone::make_directories(wide);
    trained({new_mlp(wide, "9"), "--data", folder + "/five.csv", "--out", wide}, &said);
    EXPECT_NE(said.find("the network has 9 outputs, the data 5 classes"), std::string::npos) << said;
}

TEST(Tasks, NumbersAndTwoClassesBySign) {
    const std::string folder = scratch_folder(), net = new_mlp(folder, "1");
    write_table(folder + "/numbers.csv", 900, 1, 0);
    write_table(folder + "/two.csv", 900, 2, 2);
    const Json numbers = trained({net, "--data", folder + "/numbers.csv", "--lr", "0.1", "--epochs", "10", "--batch", "30", "--metric", "r2", "--patience", "3", "--out", folder});
    EXPECT_EQ(numbers.text("loss"), "mse");  // unasked
    EXPECT_GT(numbers.number("metrics.r2"), 0.99);
    EXPECT_LT(numbers.number("metrics.mse"), 13);  // of the data's own targets, whose variance is 1300
    const std::string regression = folder + "/net_trained.onnx";
    write_table(folder + "/three.csv", 900, 3, 3);  // classes next: what restored the targets goes with the head
    const Json three = trained({regression, "--data", folder + "/three.csv", "--lr", "0.1", "--epochs", "10", "--batch", "30", "--new-head", "--out", folder});
    EXPECT_GT(three.number("metrics.top1"), 0.9);
    EXPECT_EQ(hone::read_model(folder + "/net_trained_trained.onnx").find_value("targets.mean"), hone::kNone);
    for (const char* loss : {"hinge", "bce_with_logits"}) {
        const Json two = trained({net, "--data", folder + "/two.csv", "--loss", loss, "--lr", "0.2", "--epochs", "6", "--batch", "30", "--out", folder});
        EXPECT_GT(two.number("metrics.top1"), 0.97) << loss;
        const hone::ProcessResult eval = hone_command({"eval", folder + "/net_trained.onnx", "--data", folder + "/two.csv", "--json"});
        ASSERT_EQ(eval.exit_code, 0) << eval.err;
        EXPECT_GT(Json::parse(eval.out).number("metrics.top1"), 0.97);
    }
}

TEST(Tasks, WhatALearntNetworkTakesAndGivesStays) {
    const std::string folder = scratch_folder(), net = new_mlp(folder, "1");
    write_table(folder + "/numbers.csv", 300, 1, 0);
    hone::Graph foreign = hone::read_model(net);
    foreign.metadata.clear();
    hone::write_model(foreign, folder + "/foreign.onnx");
    // Standing still, it answers as before.
    const Json still = trained({folder + "/foreign.onnx", "--data", folder + "/numbers.csv", "--lr", "0", "--out", folder});
    const hone::ProcessResult before = hone_command({"eval", folder + "/foreign.onnx", "--data", folder + "/numbers.csv", "--part", "test", "--json"});
    ASSERT_EQ(before.exit_code, 0) << before.err;
    EXPECT_NEAR(still.number("metrics.mse") / Json::parse(before.out).number("metrics.mse"), 1, 1e-5);
    // A classifier becomes a regression: only its head is new, and learns targets at one scale.
    write_table(folder + "/three.csv", 900, 3, 3);
    trained({new_mlp(folder, "3"), "--data", folder + "/three.csv", "--lr", "0.1", "--epochs", "4", "--batch", "30", "--out", folder});
    std::string said;
    const Json numbers = trained({folder + "/net_trained.onnx", "--data", folder + "/numbers.csv", "--new-head", "--lr", "0.1", "--epochs", "10", "--batch", "30", "--out", folder}, &said);
    EXPECT_NE(said.find("targets are standardised"), std::string::npos) << said;
    EXPECT_EQ(said.find("features are standardised"), std::string::npos) << said;
    EXPECT_GT(numbers.number("metrics.r2"), 0.9);
    const hone::Graph g = hone::read_model(folder + "/net_trained_trained.onnx");
    EXPECT_EQ(g.value(g.outputs[0]).name, foreign.value(foreign.outputs[0]).name);
    // ... and goes on from there as it is, whoever asks.
    const Json again = trained({folder + "/net_trained_trained.onnx", "--data", folder + "/numbers.csv", "--standardise", "yes", "--lr", "0", "--out", folder});
    EXPECT_NEAR(again.number("metrics.r2"), numbers.number("metrics.r2"), 1e-5);
}

struct Task {
    std::string name, kind;
    double allowed;  ///< by which the mean of three seeds may be lower: what one seed moves scikit-learn's own
    Words model, train;
    std::string figure;
};

TEST(Tasks, ScikitLearnsFiguresPEER) {
    const std::string python = peers_python(), script = source_path("test/cli/tasks.py"), folder = scratch_folder();
    HONE_REQUIRE(!python.empty(), "the peers' virtual environment");
    const bool letters = hone::is_directory(shared_file("/data/letters"));
    Words make = {python, script, "tables", folder};
    if (letters) make.push_back(shared_file("/data/letters"));
    const hone::ProcessResult made = hone::run_process(make);
    ASSERT_EQ(made.exit_code, 0) << made.err;
    const Words mlp = {"mlp", "--depth", "1", "--width", "0.25"};
    const Words adam = {"--optimizer", "adam", "--lr", "0.003", "--schedule", "one_cycle", "--epochs", "30", "--batch", "64"};
    std::vector<Task> tasks = {
        {"digits", "classifier", 0.01, mlp, adam, "top1"},
        {"diabetes", "small_regressor", 0.02, mlp, {"--optimizer", "adam", "--lr", "0.002", "--schedule", "one_cycle", "--epochs", "30", "--batch", "32", "--weight-decay", "0.03"}, "r2"},
        {"cancer", "hinge", 0.01, {"linear"}, {"--loss", "hinge", "--lr", "0.05", "--schedule", "cosine", "--epochs", "100", "--batch", "32", "--weight-decay", "0.0025"}, "top1"},
    };
    if (letters) tasks.push_back({"onpix", "regressor", 0.005, mlp, adam, "r2"});
    if (letters) tasks.push_back({shared_file("/data/letters"), "classifier", 0.005, mlp, adam, "top1"});
    for (const Task& t : tasks) {
        const std::string data = t.name[0] == '/' ? t.name : folder + "/" + t.name;
        std::ifstream first(data + "/train.csv");
        std::string header;
        std::getline(first, header);
        const auto features = std::to_string(std::count(header.begin(), header.end(), ','));
        // Of the digits seven: the head is made anew for ten.
        const std::string classes = t.kind == "classifier" ? (t.name == "digits" ? "7" : "26") : "1";
        double theirs = 0, ours = 0;
        std::string each;
        for (const char* seed : {"0", "1", "2"}) {
            const hone::ProcessResult peer = hone::run_process({python, script, "sklearn", data, t.kind, seed});
            ASSERT_EQ(peer.exit_code, 0) << peer.err;
            Words fresh = {"new"};
            fresh.insert(fresh.end(), t.model.begin(), t.model.end());
            fresh.insert(fresh.end(), {"--input", features, "--classes", classes, "--seed", seed, "--out", folder + "/task.onnx"});
            ASSERT_EQ(hone_command(fresh).exit_code, 0);
            Words words = {folder + "/task.onnx", "--data", data, "--seed", seed, "--out", folder};
            words.insert(words.end(), t.train.begin(), t.train.end());
            const double figure = trained(words).number("metrics." + t.figure);
            const hone::ProcessResult again = hone::run_process({python, script, "onnxruntime", folder + "/task_trained.onnx", data + "/test.csv"});
            ASSERT_EQ(again.exit_code, 0) << again.err;
            EXPECT_NEAR(std::stod(again.out), figure, t.figure == "r2" ? 1e-4 : 1e-9) << data;  // the file gives what hone measured, from raw features
            theirs += std::stod(peer.out) / 3, ours += figure / 3;
            each += hone::cat(" ", figure, " (", std::stod(peer.out), ")");
        }
        std::printf("%s %s: hone %.4f, scikit-learn %.4f; each%s\n", data.substr(data.rfind('/') + 1).c_str(), t.kind.c_str(), ours, theirs, each.c_str());
        EXPECT_GE(ours, theirs - t.allowed) << data;
    }
}

}  // namespace
