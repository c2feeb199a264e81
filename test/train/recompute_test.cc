// SPDX-License-Identifier: Apache-2.0
// Recomputed activations: the same losses and states as with kept ones, by the interpreter to the bit, in f32 and bf16 by sessions
// nearly, dropout's masks and running statistics included; less memory; and cuts that no other cuts undercut by much.
#include "pass/recompute.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/limits.h"
#include "base/rng.h"
#include "base/thread_pool.h"
#include "dist/thread_comm.h"
#include "golden.h"
#include "networks.h"
#include "pass/segments.h"
#include "train/lean_step.h"
#include "train/runner.h"

namespace hone::train {
namespace {

TrainingStep make_step(const Graph& model, bool recompute, Precision precision = Precision::fp32, ExchangeOptions exchange = {}) {
    StepOptions o;
    o.update.hyper["momentum"] = 0.9;
    o.precision = precision, o.exchange = exchange;
    if (recompute) o.recompute.emplace();
    return training_step(make_trainable(model), o);
}

Tensor pictures(const Dims& d, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f32, d);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.normal());
    return t;
}
Tensor labels(int64_t n) {
    Tensor t = Tensor::zeros(DType::i64, {n});
    for (int64_t i = 0; i < n; ++i) t.set_int(i, i * 7 % 10);
    return t;
}

int again(const Graph& g) {
    int n = 0;
    for (NodeId id : g.order()) n += g.node(id).name.find(":again") != std::string::npos;
    return n;
}

struct Ran {
    std::vector<double> losses;
    std::map<std::string, Tensor> states;
    size_t arena = 0;
};
Ran run_steps(const TrainingStep& step, const Dims& input, int steps) {
    ThreadPool pool(2);
    StepRunner runner(step, &pool, {.threads = 2});
    Ran r;
    for (int i = 0; i < steps; ++i) r.losses.push_back(runner.run({pictures(input, static_cast<uint64_t>(i % 3))}, {labels(input[0])}, 0.01));
    for (const auto& [name, t] : runner.states()) r.states[name] = t.clone();
    r.arena = runner.plan().arena_bytes;
    return r;
}

struct Case {
    const char* architecture;
    double width;
    int64_t depth;
    Precision precision;
    double tolerance;  ///< of states, of their largest
    std::optional<double> dropout;
};

class Recomputed : public testing::TestWithParam<Case> {};

TEST_P(Recomputed, StepsAreThoseOfKeptActivations) {
    const Case& c = GetParam();
    const Graph model = network(c.architecture, 8, c.width, c.depth, c.dropout);
    const Dims input = dims_of(model.value(model.inputs[0]).type.shape);
    // A network may be too small to gain by it (the MLP); then its step stays as it is.
    const TrainingStep with = make_step(model, true, c.precision), without = make_step(model, false, c.precision);
    const Ran a = run_steps(with, input, 4), b = run_steps(without, input, 4);
    EXPECT_LE(a.arena, b.arena);
    for (size_t i = 0; i < a.losses.size(); ++i) EXPECT_NEAR(a.losses[i], b.losses[i], c.tolerance * std::fabs(b.losses[i])) << i;
    ASSERT_EQ(a.states.size(), b.states.size());
    if (c.precision == Precision::bf16) return;  // sums of gradients round elsewhere
    for (const auto& [name, t] : b.states) EXPECT_LE(distance(a.states.at(name).to_f64(), t.to_f64()), c.tolerance) << name;
}

INSTANTIATE_TEST_SUITE_P(Networks, Recomputed,
                         testing::Values(Case{"resnet", 0.25, 20, Precision::fp32, 1e-3, {}}, Case{"resnet", 0.25, 20, Precision::bf16, 0.02, {}},
                                         Case{"mobilenetv2", 0.25, 0, Precision::fp32, 1e-3, {}}, Case{"vit", 0.5, 2, Precision::fp32, 1e-3, {}},
                                         Case{"vit", 0.5, 2, Precision::bf16, 0.05, {}}, Case{"lstm", 0.25, 3, Precision::fp32, 1e-3, {}},
                                         Case{"mlp", 0.25, 12, Precision::fp32, 1e-4, 0.3}),
                         [](const auto& i) { return cat(i.param.architecture, i.param.precision == Precision::bf16 ? "Bf16" : "", i.param.dropout ? "Dropout" : ""); });

/// Whatever else the step does.
TEST(Recompute, FitsTheOptionsOfAStep) {
    const Graph model = network("resnet", 8, 0.25, 20);
    const Dims input = dims_of(model.value(model.inputs[0]).type.shape);
    using Change = std::function<void(StepOptions&, TrainableOptions&)>;
    const std::vector<std::pair<const char*, Change>> changes = {
        {"accumulation and averages", [](StepOptions& o, TrainableOptions&) { o.update.accumulate = 2, o.update.ema = 0.9; }},
        {"clipping", [](StepOptions& o, TrainableOptions&) { o.update.clip_norm = 0.1; }},
        {"frozen layers", [](StepOptions&, TrainableOptions& t) { t.freeze_layers = 8; }},
        {"a scaled loss", [](StepOptions& o, TrainableOptions&) { o.precision = Precision::fp16, o.scale = {.start = 1024, .dynamic = true}; }},
    };
    for (const auto& [what, change] : changes) {
        StepOptions o;
        TrainableOptions t;
        change(o, t);
        const Ran kept = run_steps(training_step(make_trainable(model, t), o), input, 4);
        o.recompute.emplace();
        const TrainingStep step = training_step(make_trainable(model, t), o);
        EXPECT_GT(again(step.graph), 0) << what;
        const Ran computed = run_steps(step, input, 4);
        for (size_t i = 0; i < kept.losses.size(); ++i) EXPECT_NEAR(computed.losses[i], kept.losses[i], 2e-2 * kept.losses[i]) << what << " " << i;
        EXPECT_EQ(computed.states.size(), kept.states.size()) << what;
    }
}

