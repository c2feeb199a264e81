// SPDX-License-Identifier: Apache-2.0
// `profile`: steps that add up, and a trace that a viewer opens.
#include <cmath>

#include "command.h"

using namespace hone;

namespace {

std::string at(const char* list, size_t i, const char* field) {
    return std::string(list) + "." + std::to_string(i) + "." + field;
}

TEST(Profile, StepsAddUpAndTheTraceHoldsWholeRuns) {
    const std::string folder = scratch_folder();
    const ProcessResult r = hone_command({"profile", example_model(), "--json", "--threads", "1", "--out", folder, "--runs",
                                          "12", "--seconds", "0.1", "--traced", "3"});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    const Json p = Json::parse(r.out);
    EXPECT_EQ(p.text("schema"), "hone.profile/1");
    const size_t steps = p.size("steps");
    ASSERT_GT(steps, 5u);
    double sum = 0, share = 0;
    for (size_t i = 0; i < steps; ++i) {
        sum += p.number(at("steps", i, "time_ms"));
        share += p.number(at("steps", i, "share"));
        EXPECT_FALSE(p.text(at("steps", i, "kernel")).empty());
    }
    EXPECT_NEAR(sum, p.number("steps_ms"), 1e-6 + 1e-6 * sum);
    EXPECT_NEAR(share, 1, 1e-6);
    EXPECT_NEAR(sum, p.number("timed_ms"), 0.1 * sum);

    const Json t = Json::parse(read_file(folder + "/trace.json"));
    ASSERT_EQ(t.size("traceEvents"), 3 * (steps + 1));
    double end_of_run = 0;
    for (size_t e = 0; e < t.size("traceEvents"); ++e) {
        EXPECT_EQ(t.text(at("traceEvents", e, "ph")), "X");
        const double start = t.number(at("traceEvents", e, "ts")), length = t.number(at("traceEvents", e, "dur"));
        if (t.text(at("traceEvents", e, "cat")) == "run") {
            EXPECT_GE(start, end_of_run);  // runs follow one another
            end_of_run = start + length;
        } else {
            EXPECT_LE(start + length, end_of_run + 1e-6);  // steps lie in their run
        }
    }
}

TEST(Profile, ATraceGoesWhereItIsAskedTo) {
    const std::string file = scratch_folder() + "/t.json";
    const ProcessResult r = hone_command({"profile", example_model(), "--threads", "1", "--runs", "3", "--seconds", "0",
                                          "--traced", "1", "--trace", file});
    ASSERT_EQ(r.exit_code, 0) << r.err;
    EXPECT_NE(r.out.find("Gop/s"), std::string::npos);
    EXPECT_TRUE(Json::parse(read_file(file)).valid());
    EXPECT_EQ(hone_command({"profile", example_model(), "--trace", "/nowhere/t.json", "--runs", "3"}).exit_code, 6);
}

}  // namespace
