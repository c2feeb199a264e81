// SPDX-License-Identifier: Apache-2.0
// Scaling of features and targets: what it is, that networks keep their answers, and that training sees one scale.
#include "train/standardise.h"

#include "base/rng.h"
#include "golden.h"
#include "train/loop.h"

namespace hone::train {
namespace {

/// Two features of very different scale and a constant one; y = a + b in the hundreds, or whether a > 0.
class Rows final : public Dataset {
  public:
    Rows(int64_t n, uint64_t seed, bool regression) {
        set_sample_dims({3});
        name_ = "rows";
        class_names_ = regression ? std::vector<std::string>{"target"} : std::vector<std::string>{"no", "yes"};
        Rng rng(seed);
        if (regression) targets_ = Tensor::zeros(DType::f32, {n, 1});
        for (int64_t i = 0; i < n; ++i) {
            const double a = rng.normal(), b = rng.normal();
            x_.insert(x_.end(), {static_cast<float>(5000 + 300 * a), static_cast<float>(0.01 * b), 7.f});
            labels_.push_back(!regression && a > 0);
            if (regression) targets_.set(i, 400 + 50 * a + 25 * b);
        }
    }
    void load(int64_t i, float* out) const override { std::copy_n(x_.data() + 3 * i, 3, out); }
    std::string origin(int64_t i) const override { return cat("rows:", i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }

  private:
    std::vector<float> x_;
};

Graph line(const char* end = nullptr) {
    Graph g;
    g.opsets[""] = 13;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3}));
    ValueId y = b.node("Gemm", {x, g.add_constant("w", Tensor::of_f32({0.1f, -0.2f, 0.3f}, {1, 3})), g.add_constant("b", Tensor::of_f32({0}))}, {{"transB", int64_t{1}}});
    if (end) y = b.node(end, {y});
    g.rename_value(y, "y");
    g.outputs = {y};
    infer_graph(g);
    return g;
}
double answer(const Graph& g, double x0, double x1, double x2) {
    return interpret_graph(specialise(g, {{1, 3}}), {Tensor::of_f32({static_cast<float>(x0), static_cast<float>(x1), static_cast<float>(x2)}, {1, 3})})[0].at(0);
}
LoopOptions options(const char* loss) {
    LoopOptions o;
    o.step.loss.name = loss;
    o.rate = 0.1;
    o.epochs = 4;
    o.batch = 50;
    return o;
}

TEST(Standardise, IsThePopulationsMeanAndDeviation) {
    const Rows rows(4000, 1, true);
    const Scaling x = scaling_of(rows), y = scaling_of_targets(rows);
    ASSERT_EQ(x.mean.size(), 3u);
    EXPECT_NEAR(x.mean[0], 5000, 20);
    EXPECT_NEAR(x.deviation[0], 300, 15);
    EXPECT_NEAR(x.deviation[1], 0.01, 0.0005);
    EXPECT_EQ(x.mean[2], 7);
    EXPECT_EQ(x.deviation[2], 1);
    EXPECT_NEAR(y.mean[0], 400, 4);
    EXPECT_NEAR(y.deviation[0], std::hypot(50, 25), 3);
}

TEST(Standardise, NetworksTakeRawFeaturesAndGiveRawTargets) {
    const Graph g = standardise_inputs(line(), {{5000, 0, 7}, {300, 0.01, 1}});
    EXPECT_NEAR(answer(g, 5300, 0.02, 7), 0.1 - 0.2 * 2, 1e-4);
    const Graph h = restore_targets(g, {{400}, {50}});
    EXPECT_NEAR(answer(h, 5300, 0.02, 7), 400 + 50 * (0.1 - 0.2 * 2), 1e-2);
    EXPECT_EQ(h.value(h.outputs[0]).name, "y");
    h.check_structure();
    EXPECT_EQ(find_parameters(h).size(), 2u);
    EXPECT_TRUE(standardises_already(h));
    EXPECT_FALSE(standardises_already(line()));
    const Unscaled u = without_restored_targets(h);
    EXPECT_EQ(u.targets.mean, std::vector<double>{400});
    EXPECT_EQ(u.targets.deviation, std::vector<double>{50});
    EXPECT_NEAR(answer(u.body, 5300, 0.02, 7), 0.1 - 0.2 * 2, 1e-4);
    EXPECT_EQ(u.body.find_value("targets.mean"), kNone);
    EXPECT_TRUE(without_restored_targets(g).targets.mean.empty());
    EXPECT_EQ(error_of([&] { standardise_inputs(line(), {{0, 0}, {1, 1}}); }), "train.standardise");
    EXPECT_EQ(error_of([&] { restore_targets(line(), {{0, 0}, {1, 1}}); }), "train.standardise");
}

