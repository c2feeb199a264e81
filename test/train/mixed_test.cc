// SPDX-License-Identifier: Apache-2.0
// Steps in bf16 and fp16: losses near those of fp32 on real pictures, what a step with an overflow leaves alone, how the
// loss scale moves, and that a loss too small for fp16 trains only when it is scaled.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <set>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "data/loader.h"
#include "data/open.h"
#include "networks.h"
#include "support.h"
#include "train/loop.h"
#include "train/runner.h"

namespace hone::train {
namespace {

bool has_data() { return is_directory("/usr/share/datasets/fashion-mnist"); }
const DataParts& fashion() {
    static const DataParts parts = [] {
        DataOptions o;
        o.channels = 1, o.height = o.width = 28;
        o.preprocess.mean = {0.2860}, o.preprocess.std = {0.3530};
        return open_data("fashion-mnist", o);
    }();
    return parts;
}

/// What a run leaves behind.
struct Ran {
    std::vector<double> losses;
    ScaleReport scale;
    std::map<std::string, Tensor> states;
    std::multiset<std::string> references;  ///< operators on floats that have no kernel
};

/// So many steps, on the same batches whatever the options.
Ran run_steps(const Graph& model, int64_t steps, double rate, const StepOptions& options) {
    ThreadPool pool(2);
    Ran ran;
    const TrainingStep step = training_step(make_trainable(model), options);
    StepRunner runner(step, &pool, {.threads = 2});
    for (const Step& s : runner.plan().steps)
        if (s.kind == StepKind::reference && is_float(runner.plan().slots[static_cast<size_t>(s.out[0])].type.dtype)) ran.references.insert(s.op);
    const Dims x = dims_of(model.value(model.inputs[0]).type.shape);
    Loader loader(fashion().training, LoaderOptions{.batch = x[0], .drop_last = true, .seed = 1, .augment = {}});
    Batch b;
    for (int64_t i = 0; i < steps; ++i) {
        loader.next(b);
        ran.losses.push_back(runner.run({b.x.reshaped(x)}, {b.labels}, rate));
    }
    for (const auto& [name, t] : runner.states()) ran.states[name] = t.clone();
    ran.scale = scale_report(ran.states);
    return ran;
}
double mean(const std::vector<double>& v, size_t first, size_t last) {
    double sum = 0;
    for (size_t i = first; i < last; ++i) sum += v[i] / static_cast<double>(last - first);
    return sum;
}

void expect_near_fp32(const Graph& model, double rate, const std::string& optimizer) {
    StepOptions o;
    o.update.optimizer = optimizer;
    if (optimizer == "sgd") o.update.hyper["momentum"] = 0.9;
    const Ran fp32 = run_steps(model, 50, rate, o);
    const std::vector<double>& want = fp32.losses;
    EXPECT_LT(mean(want, 40, 50), 0.93 * mean(want, 0, 5)) << "fp32 does not learn";
    for (Precision p : {Precision::bf16, Precision::fp16}) {
        const std::string name = p == Precision::bf16 ? "bf16" : "fp16";
        o.precision = p;
        o.scale = parse_loss_scale("", p);
        o.scale.start = std::min(o.scale.start, 1024.0);
        const Ran ran = run_steps(model, 50, rate, o);
        EXPECT_EQ(ran.scale.skipped, 0);
        EXPECT_EQ(ran.references, fp32.references) << name << " lacks kernels that fp32 has";
        EXPECT_NEAR(ran.losses[0], want[0], p == Precision::bf16 ? 2e-2 : 3e-3);
        double off = 0;
        for (size_t i = 0; i < want.size(); ++i) off += std::fabs(ran.losses[i] - want[i]) / static_cast<double>(want.size());
        std::printf("  %s: losses are off by %.4f in the mean, %.4f against %.4f at the end\n", name.c_str(), off, mean(ran.losses, 40, 50), mean(want, 40, 50));
        EXPECT_LE(off, 0.06) << name;
        EXPECT_NEAR(mean(ran.losses, 40, 50), mean(want, 40, 50), 0.06) << name;
    }
}

TEST(MixedTraining, SLOW_AResNetKeepsToTheLossesOfFp32) {
    HONE_REQUIRE(has_data(), "dataset-fashion-mnist");
    expect_near_fp32(network("resnet", 32, 0.5, 20), 0.01, "sgd");
}
TEST(MixedTraining, SLOW_AnLstmKeepsToTheLossesOfFp32) {
    HONE_REQUIRE(has_data(), "dataset-fashion-mnist");
    expect_near_fp32(network("lstm", 32, 0.5, 1), 3e-3, "adam");
}
TEST(MixedTraining, SLOW_AVisionTransformerKeepsToTheLossesOfFp32) {
    HONE_REQUIRE(has_data(), "dataset-fashion-mnist");
    expect_near_fp32(network("vit", 32, 1, 1), 5e-4, "adamw");
}

TEST(MixedTraining, SLOW_ASmallLossTrainsInFp16OnlyWhenItIsScaled) {
    HONE_REQUIRE(has_data(), "dataset-fashion-mnist");
    const Graph model = network("resnet", 64, 0.5, 20);
    StepOptions o;
    o.update.optimizer = "adam";
    o.update.hyper["epsilon"] = 1e-12;  // its steps do not see the loss's factor
    o.precision = Precision::fp16;
    o.loss_factor = 1.0 / 4096;
    const std::vector<Parameter> before = make_trainable(model).parameters;
    const auto run = [&](const char* scale) {
        o.scale = parse_loss_scale(scale, Precision::fp16);
        Ran ran = run_steps(model, 40, 2e-3, o);
        for (double& l : ran.losses) l *= 4096;
        int64_t still = 0, all = 0;
        for (const Parameter& p : before)
            for (int64_t i = 0; p.kind == ParameterKind::weight && i < p.initial.count(); ++i) ++all, still += p.initial.at(i) == ran.states.at(p.name).at(i);
        std::printf("  loss scale %s: from %.4f to %.4f, %lld of %lld weights never moved\n", scale, ran.losses[0], mean(ran.losses, 30, 40), static_cast<long long>(still), static_cast<long long>(all));
        return std::pair{mean(ran.losses, 30, 40), static_cast<double>(still) / static_cast<double>(all)};
    };
    const auto scaled = run("dynamic"), plain = run("1");
    EXPECT_LT(scaled.first, 1.5);
    EXPECT_LT(scaled.second, 0.05);
    EXPECT_GT(plain.first, scaled.first + 0.3) << "without scaling";
    EXPECT_GT(plain.second, 0.5) << "gradients below what fp16 holds";
}

TEST(MixedTraining, SLOW_TheLoopCountsSkippedStepsAndGoesOn) {
    HONE_REQUIRE(has_data(), "dataset-fashion-mnist");
    std::vector<int64_t> some(1024);
    for (size_t i = 0; i < some.size(); ++i) some[i] = static_cast<int64_t>(i);
    LoopOptions o;
    o.batch = 64;
    o.rate = 1e-3;
    o.step.update.optimizer = "adam";
    o.schedule.name = "cosine";
    o.precision = Precision::fp16;
    o.step.scale = {.start = 1e9, .dynamic = true};  // far above what fp16 holds
    const Trained t = train(zoo::make_networks("lenet", {.input = {1, 28, 28}, .classes = 10, .seed = 3})[0].graph, subset(fashion().training, some, "some"), nullptr, o, {});
    EXPECT_GT(t.scale.skipped, 3);
    EXPECT_LT(t.scale.skipped, 15);
    EXPECT_EQ(t.scale.scale, 1e9 / std::exp2(t.scale.skipped));
    ASSERT_EQ(t.history.size(), 1u);
    EXPECT_TRUE(std::isfinite(t.history[0].loss));
    EXPECT_NEAR(t.history[0].rate, Schedule({"cosine", {{"steps", 16}}}, 1e-3).at(15 - t.scale.skipped), 1e-12) << "skipped steps are none of the schedule's";
}

/// A small net whose inputs can be made to overflow in fp16.
struct Small {
    ThreadPool pool{1};
    TrainingStep step;
    StepRunner runner;
    Tensor x = Tensor::zeros(DType::f32, {8, 1, 28, 28}), labels = Tensor::zeros(DType::i64, {8});

