// SPDX-License-Identifier: Apache-2.0
// Timers in whole runs: what they measure adds up, and they leave the runs as they were.
#include <numeric>

#include "run/profile.h"
#include "shared_models.h"

using namespace hone;

namespace {

Graph chain(int64_t n) {
    Graph g;
    ValueId v = g.add_input("x", TypeInfo::tensor(DType::f32, shape_of({n, n})));
    for (int i = 0; i < 4; ++i) {
        const ValueId w = g.add_constant(cat("w", i), Tensor::zeros(DType::f32, {n, n}));
        v = g.node(g.add_node("", "MatMul", {v, w}, 1, {}, cat("product", i))).out();
        v = g.node(g.add_node("", "Softmax", {v}, 1, {}, cat("softmax", i))).out();
    }
    g.outputs = {v};
    infer_graph(g);
    return g;
}

TEST(Profile, TheMiddleHalfLeavesOutBothEnds) {
    EXPECT_EQ(middle_half({5, 1, 9, 3}), (std::vector<size_t>{3, 0}));
    EXPECT_EQ(middle_half({2, 1, 3}), (std::vector<size_t>{1, 0, 2}));
    EXPECT_EQ(middle_half({7}), (std::vector<size_t>{0}));
}

TEST(Profile, StepsAddUpToTheRunsTheyWereIn) {
    const Graph g = chain(32);
    Session s(make_plan(g, {{32, 32}}, {}), nullptr);
    ProfileOptions o;
    o.least_runs = 200;
    o.seconds = 0;
    o.traced = 3;
    const Profile p = profile_runs(s, {Tensor::zeros(DType::f32, {32, 32})}, o);
    EXPECT_GE(p.runs, 200);
    ASSERT_EQ(p.step_ms.size(), s.plan().steps.size());
    ASSERT_EQ(p.step_median_ms.size(), p.step_ms.size());
    // The whole is timed from outside, the steps from inside: they can only be less, and all but the entry is in them.
    EXPECT_LE(p.steps_ms(), p.timed_ms * (1 + 1e-3));
    EXPECT_GE(p.steps_ms(), p.timed_ms * 0.9);
    EXPECT_GT(p.whole_ms, 0);
    ASSERT_EQ(p.traced.size(), 3u);
    for (const std::vector<double>& run : p.traced) {
        ASSERT_EQ(run.size(), p.step_ms.size() + 1);
        EXPECT_EQ(run[0], 0);
        EXPECT_TRUE(std::is_sorted(run.begin(), run.end()));
    }
}

TEST(Profile, TimersOffAreOff) {
    const Graph g = chain(8);
    Session s(make_plan(g, {{8, 8}}, {}), nullptr);
    const std::vector<Tensor> x = {Tensor::zeros(DType::f32, {8, 8})};
    s.profile(true);
    s.execute(x);
    const std::vector<uint64_t> marks = s.marks();
    s.profile(false);
    s.execute(x);
    EXPECT_EQ(s.marks(), marks);
}

}  // namespace
