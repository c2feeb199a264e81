// SPDX-License-Identifier: Apache-2.0
// What data parallel training does to a graph: which values travel together, where the exchanges stand, and batch
// normalisation cut at its sums, which on one rank is what it was.
#include "pass/exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "op/builder.h"
#include "pass/autodiff.h"
#include "pass/pass.h"
#include "run/session.h"
#include "support.h"

namespace hone {
namespace {

using Names = std::vector<std::string>;
using Ints = std::vector<int64_t>;

/// Names of the values that travel together, a bucket an entry, in the order of the buckets.
std::vector<Names> buckets_of(const Graph& g) {
    std::vector<Names> out;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (!n.is("AllReduceStart", "hone")) continue;
        Names names;
        for (ValueId v : n.inputs) names.push_back(g.value(v).name);
        out.push_back(names);
    }
    return out;
}
/// A chain of Tanh, each of whose values is wanted: t0 is there first, t4 last.
struct Chain {
    Graph g;
    std::vector<ValueId> values;
    explicit Chain(DType t = DType::f32, int64_t n = 16) {
        Builder b(g);
        ValueId x = g.add_input("x", TypeInfo::tensor(t, {n}));
        for (int i = 0; i < 5; ++i) {
            x = b.node("Tanh", {x});
            g.rename_value(x, cat("t", i));
            values.push_back(x);
        }
    }
};

TEST(Exchange, BucketsFillInTheOrderInWhichValuesAreReady) {
    Chain c;
    std::reverse(c.values.begin(), c.values.end());  // parameters are in the order of the forward pass
    const std::vector<ValueId> means = add_exchange(c.g, c.values, {.ranks = 2, .bucket_bytes = 128});
    EXPECT_EQ(buckets_of(c.g), (std::vector<Names>{{"t0", "t1"}, {"t2", "t3"}, {"t4"}}));
    for (size_t i = 0; i < means.size(); ++i) {  // each mean stands for its own value
        const Node& wait = c.g.node(c.g.value(means[i]).producer);
        const auto at = static_cast<size_t>(std::find(wait.outputs.begin(), wait.outputs.end(), means[i]) - wait.outputs.begin());
        EXPECT_EQ(wait.in(1 + at), c.values[i]);
    }
    Chain all, each;
    add_exchange(all.g, all.values, {.ranks = 2, .bucket_bytes = 1 << 20});
    EXPECT_EQ(buckets_of(all.g).size(), 1u);
    add_exchange(each.g, each.values, {.ranks = 2, .bucket_bytes = 1});
    EXPECT_EQ(buckets_of(each.g).size(), 5u);
}

TEST(Exchange, TypesTravelApartAndHalvesAsFloats) {
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {6}));
    const std::vector<ValueId> values{b.cast(x, DType::f64), b.cast(x, DType::bf16), x, b.cast(x, DType::f16)};
    const std::vector<ValueId> means = add_exchange(g, values, {.ranks = 2});
    for (size_t i = 0; i < means.size(); ++i) EXPECT_EQ(g.value(means[i]).type, g.value(values[i]).type);
    g.outputs = means;
    EXPECT_EQ(buckets_of(g).size(), 2u);
    const Tensor in = Tensor::of_f32({1, 2, 3, 4, 5, -6.5f});
    for (const Tensor& t : interpret_graph(g, {in})) EXPECT_EQ(t.to_f64(), in.to_f64());  // one rank: the values themselves
    Session s(make_plan(g, {{6}}, {}), nullptr);
    for (const Tensor& t : s.run({in})) EXPECT_EQ(t.to_f64(), in.to_f64());
}

/// Positions of the plan's steps whose operator is this.
std::vector<size_t> steps_of(const Plan& p, const std::string& op) {
    std::vector<size_t> out;
    for (size_t k = 0; k < p.steps.size(); ++k)
        if (p.steps[k].op == op) out.push_back(k);
    return out;
}

TEST(Exchange, StartsAtOnceAndWaitsBehindAllThatNeedsNoMean) {
    Graph g;
    Builder b(g);
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {8, 8}));
    std::vector<ValueId> weights;
    Rng rng(1);
    for (int i = 0; i < 4; ++i) {
        weights.push_back(g.add_input(cat("w", i), TypeInfo::tensor(DType::f32, {8, 8})));
        x = b.node("Softmax", {b.matmul(x, weights.back())});
    }
    const std::vector<ValueId> d = add_gradients(g, {{b.sum(b.square(x), {}, false)}}, weights);
    const std::vector<ValueId> means = add_exchange(g, d, {.ranks = 2, .bucket_bytes = 1});
    for (size_t i = 0; i < means.size(); ++i) g.outputs.push_back(b.sub(weights[i], means[i]));
    infer_graph(g);
    const std::vector<Dims> dims(5, Dims{8, 8});
    const auto plan = make_plan(g, dims, {});
    const std::vector<size_t> starts = steps_of(*plan, "hone.AllReduceStart"), waits = steps_of(*plan, "hone.AllReduceWait");
    ASSERT_EQ(starts.size(), 4u);
    ASSERT_EQ(waits.size(), 4u);
    size_t between = 0;  // steps of the backward pass while the first bucket is under way
    for (size_t i = 0; i < starts.size(); ++i) {
        const int value = plan->steps[starts[i]].in[0];
        const auto made = [&](const Step& s) { return std::find(s.out.begin(), s.out.end(), value) != s.out.end(); };
        EXPECT_TRUE(made(plan->steps[starts[i] - 1])) << to_text(*plan);
        EXPECT_EQ(waits[i], waits[0] + i);
        EXPECT_EQ(plan->steps[waits[i]].in[0], plan->steps[starts[i]].out[0]);  // the first that started comes first
    }
    for (size_t k = starts[0]; k < waits[0]; ++k) between += plan->steps[k].kind == StepKind::kernel;
    EXPECT_GE(between, 10u) << to_text(*plan);
    for (const size_t w : waits) EXPECT_EQ(plan->root_of(plan->steps[w].out[0]), plan->root_of(plan->steps[w].in[1]));  // no memory of its own
}

