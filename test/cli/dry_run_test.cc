// SPDX-License-Identifier: Apache-2.0
// `hone optimize --dry-run`: says what would be done and does none of it.
#include "command.h"

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
