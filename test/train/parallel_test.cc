// SPDX-License-Identifier: Apache-2.0
// Training on several ranks, here threads of one process: the losses of one rank at equal global batch, the same weights on
// all to the bit, and how a run ends that cannot go on.
#include "train/parallel.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/interrupt.h"
#include "base/rng.h"
#include "dist/thread_comm.h"
#include "op/builder.h"
#include "support.h"
#include "train/loop.h"
#include "train/runner.h"

using namespace hone;
using namespace hone::train;

namespace {

/// Pictures [2,6,6] of a bright corner, which is the class; `broken`: a sample that overflows; `sorted`: of two classes, one
/// behind the other.
class Corners final : public Dataset {
  public:
    explicit Corners(int64_t n, int64_t broken = -1, bool sorted = false) : broken_(broken) {
        set_sample_dims({2, 6, 6});
        name_ = "corners";
        class_names_ = {"0", "1", "2", "3"};
        for (int64_t i = 0; i < n; ++i) labels_.push_back(static_cast<int>(sorted ? 2 * i / n : i * 7 % 4));
    }
    void load(int64_t i, float* out) const override {
        Rng rng(11, static_cast<uint64_t>(i));
        for (int64_t k = 0; k < 72; ++k) {
            const int64_t corner = k % 36 / 18 * 2 + k % 6 / 3;
            out[k] = static_cast<float>(0.5 * rng.normal() + (corner == label(i)));
            if (i == broken_) out[k] = 1e38f;
        }
    }
    std::string origin(int64_t i) const override { return cat("corners:", i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }

  private:
    int64_t broken_;
};

/// Convolutions, batch normalisation and a dense layer.
Graph network(bool norm, uint64_t seed = 3) {
    Graph g;
    g.opsets[""] = 15;
    Builder b(g);
    Rng rng(seed);
    const auto constant = [&](const std::string& name, const Dims& d, double mean, double deviation) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, mean + deviation * rng.normal());
        return g.add_constant(name, t);
    };
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 2, 6, 6}));
    for (int layer = 0; layer < 2; ++layer) {
        const std::string n = cat("conv", layer);
        const int64_t in = layer ? 8 : 2;
        x = b.node("Conv", {x, constant(n + ".weight", {8, in, 3, 3}, 0, 0.2), constant(n + ".bias", {8}, 0, 0.1)}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
        if (norm) x = b.node("BatchNormalization", {x, constant(n + ".scale", {8}, 1, 0.1), constant(n + ".shift", {8}, 0, 0.1), constant(n + ".mean", {8}, 0, 0), constant(n + ".var", {8}, 1, 0)});
        x = b.node("Relu", {x});
    }
    x = b.node("Flatten", {x});
    g.outputs = {b.node("Gemm", {x, constant("fc.weight", {4, 288}, 0, 0.05), constant("fc.bias", {4}, 0, 0)}, {{"transB", int64_t{1}}})};
    return g;
}

LoopOptions options(bool synchronised = false) {
    LoopOptions o;
    o.step.update.hyper["momentum"] = 0.9;
    o.step.update.clip_norm = 1;
    o.step.exchange.batch_norm = synchronised;
    o.step.exchange.bucket_bytes = 1 << 10;
    o.rate = 0.05;
    o.epochs = 2;
    o.batch = 12;
    return o;
}

struct Outcome {
    Trained trained;
    std::vector<double> losses;
    int64_t calls = 0;
};
std::vector<Outcome> run(int ranks, const Graph& model, const LoopOptions& options, int64_t samples = 240) {
    std::vector<Outcome> runs(static_cast<size_t>(ranks));
    const auto data = std::make_shared<Corners>(samples), validation = std::make_shared<Corners>(101);
    run_ranks(ranks, [&](ThreadComm& comm) {
        LoopOptions o = options;
        if (ranks > 1) o.comm = &comm;
        Outcome& r = runs[static_cast<size_t>(comm.rank())];
        LoopHooks hooks;
        hooks.step = [&](const StepInfo& s) { r.losses.push_back(s.loss); };
        r.trained = train::train(model, data, validation.get(), o, hooks);
        r.calls = comm.calls();
    });
    return runs;
}
void expect_same_weights(const Graph& a, const Graph& b) {
    int seen = 0;
    for (ValueId v = 0; v < a.value_count(); ++v)
        if (a.value(v).is_constant()) {
            ++seen;
            EXPECT_TRUE(a.value(v).constant.same_bits(b.value(b.find_value(a.value(v).name)).constant)) << a.value(v).name;
        }
    EXPECT_GT(seen, 5);
}
void expect_equal_runs(const std::vector<Outcome>& alone, const std::vector<Outcome>& several, const std::string& what) {
    for (const Outcome& r : several) {
        ASSERT_EQ(r.losses.size(), alone[0].losses.size());
        for (size_t i = 0; i < r.losses.size(); ++i) EXPECT_NEAR(r.losses[i], alone[0].losses[i], 1e-5 * (1 + alone[0].losses[i])) << what << " step " << i;
        EXPECT_EQ(r.losses, several[0].losses) << what;
        EXPECT_EQ(r.trained.history[1].metrics, several[0].trained.history[1].metrics) << what;
        EXPECT_NEAR(r.trained.history[1].metrics.at("top1"), alone[0].trained.history[1].metrics.at("top1"), 0.02) << what;
        expect_same_weights(several[0].trained.model, r.trained.model);
    }
}