/// Where the step as it is would be too large, one that computes again is found.
TEST(Recompute, FitsIntoLessMemory) {
    const Graph model = network("resnet", 64, 0.5, 20);
    const auto plan = [](const TrainingStep& s) { return StepRunner(s, nullptr, {.threads = 1}).plan().memory_bytes(); };
    const size_t kept = plan(training_step(make_trainable(model), {})), before = limits().memory_bytes;
    limits().memory_bytes = kept * 3 / 4;
    EXPECT_EQ(error_of([&] { plan(training_step(make_trainable(model), {})); }), "memory.limit");
    EXPECT_EQ(error_of([&] { EXPECT_LT(plan(lean_step(make_trainable(model), {}, {.threads = 1}, 12)), kept); }), "");
    limits().memory_bytes = before;
}

/// Operator by operator: nothing but the order of work differs.
TEST(Recompute, IsExactByReferences) {
    const Graph model = network("resnet", 2, 0.25, 20);
    const Dims input = dims_of(model.value(model.inputs[0]).type.shape);
    Stepper with(make_step(model, true)), without(make_step(model, false));
    ASSERT_GT(again(with.plan().graph), 0);
    const std::string x = model.value(model.inputs[0]).name, t = with.plan().targets[0];
    for (int i = 0; i < 2; ++i) {
        const std::map<std::string, Tensor> given{{x, pictures(input, static_cast<uint64_t>(i))}, {t, labels(2)}};
        EXPECT_EQ(with.step(given, 0.01), without.step(given, 0.01));
    }
    for (const auto& [name, v] : without.states()) EXPECT_TRUE(with.states().at(name).same_bits(v)) << name;
}

/// Means over ranks are asked for once, in the same order.
TEST(Recompute, AsksOtherRanksNothingTwice) {
    const Graph model = network("resnet", 4, 0.25, 20);
    const auto exchanges = [&](bool recompute) {
        const TrainingStep s = make_step(model, recompute, Precision::fp32, {.ranks = 2, .batch_norm = true});
        int n = 0;
        for (NodeId id : s.graph.order()) n += s.graph.node(id).op.starts_with("AllReduce");
        EXPECT_EQ(again(s.graph) > 0, recompute);
        return n;
    };
    EXPECT_EQ(exchanges(true), exchanges(false));
}

/// Two ranks with synchronised statistics follow what two ranks do that keep.
TEST(Recompute, RanksAgreeAsTheyDid) {
    const Graph model = network("resnet", 4, 0.25, 20);
    const Dims input = dims_of(model.value(model.inputs[0]).type.shape);
    const auto losses = [&](bool recompute) {
        const TrainingStep step = make_step(model, recompute, Precision::fp32, {.ranks = 2, .batch_norm = true});
        std::vector<std::vector<double>> of(2);
        run_ranks(2, [&](ThreadComm& comm) {
            StepRunner runner(step, nullptr, {.threads = 1});
            runner.session().exchange_with(&comm);
            for (uint64_t i = 0; i < 3; ++i) of[static_cast<size_t>(comm.rank())].push_back(runner.run({pictures(input, 10 * i + static_cast<uint64_t>(comm.rank()))}, {labels(input[0])}, 0.01));
        });
        return of;
    };
    const auto again = losses(true), kept = losses(false);
    for (size_t r = 0; r < 2; ++r)
        for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(again[r][i], kept[r][i], 1e-3 * kept[r][i]) << r << " " << i;
}

/// ResNet-18 as it is trained.
TEST(Recompute, TakesLessMemory) {
    const Graph model = network("resnet", 16, 1, 18);
    const auto arena = [&](bool recompute, Precision p) {
        StepOptions o;
        o.precision = p;
        const TrainingStep step = recompute ? lean_step(make_trainable(model), o, {.threads = 1}, 8) : training_step(make_trainable(model), o);
        return static_cast<double>(StepRunner(step, nullptr, {.threads = 1}).plan().arena_bytes) * 1e-6;
    };
    for (const Precision p : {Precision::fp32, Precision::bf16}) {
        const double with = arena(true, p), without = arena(false, p);
        std::printf("arena %.1f MB in place of %.1f\n", with, without);
        EXPECT_LT(with, 0.6 * without);
    }
}

/// Against every set of cuts of small chains with branches.
TEST(Segments, CutsAreNearTheBest) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        Rng rng(seed);
        const size_t n = 9;
        SizedForward forward;
        for (size_t i = 0; i < n; ++i) {
            forward.passing.push_back(static_cast<double>(rng.below(20)));
            forward.values.push_back({.made = i, .last = std::min(n - 1, i + 1 + (rng.below(3) == 0 ? rng.below(3) : 0)), .kept = rng.below(4) > 0, .bytes = 1.0 + static_cast<double>(rng.below(9))});
        }
        const double found = segments_peak(forward, segmentations(forward)[0]);
        double best = segments_peak(forward, {n});
        EXPECT_LE(found, best);
        for (size_t set = 0; set < (size_t{1} << (n - 1)); ++set) {
            std::vector<size_t> ends;
            for (size_t i = 0; i + 1 < n; ++i)
                if (set >> i & 1) ends.push_back(i + 1);
            ends.push_back(n);
            best = std::min(best, segments_peak(forward, ends));
        }
        EXPECT_LE(found, 1.2 * best) << seed;
    }
}

}  // namespace
}  // namespace hone::train
