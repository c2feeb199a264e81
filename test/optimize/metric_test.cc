// SPDX-License-Identifier: Apache-2.0
// The bound on other metrics than top-1: chosen by, judged by and named everywhere; and the plan file of an answer.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "data/open.h"
#include "onnx/reader.h"
#include "optimize/optimize.h"
#include "optimize/start.h"
#include "record/json.h"
#include "run/session.h"
#include "support.h"
#include "toy_table.h"

using namespace hone;

namespace {

/// Accepted without regard to time: the goal is the size.
OptimizeRequest for_size(const Toy& toy, const std::string& out, eval::Metric metric, double max_drop) {
    OptimizeRequest r;
    r.model = toy.model;
    r.metric = metric;
    r.goal = {.max_drop = max_drop, .max_size = Bound{0.6, true}};
    r.threads = 1;
    r.precision = PrecisionPolicy::fp32;
    r.out = cat(testing::TempDir(), "/", out);
    r.processes = 2;
    r.calibration_samples = 64;
    r.time_budget = 1e-6;  // nothing beyond the first candidates
    r.program = HONE_BINARY;
    return r;
}

double metric_of(eval::Metric m, const std::string& model, const Dataset& data) {
    Graph g = read_model(model);
    run_passes(g, Stage::portable);
    eval::EvalOptions o;
    o.keep_logits = true;
    return eval::metric_value(m, eval::answer(g, data, o), data);
}

std::string error_of(const OptimizeRequest& r, const DataParts& parts) {
    try {
        check_request(r, parts);
    } catch (const Error& e) {
        return e.id;
    }
    return "none";
}

/// Taken, and the answer bit-equal to that of a plan made anew.
void expect_plan_file(const record::Run& run) {
    StartRequest start{run.model, default_plan_file(run.model), 1, {.threads = 1}};
    EXPECT_NE(std::find(run.files.begin(), run.files.end(), start.plan_file), run.files.end());
    std::string why;
    const auto kept = plan_from_file(start, &why);
    ASSERT_TRUE(kept) << why;
    start.plan_file.clear();
    Session from_file(kept, nullptr), anew(start_plan(start).plan, nullptr);
    const std::vector<Tensor> x = eval::synthetic_inputs(*kept);
    from_file.execute(x);
    anew.execute(x);
    EXPECT_TRUE(from_file.output(0).same_bits(anew.output(0)));
}

}  // namespace

TEST(Metric, WhatTheDataDoesNotHaveIsRefused) {
    const Toy classes = write_toy(testing::TempDir() + "/toy_classes", 3, false, 60), numbers = write_toy(testing::TempDir() + "/toy_numbers", 1, true, 60);
    const DataParts labelled = open_data(classes.data, {}), regression = open_data(numbers.data, {});
    OptimizeRequest r;
    EXPECT_EQ(error_of(r, labelled), "none");
    EXPECT_EQ(error_of(r, regression), "optimize.metric");
    r.metric = eval::Metric::f1_macro;
    EXPECT_EQ(error_of(r, labelled), "none");
    r.metric = eval::Metric::top5;  // three classes
    EXPECT_EQ(error_of(r, labelled), "optimize.metric");
    r.metric = eval::Metric::mae;
    EXPECT_EQ(error_of(r, labelled), "optimize.metric");
    EXPECT_EQ(error_of(r, regression), "none");
}