TEST(Standardise, PlainDescentReachesTargetsInTheHundreds) {
    const auto training = std::make_shared<Rows>(2000, 1, true), validation = std::make_shared<Rows>(500, 2, true);
    const Graph raw = line();
    const Graph scaled = restore_targets(standardise_inputs(raw, scaling_of(*training)), scaling_of_targets(*training));
    EXPECT_EQ(error_of([&] { train::train(raw, training, nullptr, options("mse"), {}); }), "train.diverged");
    const Trained t = train::train(scaled, training, validation.get(), options("mse"), {});
    EXPECT_LT(t.history.back().metrics.at("mse"), 1);
    EXPECT_LT(t.history.back().metrics.at("mae"), 1);
    EXPECT_GT(t.history.back().metrics.at("r2"), 0.999);
    const Trained more = train::train(t.model, training, validation.get(), options("mse"), {});  // what was written is trained further at the same scale
    EXPECT_LT(more.history[0].loss, 1e-3);
    for (const char* name : {"targets.mean", "targets.deviation", "features.mean"})
        EXPECT_TRUE(more.model.value(more.model.find_value(name)).constant.same_bits(scaled.value(scaled.find_value(name)).constant)) << name;
}

TEST(Standardise, OneOutputServesTwoClasses) {
    const auto training = std::make_shared<Rows>(2000, 1, false), validation = std::make_shared<Rows>(500, 2, false);
    const Graph g = standardise_inputs(line(), scaling_of(*training));
    for (const char* loss : {"hinge", "bce_with_logits"}) {
        LoopOptions o = options(loss);
        o.metric = "auc";
        const Trained t = train::train(g, training, validation.get(), o, {});
        EXPECT_GT(t.history.back().metrics.at("top1"), 0.97) << loss;
        EXPECT_GT(t.history.back().metrics.at("auc"), 0.99) << loss;
    }
    const Graph p = standardise_inputs(line("Sigmoid"), scaling_of(*training));  // a probability: the bar is a half
    EXPECT_EQ(measure(p, *validation, options("hinge")), measure(g, *validation, options("hinge")));
}

TEST(Standardise, EarlyStoppingGoesByTheMetricAskedFor) {
    const auto training = std::make_shared<Rows>(500, 1, true), validation = std::make_shared<Rows>(100, 2, true);
    const Graph g = restore_targets(standardise_inputs(line(), scaling_of(*training)), scaling_of_targets(*training));
    LoopOptions o = options("mse");
    o.rate = 0.01;  // better with every epoch, by any metric
    o.epochs = 8;
    o.patience = 2;
    for (const char* metric : {"", "r2", "mae"}) {
        o.metric = metric;
        const Trained t = train::train(g, training, validation.get(), o, {});
        EXPECT_EQ(t.history.size(), 8u) << metric;
        EXPECT_EQ(t.history.back().metrics.size(), 3u);
        EXPECT_EQ(measure(t.model, *validation, o), t.history.back().metrics);
    }
    o.rate = 0;
    const Graph kept = train::train(g, training, validation.get(), o, {}).model;  // by mae, and nothing gets better
    EXPECT_EQ(measure(kept, *validation, o), measure(g, *validation, o));
    o.metric = "top1";
    EXPECT_EQ(error_of([&] { train::train(g, training, validation.get(), o, {}); }), "train.metric");
    o.metric = "r3";
    EXPECT_EQ(error_of([&] { train::train(g, training, validation.get(), o, {}); }), "usage.metric");
}

}  // namespace
}  // namespace hone::train
