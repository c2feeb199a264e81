// SPDX-License-Identifier: Apache-2.0
// The loop on small data sets: it learns, writes back what it trained, is repeatable, ends early, and names what does not fit.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/rng.h"
#include "op/builder.h"
#include "run/session.h"
#include "support.h"
#include "train/loop.h"
#include "train/runner.h"
#include "train/scratch.h"

using namespace hone;
using namespace hone::train;

namespace {

/// Points in the plane: class 1 inside the circle of radius 1.2, class 0 outside; or a regression on them.
class Points final : public Dataset {
  public:
    Points(int64_t n, uint64_t seed, bool regression = false) {
        set_sample_dims({2});
        name_ = "points";
        class_names_ = {"out", "in"};
        Rng rng(seed);
        if (regression) targets_ = Tensor::zeros(DType::f32, {n, 1});
        for (int64_t i = 0; i < n; ++i) {
            const float x = static_cast<float>(rng.normal()), y = static_cast<float>(rng.normal());
            xy_.insert(xy_.end(), {x, y});
            labels_.push_back(!regression && x * x + y * y < 1.44f);
            if (regression) targets_.set(i, 0.5 * x - y + 0.25);
        }
    }
    void load(int64_t i, float* out) const override { std::copy_n(xy_.data() + 2 * i, 2, out); }
    void spoil(int64_t i) { xy_[static_cast<size_t>(2 * i)] = INFINITY; }
    std::string origin(int64_t i) const override { return cat("points:", i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }

  private:
    std::vector<float> xy_;
};

Graph perceptron(int64_t hidden, int64_t outputs) {
    Graph g;
    g.opsets[""] = 13;
    Builder b(g);
    Rng rng(5);
    const auto weights = [&](const char* name, const Dims& d) {
        Tensor t = Tensor::zeros(DType::f32, d);
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, 0.7 * rng.normal());
        return g.add_constant(name, t);
    };
    ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 2}));
    x = b.node("Gemm", {x, weights("w1", {hidden, 2}), weights("b1", {hidden})}, {{"transB", int64_t{1}}});
    x = b.node("Relu", {x});
    g.outputs = {b.node("Gemm", {x, weights("w2", {outputs, hidden}), weights("b2", {outputs})}, {{"transB", int64_t{1}}})};
    return g;
}

/// The same with batch normalisation before the Relu.
Graph normalised_perceptron() {
    Graph g = perceptron(8, 2);
    const NodeId relu = g.value(g.node(g.value(g.outputs[0]).producer).in(0)).producer;
    Builder b(g, "bn");
    const auto constants = [&](const char* name, double v) {
        Tensor t = Tensor::zeros(DType::f32, {8});
        for (int64_t i = 0; i < 8; ++i) t.set(i, v);
        return g.add_constant(name, t);
    };
    g.set_input(relu, 0, b.node("BatchNormalization", {g.node(relu).in(0), constants("bn.scale", 1), constants("bn.bias", 0), constants("bn.mean", 0), constants("bn.variance", 1)}));
    return g;
}

const auto training = std::make_shared<Points>(2000, 1), validation = std::make_shared<Points>(500, 2);

LoopOptions options() {
    LoopOptions o;
    o.step.update.optimizer = "adam";
    o.rate = 0.02;
    o.epochs = 4;
    o.batch = 50;
    return o;
}
std::vector<float> weights_of(const Graph& g) {
    const Tensor& t = g.value(g.find_value("w1")).constant;
    return {t.data<float>(), t.data<float>() + t.count()};
}

TEST(Loop, LearnsWhatItsFirstWeightsCannot) {
    const Graph model = perceptron(16, 2);
    int64_t steps = 0, epochs = 0;
    LoopHooks hooks;
    hooks.step = [&](const StepInfo& s) {
        steps = s.step;
        EXPECT_EQ(s.steps, 160);
    };
    hooks.epoch = [&](const Epoch& e) { epochs = e.epoch; };
    const Trained t = train::train(model, training, validation.get(), options(), hooks);
    EXPECT_LT(measure(model, *validation, options()).at("top1"), 0.8);
    EXPECT_GT(t.history.back().metrics.at("top1"), 0.93);
    EXPECT_EQ(t.history.back().metrics, measure(t.model, *validation, options()));  // what is returned is what was judged
    EXPECT_LT(t.history.back().loss, t.history.front().loss);
    EXPECT_EQ(steps, 160);
    EXPECT_EQ(epochs, 4);
    EXPECT_EQ(t.samples, 8000);
    EXPECT_EQ(t.parameters, 16 * 2 + 16 + 2 * 16 + 2);
}