    explicit Small(const StepOptions& o, const char* architecture = "resnet")
        : step(training_step(make_trainable(network(architecture, 8, 0.25, architecture == std::string("resnet") ? 20 : 0)), o)), runner(step, &pool, {}) {
        Rng rng(9);
        for (int64_t i = 0; i < x.count(); ++i) x.set(i, rng.normal());
        for (int64_t i = 0; i < 8; ++i) labels.set_int(i, i);
    }
    double run(double factor = 1) {
        Tensor in = x.clone();
        for (int64_t i = 0; i < in.count(); ++i) in.set(i, factor * in.at(i));
        return runner.run({in}, {labels}, 1e-3);
    }
    std::map<std::string, Tensor> copy() const {
        std::map<std::string, Tensor> out;
        for (const auto& [name, t] : runner.states()) out[name] = t.clone();
        return out;
    }
    double state(const char* name) const { return runner.states().at(name).at(0); }
};

StepOptions fp16_with_adam() {
    StepOptions o;
    o.update.optimizer = "adam";
    o.update.ema = 0.9;
    o.precision = Precision::fp16;
    o.scale = {.start = 1024, .dynamic = true, .every = 3};
    return o;
}

TEST(LossScale, AnOverflowHalvesItAndSkipsTheStepAndItGrowsBack) {
    Small net(fp16_with_adam());
    EXPECT_TRUE(std::isfinite(net.run()));
    net.run();
    EXPECT_EQ(net.state("train.good_steps"), 2);
    const std::map<std::string, Tensor> before = net.copy();
    net.run(1e30);
    for (const auto& [name, t] : before) {
        if (name == "train.loss_scale" || name == "train.good_steps" || name == "train.skipped") continue;
        EXPECT_TRUE(t.same_bits(net.runner.states().at(name))) << name << " changed in a skipped step";
    }
    EXPECT_EQ(net.state("train.loss_scale"), 512);
    EXPECT_EQ(net.state("train.good_steps"), 0);
    EXPECT_EQ(net.state("train.skipped"), 1);
    EXPECT_EQ(net.state("train.step"), 2);
    for (int i = 0; i < 3; ++i) net.run();
    EXPECT_EQ(net.state("train.loss_scale"), 1024) << "three good steps double it";
    EXPECT_EQ(net.state("train.good_steps"), 0);
    EXPECT_EQ(net.state("train.step"), 5);
    for (int i = 0; i < 3; ++i) net.run();
    EXPECT_EQ(net.state("train.loss_scale"), 2048);
    EXPECT_EQ(net.state("train.skipped"), 1);
    for (const auto& [name, t] : net.runner.states())
        for (int64_t i = 0; i < t.count(); ++i) ASSERT_TRUE(std::isfinite(t.at(i))) << name;
}

TEST(LossScale, AStepOfSeveralBatchesIsSkippedWhole) {
    StepOptions o = fp16_with_adam();
    o.update.accumulate = 2;
    Small net(o, "lenet");
    net.run(), net.run();
    EXPECT_EQ(net.state("train.step"), 1);
    const std::map<std::string, Tensor> before = net.copy();
    net.run(1e30);
    EXPECT_EQ(net.state("train.skipped"), 0) << "the step is not over";
    EXPECT_EQ(net.state("train.loss_scale"), 1024);
    net.run();
    EXPECT_EQ(net.state("train.skipped"), 1);
    EXPECT_EQ(net.state("train.loss_scale"), 512);
    for (const Parameter& p : make_trainable(network("lenet", 8, 0.25, 0)).parameters) EXPECT_TRUE(before.at(p.name).same_bits(net.runner.states().at(p.name))) << p.name;
    net.run(), net.run();
    EXPECT_EQ(net.state("train.step"), 2) << "what overflowed is forgotten";
    EXPECT_EQ(net.state("train.skipped"), 1);
}

TEST(LossScale, AFixedOneSkipsTooAndStays) {
    StepOptions o = fp16_with_adam();
    o.scale = parse_loss_scale("256", Precision::fp16);
    Small net(o, "lenet");
    net.run(), net.run(1e30), net.run(1e30);
    EXPECT_EQ(net.state("train.skipped_in_a_row"), 2);
    net.run();
    EXPECT_EQ(net.state("train.step"), 2);
    const ScaleReport report = scale_report(net.runner.states());
    EXPECT_EQ(report.skipped, 2);
    EXPECT_EQ(report.in_a_row, 0);
    EXPECT_EQ(report.scale, 0);
}

TEST(LossScale, AFixedOneCountsStepsNotBatches) {
    StepOptions o = fp16_with_adam();
    o.scale = parse_loss_scale("256", Precision::fp16);
    o.update.accumulate = 2;
    Small net(o, "lenet");
    net.run(1e30);
    EXPECT_EQ(net.state("train.skipped_in_a_row"), 0);
    net.run(), net.run(), net.run(1e30);
    EXPECT_EQ(net.state("train.skipped_in_a_row"), 2);
    net.run();
    EXPECT_EQ(net.state("train.skipped_in_a_row"), 2) << "the good step is not over";
    net.run();
    EXPECT_EQ(net.state("train.skipped_in_a_row"), 0);
}

/// In fp32 a power of two changes no bit of an update.
TEST(LossScale, IsUndoneExactly) {
    StepOptions o;
    o.update.hyper["momentum"] = 0.9;
    Small plain(o, "lenet");
    o.scale = {.start = 4096};
    Small scaled(o, "lenet");
    for (int i = 0; i < 3; ++i) plain.run(), scaled.run();
    for (const auto& [name, t] : plain.runner.states()) EXPECT_TRUE(t.same_bits(scaled.runner.states().at(name))) << name;
}

TEST(LossScale, IsReadAsGiven) {
    EXPECT_TRUE(parse_loss_scale("", Precision::fp16).dynamic);
    EXPECT_EQ(parse_loss_scale("", Precision::fp16).start, 65536);
    EXPECT_EQ(parse_loss_scale("", Precision::bf16).start, 0);
    EXPECT_TRUE(parse_loss_scale("dynamic", Precision::fp32).dynamic);
    EXPECT_EQ(parse_loss_scale("1024", Precision::fp16).start, 1024);
    EXPECT_FALSE(parse_loss_scale("1024", Precision::fp16).dynamic);
    EXPECT_EQ(parse_loss_scale("1", Precision::fp16).start, 0);
    for (const char* wrong : {"0", "-2", "many", "1e31", "nan"}) EXPECT_EQ(error_of([&] { parse_loss_scale(wrong, Precision::fp16); }), "train.loss_scale") << wrong;
}

TEST(LossScale, AScaleThatDoesNotHelpIsNamed) {
    std::map<std::string, Tensor> states{{"train.loss_scale", Tensor::scalar_f32(0.5f)}, {"train.skipped", Tensor::scalar_i64(2)}};
    const auto error = [&] { return error_of([&] { check_scale(scale_report(states)); }); };
    EXPECT_EQ(error(), "");
    states["train.loss_scale"] = Tensor::scalar_f32(1e-12f);
    EXPECT_EQ(error(), "train.diverged");
    states = {{"train.skipped", Tensor::scalar_i64(200)}, {"train.skipped_in_a_row", Tensor::scalar_i64(99)}};
    EXPECT_EQ(error(), "");
    states["train.skipped_in_a_row"] = Tensor::scalar_i64(100);
    EXPECT_EQ(error(), "train.diverged");
}

}  // namespace
}  // namespace hone::train
