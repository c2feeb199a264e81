// SPDX-License-Identifier: Apache-2.0
// The plan file beside a model: `run` and `bench` take it where it is the model's, and answer the same bits.
#include "../optimize/toy_table.h"
#include "command.h"
#include "optimize/start.h"

namespace {

using Words = std::vector<std::string>;

Json json_of(Words command, std::string* err = nullptr) {
    command.insert(command.end(), {"--precision", "auto", "--json"});
    const hone::ProcessResult r = hone_command(command);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    if (err) *err = r.err;
    return Json::parse(r.exit_code == 0 ? r.out : "null");
}

/// Runs `model` with its plan file and without.
void expect_taken(const std::string& model, const std::string& plan, const std::string& data) {
    const Words run = {"run", model, data, "--row", "7", "--raw", "--threads", "1"}, two = {"run", model, data, "--row", "7", "--raw", "--threads", "2"};
    Words without = run;
    without.push_back("--no-plan");
    const Json taken = json_of(run), anew = json_of(without);
    EXPECT_EQ(taken.text("plan_file"), hone::absolute_path(plan));
    EXPECT_EQ(anew.text("plan_file"), "");
    ASSERT_GT(taken.size("results.0.outputs.0.values"), 0u);
    for (size_t i = 0; i < taken.size("results.0.outputs.0.values"); ++i) {
        const std::string at = "results.0.outputs.0.values." + std::to_string(i);
        EXPECT_EQ(taken.number(at), anew.number(at));
    }
    std::string err;
    EXPECT_EQ(json_of(two, &err).text("plan_file"), "");
    EXPECT_NE(err.find("is not taken"), std::string::npos) << err;
}

TEST(PlanFileVerbs, RunAndBenchTakeItAndAnswerTheSame) {
    const hone::Toy toy = hone::write_toy(scratch_folder(), 3, false, 40);
    hone::StartRequest r{toy.model, hone::default_plan_file(toy.model), 1, {.threads = 1}};
    std::string why;
    ASSERT_TRUE(hone::leave_plan(r, &why)) << why;
    expect_taken(toy.model, r.plan_file, toy.data);
    const Json timed = json_of({"bench", toy.model, "--threads", "1", "--processes", "1", "--runs", "5"});
    EXPECT_EQ(timed.text("models.0.plan_file"), hone::absolute_path(r.plan_file));
    EXPECT_GT(timed.number("models.0.latency_ms.p50"), 0);
    write_text(r.plan_file, "honeplan and nothing else");
    std::string err;
    EXPECT_EQ(json_of({"run", toy.model, toy.data, "--row", "0", "--threads", "1"}, &err).text("plan_file"), "");
    EXPECT_NE(err.find("is not taken"), std::string::npos) << err;
}

TEST(PlanFileVerbs, SLOW_OptimizeLeavesIt) {
    const std::string folder = scratch_folder(), out = folder + "/out";
    const hone::Toy toy = hone::write_toy(folder, 3, false);
    const hone::ProcessResult r = hone_command({"optimize", toy.model, "--data", toy.data, "--max-drop", "30%", "--max-size", "60%", "--threads", "1",
                                                "--processes", "2", "--samples", "64", "--time-budget", "0.001", "--precision", "fp32", "--out", out, "--json"});
    ASSERT_EQ(r.exit_code, 0) << r.err << r.out.substr(0, 500);
    const Json j = Json::parse(r.out);
    const std::string model = j.text("model"), plan = hone::default_plan_file(model);
    bool named = false;
    for (size_t i = 0; i < j.size("files"); ++i) named |= j.text("files." + std::to_string(i)) == plan;
    EXPECT_TRUE(named) << r.out.substr(0, 500);
    EXPECT_EQ(j.text("recipe.metric"), "top1");
    expect_taken(model, plan, toy.data);
}

}  // namespace
