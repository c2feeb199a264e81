// SPDX-License-Identifier: Apache-2.0
// Learning rates of 100 steps against PyTorch's schedulers.
#include "train/schedule.h"

#include <set>

#include "golden.h"

namespace hone::train {
namespace {

std::map<std::string, ScheduleSpec> cases() {
    return {
        {"constant", {}},
        {"step", {"step", {{"every", 30}, {"gamma", 0.3}}}},
        {"multi_step", {"multi_step", {{"gamma", 0.5}}, {20, 50, 51}}},
        {"cosine", {"cosine", {{"steps", 100}, {"minimum", 0.001}}}},
        {"one_cycle", {"one_cycle", {{"steps", 100}}}},
        {"one_cycle_odd", {"one_cycle", {{"steps", 101}, {"rise", 0.17}, {"div", 10}, {"final_div", 100}}}},
        {"warmup", {"constant", {{"warmup", 15}}}},
        {"warmup_cosine", {"cosine", {{"steps", 90}, {"warmup", 10}, {"warmup_from", 0.1}}}},
        {"warmup_step", {"step", {{"every", 25}, {"warmup", 10}, {"warmup_from", 0.1}}}},
        {"plateau", {"plateau", {{"patience", 3}}}},
        {"plateau_largest",
         {"plateau", {{"largest", 1}, {"gamma", 0.5}, {"patience", 2}, {"threshold", 0.05}, {"absolute", 1}, {"cooldown", 4}, {"minimum", 0.01}}}},
    };
}

TEST(Schedule, AHundredStepsArePyTorchs) {
    const Golden golden("schedules");
    std::set<std::string> compared;
    for (const auto& [name, spec] : cases()) {
        Schedule s(spec, 0.2);
        std::vector<double> got;
        int falls = 0;
        for (int64_t i = 0; i < 100; ++i) {
            got.push_back(s.at(i));
            const double metric = golden["metric"].at(i);
            falls += s.observe(name == "plateau_largest" ? 1 - metric : metric);
        }
        const std::vector<double> want = golden[name].to_f64();
        ASSERT_EQ(want.size(), got.size());
        for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-12 * 0.2 + 1e-9 * want[i]) << name << " at " << i;
        EXPECT_EQ(falls > 0, spec.name == "plateau") << name;
        compared.insert(spec.name);
    }
    for (const ScheduleDecl& d : schedules()) EXPECT_TRUE(compared.contains(d.name)) << d.name;
}

TEST(Schedule, StaysAtItsEnd) {
    const Schedule cosine({"cosine", {{"steps", 10}, {"minimum", 0.01}}}, 0.2), cycle({"one_cycle", {{"steps", 10}}}, 0.2);
    EXPECT_DOUBLE_EQ(cosine.at(10), 0.01);
    EXPECT_DOUBLE_EQ(cosine.at(15), 0.01);
    EXPECT_DOUBLE_EQ(cycle.at(9), 0.2 / 25 / 1e4);
    EXPECT_DOUBLE_EQ(cycle.at(50), cycle.at(9));
}

TEST(Schedule, EndsWithTheRunBehindItsWarmUp) {
    const auto of = [](const char* name, HyperValues hyper, int64_t steps) { return Schedule(with_steps({name, std::move(hyper)}, steps), 0.2); };
    EXPECT_DOUBLE_EQ(of("cosine", {{"warmup", 10}, {"minimum", 0.01}}, 100).at(100), 0.01);
    EXPECT_GT(of("cosine", {{"warmup", 10}, {"minimum", 0.01}}, 100).at(98), 0.01);
    EXPECT_DOUBLE_EQ(of("one_cycle", {{"warmup", 10}}, 100).at(99), 0.2 / 25 / 1e4);
    EXPECT_DOUBLE_EQ(of("one_cycle", {}, 100).at(99), 0.2 / 25 / 1e4);
    EXPECT_EQ(with_steps({"cosine", {{"warmup", 10}, {"steps", 70}}}, 100).hyper.at("steps"), 70);
    EXPECT_EQ(with_steps({"cosine", {{"warmup", 100}}}, 100).hyper.at("steps"), 1);
    EXPECT_FALSE(with_steps({"step", {{"warmup", 10}}}, 100).hyper.contains("steps"));
}

TEST(Schedule, ACycleMayBeginAtItsTop) {
    for (const double rise : {0.0, 0.01, 0.1}) {  // of ten steps: none, none, the first
        const Schedule cycle({"one_cycle", {{"steps", 10}, {"rise", rise}}}, 0.2);
        for (int64_t i = 0; i < 10; ++i) EXPECT_TRUE(cycle.at(i) > 0 && cycle.at(i) < 0.2001) << rise << " at " << i << ": " << cycle.at(i);
        EXPECT_DOUBLE_EQ(cycle.at(9), 0.2 / 25 / 1e4);
    }
    EXPECT_DOUBLE_EQ(Schedule({"one_cycle", {{"steps", 10}, {"rise", 0.1}}}, 0.2).at(0), 0.2);
}

TEST(Schedule, APlateauGoesOnFromItsState) {
    Schedule whole({"plateau", {{"patience", 1}}}, 0.2), first = whole;
    const std::vector<double> metrics = {1, 0.5, 0.6, NAN, 0.7, 0.4, 0.4, 0.4, 0.4};
    std::vector<double> want, got;
    for (double m : metrics) {
        whole.observe(m);
        want.push_back(whole.at(0));
    }
    for (size_t i = 0; i < 4; ++i) {
        first.observe(metrics[i]);
        got.push_back(first.at(0));
    }
    Schedule second({"plateau", {{"patience", 1}}}, 0.2);
    second.plateau() = first.plateau();
    for (size_t i = 4; i < metrics.size(); ++i) {
        second.observe(metrics[i]);
        got.push_back(second.at(0));
    }
    EXPECT_EQ(got, want);
    EXPECT_LT(want.back(), 0.003);
}

TEST(Schedule, RefusesWhatItCannotTake) {
    const auto error = [](const ScheduleSpec& spec) -> std::string {
        try {
            Schedule(spec, 1);
        } catch (const Error& e) {
            return e.id;
        }
        return "";
    };
    EXPECT_EQ(error({"cosin"}), "train.name");
    EXPECT_EQ(error({"cosine"}), "train.hyper");  // over how many steps?
    EXPECT_EQ(error({"cosine", {{"every", 3}}}), "train.hyper");
    EXPECT_EQ(error({"step", {{"every", 2.5}}}), "train.hyper");
    EXPECT_EQ(error({"one_cycle", {{"steps", 10}, {"rise", 1}}}), "train.hyper");
    EXPECT_EQ(error({"multi_step", {}, {5, 3}}), "train.milestones");
}

}  // namespace
}  // namespace hone::train
