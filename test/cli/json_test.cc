// SPDX-License-Identifier: Apache-2.0
// What programs may rely on: JSON alone on stdout, and the fields of each schema.
#include "command.h"

namespace {

using Words = std::vector<std::string>;

Json json_of(Words command) {
    command.push_back("--json");
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_EQ(r.out.substr(0, 1), "{");
    return Json::parse(r.out);
}

void expect_fields(const Json& j, const Words& paths) {
    for (const std::string& p : paths) EXPECT_TRUE(j.has(p)) << p;
}

TEST(Schema, Eval) {
    const std::string folder = write_pictures(scratch_folder() + "/data", {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9});
    const Json j = json_of({"eval", example_model(), "--data", folder, "--threads", "1"});
    EXPECT_EQ(j.text("schema"), "hone.eval/1");
    EXPECT_GT(j.number("samples"), 0);
    EXPECT_EQ(j.text("precision"), "fp32");
    expect_fields(j, {"metrics.top1", "metrics.top5", "metrics.f1_macro", "classes.0.precision", "classes.0.recall",
                      "classes.0.f1", "classes.0.support", "confusion.0.0", "part", "warnings"});
    EXPECT_EQ(j.size("confusion"), 10u);
    // All pictures are alike, so one class gets all answers.
    double right = 0;
    for (int c = 0; c < 10; ++c) right += j.number("confusion." + std::to_string(c) + "." + std::to_string(c));
    EXPECT_DOUBLE_EQ(j.number("metrics.top1"), right / j.number("samples"));
}

TEST(Schema, BenchOfOne) {
    const Json j = json_of({"bench", example_model(), "--processes", "1", "--runs", "5", "--threads", "1"});
    EXPECT_EQ(j.text("schema"), "hone.bench/1");
    EXPECT_EQ(j.number("threads"), 1);
    EXPECT_EQ(j.number("batch"), 1);
    EXPECT_EQ(j.size("models"), 1u);
    EXPECT_EQ(j.text("models.0.model"), hone::absolute_path(example_model()));
    EXPECT_GT(j.number("models.0.load_ms"), 0);
    EXPECT_GT(j.number("models.0.plan_bytes"), 1e6);
    EXPECT_GT(j.number("models.0.start_bytes"), 1e6);
    EXPECT_GT(j.number("models.0.peak_bytes"), j.number("models.0.start_bytes"));
    EXPECT_GT(j.number("models.0.cpu_seconds"), 0);
    EXPECT_LE(j.number("models.0.latency_ms.min"), j.number("models.0.latency_ms.p50"));
    EXPECT_LE(j.number("models.0.latency_ms.p50"), j.number("models.0.latency_ms.p99"));
}

TEST(Schema, BenchOfBatches) {
    const Json j = json_of({"bench", example_model(), "--processes", "1", "--runs", "5", "--threads", "1", "--batches", "1,4"});
    ASSERT_EQ(j.size("models.0.batches"), 2u);
    EXPECT_EQ(j.number("models.0.batches.1.batch"), 4);
    for (const std::string at : {"models.0.batches.0.", "models.0.batches.1."}) {
        EXPECT_NEAR(j.number(at + "throughput"), j.number(at + "batch") * 1e3 / j.number(at + "latency_ms.p50"),
                    1e-6 * j.number(at + "throughput"));
        EXPECT_GT(j.number(at + "peak_bytes"), 1e6);
        EXPECT_GT(j.number(at + "cpu_seconds"), 0);
    }
    EXPECT_EQ(hone_command({"bench", example_model(), "--batches", "1,x"}).exit_code, 2);
}

TEST(Schema, BenchOfTwoIsSecondOverFirst) {
    const Json j = json_of({"bench", example_model(), example_model(), "--processes", "2", "--runs", "5", "--threads",
                            "1", "--batch", "2"});
    EXPECT_EQ(j.size("models"), 2u);
    EXPECT_EQ(j.number("batch"), 2);
    EXPECT_GT(j.number("ratio.low"), 0);
    EXPECT_LE(j.number("ratio.low"), j.number("ratio.estimate"));
    EXPECT_LE(j.number("ratio.estimate"), j.number("ratio.high"));
}

TEST(Schema, Inspect) {
    const Json j = json_of({"inspect", example_model(), "--threads", "1"});
    EXPECT_EQ(j.text("schema"), "hone.inspect/1");
    EXPECT_EQ(j.number("totals.parameters"), 271402);
    EXPECT_EQ(j.number("totals.macs"), 31021952);
    EXPECT_EQ(j.number("totals.bytes"), 1093206);
    EXPECT_GT(j.number("totals.time_ms"), 0);
    EXPECT_EQ(j.text("inputs.image"), "f32[N,1,28,28]");
    double macs = 0, ms = 0;
    for (size_t i = 0; i < j.size("layers"); ++i) {
        const std::string l = "layers." + std::to_string(i);
        macs += j.number(l + ".macs");
        EXPECT_FALSE(j.text(l + ".bound").empty());
        if (j.text(l + ".bound") != "fused" && j.text(l + ".bound") != "folded") ms += j.number(l + ".time_ms");
        if (j.text(l + ".op") == "Conv") {
            EXPECT_GT(j.number(l + ".time_ms"), 0) << l;
            EXPECT_GT(j.number(l + ".floor_ms"), 0) << l;
        }
    }
    EXPECT_EQ(macs, 31021952);
    EXPECT_GT(ms, 0);
}

TEST(Schema, InspectPrintsPlanAndGraphBesideJson) {
    const hone::ProcessResult r =
        hone_command({"inspect", example_model(), "--no-time", "--plan", "--graph", "--json"});
    Json::parse(r.out);
    EXPECT_NE(r.err.find("plan: "), std::string::npos);
    EXPECT_NE(r.err.find("after "), std::string::npos);
}

TEST(Schema, Doctor) {
    const Json j = json_of({"doctor", "--time", "0.2"});
    EXPECT_EQ(j.text("schema"), "hone.doctor/1");
    EXPECT_GT(j.number("rates.0.core_gops"), 0);
    EXPECT_GE(j.size("memory"), 1u);
    EXPECT_GT(j.number("memory.0.core_gbs"), 0);
    EXPECT_GT(j.number("noise.runs"), 0);
    EXPECT_EQ(j.text("devices.0"), "cpu");
    EXPECT_FALSE(j.text("libraries.oneDNN").empty());
}

TEST(Json, ToAFileAndIntoTheFolder) {
    const std::string folder = scratch_folder(), file = folder + "/a.json";
    const hone::ProcessResult r =
        hone_command({"inspect", example_model(), "--no-time", "--json=" + file, "--out", folder + "/deep/er"});
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(r.out.find("271 402 parameters"), std::string::npos) << r.out;
    EXPECT_EQ(Json::parse(hone::read_file(file)).text("schema"), "hone.inspect/1");
    EXPECT_EQ(hone::read_file(file), hone::read_file(folder + "/deep/er/inspect.json"));
}

TEST(Json, DoesNotSwallowTheModel) {
    const hone::ProcessResult r = hone_command({"inspect", "--no-time", "--json", example_model()});
    EXPECT_EQ(r.exit_code, 0) << r.err;
    EXPECT_TRUE(Json::parse(r.out).valid());
}

}  // namespace
