// SPDX-License-Identifier: Apache-2.0
// Named states: after a run the tensor given for the old value holds the new one, in place where that is safe.
#include <gtest/gtest.h>

#include <cmath>

#include "normal.h"
#include "op/builder.h"
#include "run/session.h"

using namespace hone;

namespace {

struct Training {
    Graph g;
    Builder b{g};
    ValueId input(const std::string& name, const Dims& dims) { return g.add_input(name, TypeInfo::tensor(DType::f32, shape_of(dims))); }
    void state(const std::string& name, size_t input, ValueId next) {
        g.outputs.push_back(next);
        g.states.push_back({name, input, g.outputs.size() - 1});
    }
    std::shared_ptr<const Plan> plan(int threads = 1) {
        std::vector<Dims> dims;
        for (ValueId v : g.inputs) dims.push_back(dims_of(g.value(v).type.shape));
        return make_plan(g, dims, {.threads = threads});
    }
};
int stores(const Plan& p) {
    int n = 0;
    for (const Step& s : p.steps) n += s.op == "store";
    return n;
}
Tensor filled(const Dims& d, float v) {
    Tensor t = Tensor::zeros(DType::f32, d);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, static_cast<double>(v));
    return t;
}

TEST(States, WeightsAreUpdatedAsSoonAsNobodyNeedsTheOldOnes) {
    Training s;
    const Dims d{64, 64};
    constexpr int layers = 8;
    std::vector<ValueId> w;
    for (int k = 0; k < layers; ++k) w.push_back(s.input(cat("w", k), d));
    const ValueId x = s.input("x", d);
    std::vector<ValueId> y{x};
    for (ValueId v : w) y.push_back(s.b.node("MatMul", {y.back(), v}));
    s.g.outputs.push_back(y.back());
    ValueId dy = y.back();
    std::vector<ValueId> dw(layers);
    for (int k = layers - 1; k >= 0; --k) {  // both products of a layer read what the other reads
        const auto i = static_cast<size_t>(k);
        dw[i] = s.b.node("MatMul", {s.b.node("Transpose", {y[i]}, {{"perm", std::vector<int64_t>{1, 0}}}), dy});
        dy = s.b.node("MatMul", {dy, s.b.node("Transpose", {w[i]}, {{"perm", std::vector<int64_t>{1, 0}}})});
    }
    for (size_t k = 0; k < layers; ++k) s.state(cat("w", static_cast<int>(k)), k, s.b.sub(w[k], s.b.scale(dw[k], 1e-3)));
    const auto plan = s.plan();
    EXPECT_EQ(stores(*plan), 0) << to_text(*plan);
    const size_t one = 64 * 64 * sizeof(float);  // the products kept for the way back, and a few at work; not every gradient as well
    EXPECT_LE(plan->arena_bytes, (layers + 5) * one) << to_text(*plan);
    Rng rng(3);
    std::vector<Tensor> in;
    for (int k = 0; k <= layers; ++k) in.push_back(normal(rng, d));
    const std::vector<Tensor> want = interpret_graph(s.g, in);
    Session session(plan, nullptr);
    session.execute(in);
    for (size_t k = 0; k < layers; ++k)
        for (int64_t i = 0; i < in[k].count(); ++i) ASSERT_NEAR(in[k].at(i), want[k + 1].at(i), 1e-4 * std::fabs(want[k + 1].at(i)) + 1e-2);
}

TEST(States, AnUpdateWritesWhereTheOldValueLay) {
    Training s;
    const ValueId w = s.input("w", {5, 7}), x = s.input("x", {5, 7});
    const ValueId loss = s.b.sum(s.b.mul(w, x), {}, false);
    s.g.outputs.push_back(loss);
    s.state("w", 0, s.b.sub(w, s.b.scale(x, 0.5)));
    const auto plan = s.plan();
    EXPECT_EQ(stores(*plan), 0) << to_text(*plan);
    Session session(plan, nullptr);
    Tensor weights = filled({5, 7}, 3);
    for (int k = 1; k <= 3; ++k) {
        session.execute({weights, filled({5, 7}, 2)});
        EXPECT_EQ(session.output(0).at(0), 35 * 2 * (3 - (k - 1)));  // by the old value
        EXPECT_EQ(weights.at(34), 3 - k);
    }
}

TEST(States, AnOldValueThatIsReadLaterIsKeptUntilThen) {
    Training s;
    const ValueId w = s.input("w", {33});
    const ValueId next = s.b.scale(w, 2);
    s.g.outputs.push_back(s.b.add(s.b.exp(next), w));  // after the update
    s.state("w", 0, next);
    Session session(s.plan(), nullptr);
    Tensor weights = filled({33}, 1);
    const Tensor y = session.run({weights})[0];
    EXPECT_NEAR(y.at(32), std::exp(2.0) + 1, 1e-5);
    EXPECT_EQ(weights.at(0), 2);
}

TEST(States, TwoThatChangePlaces) {
    Training s;
    const ValueId a = s.input("a", {9}), b = s.input("b", {9});
    s.g.outputs.push_back(s.b.add(a, b));
    s.state("a", 0, b);
    s.state("b", 1, a);
    Session session(s.plan(), nullptr);
    Tensor one = filled({9}, 1), two = filled({9}, 2);
    session.execute({one, two});
    EXPECT_EQ(one.at(8), 2);
    EXPECT_EQ(two.at(8), 1);
}

TEST(States, ReferencesAndThreadsGiveTheSame) {
    Training s;
    const ValueId w = s.input("w", {64, 33}), m = s.input("m", {64, 33}), x = s.input("x", {64, 33});
    const ValueId moment = s.b.add(s.b.scale(m, 0.9), x);
    s.state("m", 1, moment);
    s.state("w", 0, s.b.sub(w, s.b.scale(moment, 0.1)));
    std::vector<Dims> dims(3, Dims{64, 33});
    std::vector<std::vector<Tensor>> ends;
    for (const bool references : {true, false}) {
        Rng rng(7);
        ThreadPool pool(2);
        Session session(make_plan(s.g, dims, {.threads = 2, .references = references}), &pool);
        std::vector<Tensor> t = {normal(rng, {64, 33}), normal(rng, {64, 33})};
        for (int k = 0; k < 4; ++k) session.execute({t[0], t[1], normal(rng, {64, 33})});
        ends.push_back(t);
    }
    for (size_t i = 0; i < 2; ++i)
        for (int64_t k = 0; k < ends[0][i].count(); ++k) ASSERT_NEAR(ends[0][i].at(k), ends[1][i].at(k), 1e-6);
}

}  // namespace