TEST(Loop, TheSameSeedGivesTheSameBitsAtAnyNumberOfThreads) {
    LoopOptions o = options();
    o.epochs = 1;
    std::vector<std::vector<float>> seen;
    for (const int threads : {1, 2, 1}) {
        o.threads = threads;
        seen.push_back(weights_of(train::train(perceptron(16, 2), training, nullptr, o, {}).model));
    }
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(seen[0], seen[2]);
    o.seed = 1;
    EXPECT_NE(seen[0], weights_of(train::train(perceptron(16, 2), training, nullptr, o, {}).model));
}

TEST(Loop, FrozenParametersStayToTheBit) {
    LoopOptions o = options();
    o.epochs = 1;
    o.trainable.freeze = {"w1"};
    const Graph before = perceptron(16, 2);
    const Graph after = train::train(before, training, nullptr, o, {}).model;
    EXPECT_EQ(weights_of(after), weights_of(before));
    EXPECT_FALSE(after.value(after.find_value("w2")).constant.same_bits(before.value(before.find_value("w2")).constant));
}

TEST(Loop, RegressionAndBinaryLosses) {
    LoopOptions o = options();
    const auto line = std::make_shared<Points>(1000, 3, true);
    o.step.loss.name = "mse";
    EXPECT_LT(train::train(perceptron(16, 1), line, line.get(), o, {}).history.back().metrics.at("mse"), 0.02);
    for (const char* loss : {"hinge", "bce_with_logits"}) {
        o.step.loss.name = loss;
        const Trained t = train::train(perceptron(16, 1), training, nullptr, o, {});
        EXPECT_LT(t.history.back().loss, 0.6 * t.history.front().loss) << loss;
        const Graph& g = t.model;  // its sign is the class
        Session session(make_plan(g, {{500, 2}}, {}), nullptr);
        std::vector<int64_t> all(500);
        for (int64_t i = 0; i < 500; ++i) all[static_cast<size_t>(i)] = i;
        const Tensor y = session.run({batch(*validation, all)})[0];
        int right = 0;
        for (int64_t i = 0; i < 500; ++i) right += (y.at(i) > 0) == (validation->label(i) == 1);
        EXPECT_GT(right, 460) << loss;
    }
}

TEST(Loop, EndsEarlyWithTheBestEpoch) {
    LoopOptions o = options();
    o.rate = 0;  // nothing gets better
    o.epochs = 10;
    o.patience = 2;
    const Trained t = train::train(perceptron(16, 2), training, validation.get(), o, {});
    EXPECT_EQ(t.history.size(), 3u);
    EXPECT_EQ(weights_of(t.model), weights_of(perceptron(16, 2)));
}

TEST(Loop, AveragesOfTheWeightsAreWhatIsJudgedAndGivenBack) {
    const Graph model = normalised_perceptron();
    LoopOptions o = options();
    o.batch = training->size();  // a step an epoch: the hook sees the weights of each
    o.epochs = 6;
    std::map<std::string, std::vector<double>> average;
    for (const char* name : {"w1", "b2", "bn.scale", "bn.mean", "bn.variance"}) average[name] = model.value(model.find_value(name)).constant.to_f64();
    LoopHooks hooks;
    hooks.weights = [&](int64_t epoch, const std::map<std::string, Tensor>& values) {
        const double n = static_cast<double>(epoch - 1), decay = std::fmin(0.35, (1 + n) / (10 + n));
        for (auto& [name, e] : average)
            for (size_t i = 0; i < e.size(); ++i) e[i] = decay * e[i] + (1 - decay) * values.at(name).at(static_cast<int64_t>(i));
    };
    const Trained last = train::train(model, training, validation.get(), o, hooks);
    o.step.update.ema = 0.35;
    const Trained t = train::train(model, training, validation.get(), o, {});
    for (const auto& [name, e] : average) {
        const Tensor &got = t.model.value(t.model.find_value(name)).constant, &raw = last.model.value(last.model.find_value(name)).constant;
        EXPECT_FALSE(got.same_bits(raw)) << name;
        for (size_t i = 0; i < e.size(); ++i) EXPECT_NEAR(got.at(static_cast<int64_t>(i)), e[i], 1e-6) << name;
    }
    EXPECT_EQ(t.history.back().metrics, measure(t.model, *validation, o));
}

