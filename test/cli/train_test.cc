// SPDX-License-Identifier: Apache-2.0
// `hone train` from its words alone: what it writes and says.
#include "command.h"
#include "onnx/reader.h"

namespace {

/// Four numbers and one of three classes, which is where the largest of the first three stands.
std::string write_rows(const std::string& path) {
    std::string text = "a,b,c,d,label\n";
    uint32_t state = 1;
    for (int i = 0; i < 600; ++i) {
        double v[4];
        for (double& x : v) {
            state = state * 1664525u + 1013904223u;
            x = static_cast<double>(state >> 8) / (1 << 24);
        }
        const int largest = v[0] > v[1] ? (v[0] > v[2] ? 0 : 2) : (v[1] > v[2] ? 1 : 2);
        for (const double x : v) text += std::to_string(x) + ",";
        text += std::string(1, static_cast<char>('x' + largest)) + "\n";
    }
    write_text(path, text);
    return path;
}

TEST(Train, LearnsATableWithNoMoreThanItsData) {
    const std::string folder = scratch_folder(), data = write_rows(folder + "/rows.csv"), net = folder + "/net.onnx";
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "4", "--classes", "3", "--width", "0.0625", "--out", net}).exit_code, 0);
    const hone::ProcessResult r = hone_command({"train", net, "--data", data, "--epochs", "30", "--out", folder, "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json j = Json::parse(r.out);
    EXPECT_EQ(j.text("schema"), "hone.train/1");
    EXPECT_EQ(j.size("history"), 30u);
    EXPECT_LT(j.number("history.29.loss"), 0.5 * j.number("history.0.loss"));
    EXPECT_GT(j.number("metrics.top1"), 0.85);
    EXPECT_EQ(j.text("part"), "test");
    const hone::Graph before = hone::read_model(net), after = hone::read_model(folder + "/net_trained.onnx");
    EXPECT_EQ(before.outputs.size(), after.outputs.size());
    const Json eval = Json::parse(hone_command({"eval", folder + "/net_trained.onnx", "--data", data, "--json"}).out);
    EXPECT_GT(eval.number("metrics.top1"), 0.85);
}

/// The same steps (what less memory comes of it: test/train/recompute_test.cc).
TEST(Train, ComputesAgainWhatItWouldKeep) {
    const std::string folder = scratch_folder(), data = write_rows(folder + "/rows.csv"), net = folder + "/net.onnx";
    ASSERT_EQ(hone_command({"new", "mlp", "--input", "4", "--classes", "3", "--depth", "12", "--width", "0.0625", "--out", net}).exit_code, 0);
    const auto train = [&](std::vector<std::string> more) {
        std::vector<std::string> words{"train", net, "--data", data, "--epochs", "3", "--lr", "0.01", "--out", folder, "--json"};
        words.insert(words.end(), more.begin(), more.end());
        const hone::ProcessResult r = hone_command(words);
        EXPECT_EQ(r.exit_code, 0) << r.err;
        EXPECT_EQ(r.err.find("recomputation") != std::string::npos, !more.empty()) << r.err;
        return Json::parse(r.out);
    };
    const Json kept = train({}), again = train({"--recompute"});
    for (const char* loss : {"history.0.loss", "history.2.loss"}) EXPECT_NEAR(again.number(loss), kept.number(loss), 1e-6) << loss;
}

}  // namespace