TEST(Metric, SLOW_TheVerdictIsOnTheOneThatWasAsked) {
    const Toy toy = write_toy(testing::TempDir() + "/toy_auc", 3, false);
    const DataParts parts = open_data(toy.data, {});
    const eval::Metric m = eval::Metric::auc;
    OptimizeRequest r = for_size(toy, "metric_auc", m, 0.3);
    const record::Run run = optimize(r, parts);
    ASSERT_TRUE(run.accepted) << run.reason;
    EXPECT_EQ(run.metric, "auc");
    EXPECT_EQ(run.drop->method, "bootstrap");
    EXPECT_LE(run.drop->high, 0.3);
    EXPECT_GT(run.drop->high, run.drop->estimate);
    EXPECT_DOUBLE_EQ(run.before.metric, metric_of(m, toy.model, *parts.test));
    EXPECT_DOUBLE_EQ(run.after->metric, metric_of(m, run.model, *parts.test));
    EXPECT_NEAR(run.drop->estimate, run.before.metric - run.after->metric, 1e-12);
    EXPECT_NE(run.reason.find("auc"), std::string::npos) << run.reason;
    // The search chose by it: on validation, where its candidates have it too.
    const auto kept = std::find_if(run.candidates.begin(), run.candidates.end(), [](const record::Candidate& c) { return c.reason == "accepted"; });
    ASSERT_NE(kept, run.candidates.end());
    EXPECT_DOUBLE_EQ(kept->metric, metric_of(m, run.model, *parts.validation));
    expect_plan_file(run);
    const std::string record = r.out + "/run.json";
    write_file_atomic(record, record::to_json(run));
    OptimizeRequest again = for_size(toy, "metric_again", m, 0.3);
    again.replay = record;
    const record::Run second = optimize(again, parts);
    EXPECT_EQ(second.reason, run.reason);
    EXPECT_TRUE(read_file(second.model) == read_file(run.model));
    EXPECT_TRUE(read_file(default_plan_file(second.model)) == read_file(default_plan_file(run.model)));
    again.metric = eval::Metric::top1;
    EXPECT_THROW(optimize(again, parts), Error);  // a run of another metric
    OptimizeRequest strict = for_size(toy, "metric_strict", eval::Metric::f1_macro, 0);
    const record::Run none = optimize(strict, parts);
    EXPECT_FALSE(none.accepted);  // no number of samples shows that nothing is lost
    EXPECT_EQ(none.model, none.original);
    EXPECT_EQ(none.metric, "f1_macro");
}

TEST(Metric, SLOW_WhatTheTestSamplesDoNotHaveIsSaid) {
    const std::string folder = testing::TempDir() + "/toy_one_class";
    const Toy toy = write_toy(folder, 3, false);
    // Part by part; of the test samples those of one class.
    std::istringstream lines(read_file(toy.data));
    std::string line, header, training, validation, test;
    std::getline(lines, header);
    for (int i = 0; std::getline(lines, line); ++i)
        (i < 200 ? training : i < 400 ? validation : test) += i < 400 || line.ends_with(",c0") ? line + "\n" : "";
    make_directories(folder + "/parts");
    for (const auto& [name, rows] : {std::pair{"train", training}, {"validation", validation}, {"test", test}})
        write_file_atomic(cat(folder, "/parts/", name, ".csv"), cat(header, "\n", rows));
    OptimizeRequest r = for_size(toy, "metric_one_class", eval::Metric::auc, 0.5);
    r.processes = 1;
    const record::Run run = optimize(r, open_data(folder + "/parts", {}));
    EXPECT_FALSE(run.accepted);
    EXPECT_NE(run.reason.find("the test samples have no auc"), std::string::npos) << run.reason;
}

TEST(Metric, SLOW_TheErrorOfARegressionMayGrowByAShare) {
    const Toy toy = write_toy(testing::TempDir() + "/toy_mse", 1, true);
    const DataParts parts = open_data(toy.data, {});
    ASSERT_TRUE(parts.test->regression());
    OptimizeRequest r = for_size(toy, "metric_mse", eval::Metric::mse, 0.5);
    const record::Run run = optimize(r, parts);
    ASSERT_TRUE(run.accepted) << run.reason;
    EXPECT_EQ(run.metric, "mse");
    EXPECT_NEAR(run.before.metric, metric_of(eval::Metric::mse, toy.model, *parts.test), 1e-9);
    EXPECT_NEAR(run.drop->estimate, run.after->metric - run.before.metric, 1e-9);
    EXPECT_NEAR(*run.goal.max_drop, 0.5 * run.before.metric, 1e-12);
    EXPECT_LE(run.drop->high, *run.goal.max_drop);
    EXPECT_FALSE(run.robustness.has_value());  // a table
}

TEST(PlanFile, WhereItCannotBeWrittenThereIsAWord) {
    const Toy toy = write_toy(testing::TempDir() + "/toy_unwritable", 3, false, 60);
    StartRequest r{toy.model, default_plan_file(toy.model), 1, {.threads = 1}};
    make_directories(r.plan_file + "/taken");
    std::string why;
    EXPECT_FALSE(leave_plan(r, &why));
    EXPECT_FALSE(why.empty());
    r.plan_file = testing::TempDir() + "/toy_unwritable/fine.plan";
    EXPECT_TRUE(leave_plan(r, &why)) << why;
    EXPECT_TRUE(start_plan(r).from_file);
    r.batch = 2;  // the plan of another batch
    EXPECT_FALSE(start_plan(r).from_file);
}