TEST(Loop, AFixedLossScaleHidesNoDivergence) {
    LoopOptions o = options();
    o.step.update.optimizer = "sgd";
    o.step.scale.start = 1024;
    o.rate = 1e30;
    for (const int64_t accumulate : {1, 3}) {  // of 40 batches an epoch
        o.step.update.accumulate = accumulate;
        try {
            train::train(perceptron(4, 2), training, nullptr, o, {});
            ADD_FAILURE() << accumulate;
        } catch (const Error& e) {
            EXPECT_EQ(e.id, "train.diverged");
            EXPECT_NE(e.message.find(accumulate == 1 ? "in 40 steps in a row" : "in 14 steps in a row"), std::string::npos) << e.message;
        }
    }
}

TEST(Loop, ASkippedStepIsNoneOfTheMeanLossAndEndsNothing) {
    const auto spoilt = std::make_shared<Points>(2000, 1);
    spoilt->spoil(700);
    for (const int64_t accumulate : {1, 2, 5}) {
        LoopOptions o = options();
        o.step.update.accumulate = accumulate;
        EXPECT_EQ(error_of([&] { train::train(perceptron(16, 2), spoilt, nullptr, o, {}); }), "train.diverged");
        o.step.scale.start = 1024;
        std::vector<double> sums(4), counts(4);
        int64_t last = 0;
        LoopHooks hooks;
        hooks.step = [&](const StepInfo& s) {
            const auto epoch = static_cast<size_t>((s.step - 1) / 40);
            if (std::isfinite(s.loss)) sums[epoch] += s.loss, ++counts[epoch];
            else last = s.step;
        };
        const Trained whole = train::train(perceptron(16, 2), spoilt, nullptr, o, hooks);
        EXPECT_EQ(whole.scale.skipped, 4) << accumulate;
        ASSERT_EQ(whole.history.size(), 4u);
        for (size_t e = 0; e < 4; ++e) {
            EXPECT_EQ(counts[e], 39);
            EXPECT_NEAR(whole.history[e].loss, sums[e] / counts[e], 1e-12) << accumulate;
        }
        EXPECT_LT(whole.history[3].loss, whole.history[0].loss);
        const Scratch scratch("skipped");  // stopped just behind the last of them
        o.checkpoint.folder = scratch.path();
        hooks.step = [&](const StepInfo& s) { set_interrupted(s.step == last); };
        EXPECT_EQ(error_of([&] { train::train(perceptron(16, 2), spoilt, nullptr, o, hooks); }), "interrupted");
        set_interrupted(false);
        o.checkpoint.resume = true;
        const Trained resumed = train::train(perceptron(16, 2), spoilt, nullptr, o, {});
        EXPECT_EQ(resumed.resumed_at, last);
        EXPECT_EQ(resumed.history[3].loss, whole.history[3].loss);
        EXPECT_EQ(weights_of(resumed.model), weights_of(whole.model));
    }
}

TEST(Loop, SaysWhichBatchesFillNoStep) {
    LoopOptions o = options();
    std::string said;
    LoopHooks hooks;
    hooks.say = [&](const std::string& s) { said += s; };
    for (const int64_t accumulate : {1, 4, 160}) {
        o.step.update.accumulate = accumulate;
        train::train(perceptron(4, 2), training, nullptr, o, hooks);
    }
    EXPECT_EQ(said, "");
    o.step.update.accumulate = 7;
    train::train(perceptron(4, 2), training, nullptr, o, hooks);
    EXPECT_EQ(said, "note: the last 6 of the run's 160 batches fill no step of 7 and change no weight");
}

TEST(Loop, NamesWhatDoesNotFit) {
    const auto id_of = [&](const Graph& g, const LoopOptions& o) { return error_of([&] { train::train(g, training, nullptr, o, {}); }); };
    LoopOptions o = options();
    o.batch = 2001;
    EXPECT_EQ(id_of(perceptron(4, 2), o), "train.few");
    for (const char* schedule : {"cosine", "one_cycle"}) {
        o.schedule.name = schedule;
        EXPECT_EQ(id_of(perceptron(4, 2), o), "train.few") << schedule;
    }
    o = options();
    o.step.update.accumulate = 161;
    EXPECT_EQ(id_of(perceptron(4, 2), o), "train.accumulate");
    o = options();
    o.patience = 1;
    EXPECT_EQ(id_of(perceptron(4, 2), o), "train.validation");
    o = options();
    o.schedule.name = "plateau";
    EXPECT_EQ(id_of(perceptron(4, 2), o), "train.validation");
    o = options();
    o.step.loss.name = "mse";
    EXPECT_EQ(id_of(perceptron(4, 5), o), "train.targets");
    o = options();
    o.step.update.optimizer = "sgd";
    o.rate = 1e30;
    EXPECT_EQ(id_of(perceptron(4, 2), o), "train.diverged");
}

}  // namespace