TEST(Exchange, OutputsOfAWaitTakeTheMemoryOfTheirValues) {
    Chain c;
    Builder b(c.g);
    for (ValueId v : add_exchange(c.g, c.values, {.ranks = 2})) c.g.outputs.push_back(b.scale(v, 2));
    infer_graph(c.g);
    const auto plan = make_plan(c.g, {{16}}, {});
    const Step& wait = plan->steps[steps_of(*plan, "hone.AllReduceWait").at(0)];
    for (size_t i = 0; i < wait.out.size(); ++i) EXPECT_EQ(plan->root_of(wait.out[i]), plan->root_of(wait.in[i + 1])) << i;
}

struct Norm {
    Graph g;
    std::vector<ValueId> in;
    std::vector<Tensor> given;
};
/// Batch normalisation in training, its running statistics and all gradients; `last`: behind what puts channels last.
Norm norm(const Dims& d, DType type, bool last, bool synchronised) {
    Norm n;
    Rng rng(7);
    const auto input = [&](const char* name, const Dims& dims, double mean) {
        Tensor t = Tensor::zeros(type, dims);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, mean + 0.3 * rng.normal());
        n.given.push_back(t);
        n.in.push_back(n.g.add_input(name, TypeInfo::tensor(type, shape_of(dims))));
        return n.in.back();
    };
    Builder b(n.g);
    const Dims c{d[1]};
    ValueId x = input("x", d, 0.5);
    if (last) x = b.node("MaxPool", {x}, {{"kernel_shape", Ints(d.size() - 2, 1)}});
    const ValueId scale = input("scale", c, 1), bias = input("bias", c, 0), mean = input("mean", c, 0.2), var = input("var", c, 1.5);
    const std::vector<ValueId> y = b.nodes("BatchNormalization", {x, scale, bias, mean, var}, 3, {{"training_mode", int64_t{1}}, {"epsilon", 1e-3f}, {"momentum", 0.8f}});
    n.g.outputs = y;
    if (synchronised) EXPECT_EQ(synchronise_batch_norm(n.g), 1);
    const ValueId seed = input("seed", d, 0);
    for (ValueId v : add_gradients(n.g, {{n.g.outputs[0], seed}}, {n.in[0], scale, bias})) n.g.outputs.push_back(v);
    infer_graph(n.g);
    n.g.check_structure();
    return n;
}
double difference(const Tensor& a, const Tensor& b) {
    double worst = 0, size = 1e-3;
    for (int64_t i = 0; i < a.count(); ++i) worst = std::fmax(worst, std::fabs(a.at(i) - b.at(i))), size = std::fmax(size, std::fabs(a.at(i)));
    return worst / size;
}

TEST(SyncBatchNorm, OnOneRankItIsBatchNormalization) {
    for (const Dims& d : {Dims{3, 5, 4, 3}, {7, 4}, {2, 3, 9}, {2, 3, 2, 3, 2}}) {
        const Norm plain = norm(d, DType::f64, false, false), synced = norm(d, DType::f64, false, true);
        const std::vector<Tensor> want = interpret_graph(plain.g, plain.given), got = interpret_graph(synced.g, synced.given);
        ASSERT_EQ(want.size(), got.size());
        for (size_t i = 0; i < want.size(); ++i) EXPECT_LE(difference(want[i], got[i]), 1e-12) << "output " << i << " of " << to_text(d);
    }
}

TEST(SyncBatchNorm, ItsKernelsAgreeWithTheReferences) {
    ThreadPool pool(2);
    for (const Dims& d : {Dims{3, 19, 5, 7}, {2, 64, 4, 4}, {9, 3, 31, 29}, {70, 21}, {4, 5, 33}})
        for (const bool last : {false, true}) {
            if (last && d.size() < 3) continue;
            const Norm n = norm(d, DType::f32, last, true);
            const std::vector<Tensor> want = interpret_graph(n.g, n.given);
            std::vector<Dims> dims;
            for (const Tensor& t : n.given) dims.push_back(t.dims());
            const auto plan = make_plan(n.g, dims, {.threads = 2});
            for (const Step& s : plan->steps) EXPECT_NE(s.kind, StepKind::reference) << to_text(*plan);
            Session session(plan, &pool);
            const std::vector<Tensor> got = session.run(n.given);
            for (size_t i = 0; i < want.size(); ++i) EXPECT_LE(difference(want[i], got[i]), 1e-4) << "output " << i << " of " << to_text(d) << last;
        }
}

TEST(SyncBatchNorm, LeavesInferenceAlone) {
    Graph g;
    Builder b(g);
    std::vector<ValueId> in{g.add_input("x", TypeInfo::tensor(DType::f32, {2, 3, 4}))};
    for (int i = 0; i < 4; ++i) in.push_back(g.add_input(cat("c", i), TypeInfo::tensor(DType::f32, {3})));
    g.outputs = {b.node("BatchNormalization", in)};
    EXPECT_EQ(synchronise_batch_norm(g), 0);
}

}  // namespace
}  // namespace hone