TEST(Parallel, SeveralRanksHaveTheLossesOfOne) {
    for (const bool norm : {false, true}) {
        const std::vector<Outcome> alone = run(1, network(norm), options());
        EXPECT_LT(alone[0].losses.back(), 0.5 * alone[0].losses.front());  // there is something to follow
        for (const int ranks : {2, 3}) expect_equal_runs(alone, run(ranks, network(norm), options(norm)), cat(ranks, norm ? " ranks, normalised" : " ranks"));
    }
}

TEST(Parallel, SynchronisedStatisticsAreThoseOfTheWholeBatch) {
    LoopOptions o = options(true);
    o.epochs = 1;
    const auto of = [&](int ranks, const char* name) {
        const Graph g = run(ranks, network(true), o)[0].trained.model;
        return g.value(g.find_value(name)).constant.to_f64();
    };
    for (const char* name : {"conv0.mean", "conv0.var", "conv1.var"}) {
        const std::vector<double> one = of(1, name), three = of(3, name);
        for (size_t i = 0; i < one.size(); ++i) EXPECT_NEAR(three[i], one[i], 1e-4 * (1 + std::fabs(one[i]))) << name;
    }
}

TEST(Parallel, StatisticsOfEachRankAreAveraged) {
    const std::vector<Outcome> two = run(2, network(true), options(false));
    expect_same_weights(two[0].trained.model, two[1].trained.model);
    EXPECT_LT(two[0].losses.back(), 0.5 * two[0].losses.front());
    EXPECT_EQ(two[0].calls, two[1].calls);
    EXPECT_GE(two[0].calls, 2 * 20 * 4);  // three buckets and the loss in each of 20 steps, in 2 epochs
}

TEST(Parallel, AccumulationAndASumOfLosses) {
    LoopOptions o = options();
    o.step.update.accumulate = 2;
    o.step.loss.reduction = Reduction::sum;
    o.rate = 0.004;
    expect_equal_runs(run(1, network(false), o), run(2, network(false), o), "sum");
}

TEST(Parallel, WhatIsNoAverageIsMeasuredWhole) {
    const Corners data(101);
    run_ranks(2, [&](ThreadComm& comm) {
        const Ranks ranks(&comm);
        for (const bool averages : {true, false}) {
            int64_t seen = 0;
            const Metrics m = ranks.measure(data, averages, [&](const Dataset& d) {
                seen += d.size();
                return Metrics{{"metric", static_cast<double>(d.size())}};
            });
            EXPECT_EQ(seen, averages ? 50 + comm.rank() : 101);
            EXPECT_NEAR(m.at("metric"), averages ? (50 * 50 + 51 * 51) / 101.0 : 101, 1e-12);
        }
    });
}

TEST(Parallel, PairsOfSortedDataAreJudged) {  // a rank's half holds one class, of which there are no pairs
    const auto data = std::make_shared<Corners>(240);
    const Corners sorted(40, -1, true);
    std::vector<Metrics> seen(2);
    run_ranks(2, [&](ThreadComm& comm) {
        LoopOptions o = options();
        o.step.loss.name = "contrastive";
        o.epochs = 1;
        o.comm = &comm;
        const Trained t = train::train(network(false), data, &sorted, o, {});
        seen[static_cast<size_t>(comm.rank())] = t.history[0].metrics;
        EXPECT_EQ(measure(t.model, sorted, o), t.history[0].metrics);
    });
    EXPECT_TRUE(seen[0].contains("auc"));
    EXPECT_EQ(seen[0], seen[1]);
}

TEST(Parallel, OneRanksOverflowIsNamedOnAll) {
    const auto data = std::make_shared<Corners>(240, 100);
    int named = 0;
    std::mutex mutex;
    run_ranks(2, [&](ThreadComm& comm) {
        LoopOptions o = options();
        o.comm = &comm;
        o.epochs = 1;
        try {
            train::train(network(false), data, nullptr, o, {});
        } catch (const Error& e) {
            std::lock_guard lock(mutex);
            EXPECT_EQ(e.id, "train.diverged");
            named += e.message.find(" on rank ") != std::string::npos;
        }
    });
    EXPECT_EQ(named, 2);
}

TEST(Parallel, AnInterruptEndsAllBehindTheSameStep) {
    const auto data = std::make_shared<Corners>(240);
    std::vector<int64_t> steps(2);
    std::vector<std::string> ids(2);
    run_ranks(2, [&](ThreadComm& comm) {
        LoopOptions o = options();
        o.comm = &comm;
        const auto me = static_cast<size_t>(comm.rank());
        LoopHooks hooks;
        hooks.step = [&](const StepInfo& s) {
            steps[me] = s.step;
            if (comm.rank() == 1 && s.step == 5) set_interrupted(true);
        };
        try {
            train::train(network(false), data, nullptr, o, hooks);
        } catch (const Error& e) {
            ids[me] = e.id;
            if (e.id != "interrupted") throw;
        }
    });
    set_interrupted(false);
    EXPECT_EQ(ids, (std::vector<std::string>{"interrupted", "interrupted"}));
    EXPECT_EQ(steps[0], steps[1]);
    EXPECT_GE(steps[0], 5);
    EXPECT_LE(steps[0], 6);
}

TEST(Parallel, RefusesWhatDoesNotFit) {
    LoopOptions odd = options();
    odd.batch = 13;
    EXPECT_EQ(error_of([&] { run(2, network(false), odd); }), "train.ranks");
    const auto data = std::make_shared<Corners>(240);
    EXPECT_EQ(error_of([&] {
                  run_ranks(2, [&](ThreadComm& comm) {
                      LoopOptions o = options();
                      o.comm = &comm;
                      train::train(network(false, comm.rank() == 0 ? 3 : 4), data, nullptr, o, {});
                  });
              }), "dist.apart");
}

}  // namespace
