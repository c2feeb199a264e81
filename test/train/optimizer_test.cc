// SPDX-License-Identifier: Apache-2.0
// Every optimiser and what is done to gradients before it, against PyTorch in double over 100 steps.
#include "train/optimizer.h"

#include <iostream>
#include <set>

#include "golden.h"
#include "pass/autodiff.h"

namespace hone::train {
namespace {

struct Case {
    double rate;
    UpdateOptions update;
};
std::map<std::string, Case> cases() {
    const HyperValues quick = {{"beta1", 0.8}, {"beta2", 0.95}, {"epsilon", 1e-6}};
    const auto with = [](HyperValues h, const char* name, double v) {
        h[name] = v;
        return h;
    };
    return {
        {"sgd", {0.1, {}}},
        {"sgd_decay", {0.1, {.hyper = {{"weight_decay", 0.01}}}}},
        {"momentum", {0.02, {.hyper = {{"momentum", 0.9}}}}},
        {"momentum_decay", {0.02, {.hyper = {{"momentum", 0.9}, {"weight_decay", 0.01}}}}},
        {"nesterov", {0.02, {.hyper = {{"momentum", 0.8}, {"nesterov", 1}}}}},
        {"nesterov_decay", {0.02, {.hyper = {{"momentum", 0.9}, {"nesterov", 1}, {"weight_decay", 0.01}}}}},
        {"adagrad", {0.1, {.optimizer = "adagrad"}}},
        {"adagrad_decay", {0.1, {.optimizer = "adagrad", .hyper = {{"lr_decay", 0.01}, {"weight_decay", 0.02}, {"epsilon", 1e-6}}}}},
        {"rmsprop", {0.01, {.optimizer = "rmsprop"}}},
        {"rmsprop_momentum", {0.005, {.optimizer = "rmsprop", .hyper = {{"alpha", 0.9}, {"momentum", 0.9}}}}},
        {"rmsprop_centred", {0.01, {.optimizer = "rmsprop", .hyper = {{"centred", 1}}}}},
        {"rmsprop_all", {0.005, {.optimizer = "rmsprop", .hyper = {{"alpha", 0.95}, {"epsilon", 1e-6}, {"momentum", 0.5}, {"centred", 1}, {"weight_decay", 0.01}}}}},
        {"adam", {0.01, {.optimizer = "adam"}}},
        {"adam_decay", {0.01, {.optimizer = "adam", .hyper = with(quick, "weight_decay", 0.02)}}},
        {"adamw", {0.01, {.optimizer = "adamw"}}},
        {"adamw_decay", {0.01, {.optimizer = "adamw", .hyper = with(quick, "weight_decay", 0.1)}}},
        {"adamw_weights_only", {0.01, {.optimizer = "adamw", .hyper = {{"weight_decay", 0.1}}, .decay_weights_only = true}}},
        {"clip_value", {0.01, {.optimizer = "adam", .clip_value = 0.05}}},
        {"clip_norm", {0.1, {.clip_norm = 0.3}}},
        {"clip_both", {0.1, {.clip_value = 0.05, .clip_norm = 0.3}}},
        {"accumulate", {0.01, {.optimizer = "adam", .accumulate = 3}}},
        {"accumulate_clip", {0.1, {.hyper = {{"momentum", 0.9}}, .clip_norm = 0.2, .accumulate = 2}}},
        {"ema", {0.02, {.hyper = {{"momentum", 0.9}}, .ema = 0.95}}},
        {"accumulate_ema", {0.02, {.hyper = {{"momentum", 0.9}}, .accumulate = 3, .ema = 0.9}}},
        {"rates", {0, {.optimizer = "adamw"}}},  // the rate changes with the step
    };
}
const Golden& golden() {
    static const Golden g("optimisers");
    return g;
}
Stepper stepper(const UpdateOptions& update) { return Stepper(training_step(make_trainable(mlp(golden()["w0"])), {.loss = {"mse"}, .update = update})); }
std::map<std::string, Tensor> batch(int64_t i) { return {{"x0", row(golden()["x"], i)}, {"targets", golden()["target"]}}; }

TEST(Optimizer, AHundredStepsArePyTorchs) {
    double worst = 0;
    for (const auto& [name, c] : cases()) {
        Stepper s = stepper(c.update);
        std::vector<double> curve;
        for (int64_t i = 0; i < 100; ++i) curve.push_back(s.step(batch(i % c.update.accumulate), c.rate != 0 ? c.rate : golden()["rates"].at(i)));
        double e = std::fmax(distance(curve, golden()[name + ".losses"].to_f64()), distance(flat_weights(s), golden()[name + ".weights"].to_f64()));
        if (c.update.ema > 0) e = std::fmax(e, distance(flat_weights(s, ".ema"), golden()[name + ".ema"].to_f64()));
        EXPECT_LE(e, 1e-9) << name;
        EXPECT_EQ(s.states().at("train.step").at_int(0), 100 / c.update.accumulate) << name;
        worst = std::fmax(worst, e);
    }
    std::cout << cases().size() << " optimisers and options, 100 steps each: at most " << worst << " from PyTorch\n";
}

TEST(Optimizer, EachIsComparedWithPyTorch) {
    std::set<std::string> compared;
    for (const std::string& name : golden().cases(".losses")) {
        ASSERT_TRUE(cases().contains(name)) << name;
        compared.insert(cases().at(name).update.optimizer);
    }
    for (const OptimizerDecl& d : optimizers()) {
        EXPECT_TRUE(compared.contains(d.name)) << d.name;
        ASSERT_TRUE(find_op("hone", d.op)) << d.op;
        std::set<std::string> attributes;
        for (const AttrSpec& a : find_op("hone", d.op)->attributes) attributes.insert(a.name);
        for (const Hyper& h : d.hyper) EXPECT_TRUE(attributes.erase(h.name)) << d.name << " " << h.name;
        for (const auto& [a, v] : d.fixed) EXPECT_TRUE(attributes.erase(a)) << d.name << " " << a;
    }
}

TEST(Optimizer, AStepThatIsNotFiniteChangesNothing) {
    const UpdateOptions options{.optimizer = "adam", .clip_value = 0.1, .ema = 0.9, .skip_nonfinite = true};
    Stepper plain = stepper(options), hit = stepper(options);
    for (int64_t i = 0; i < 6; ++i) {
        plain.step(batch(i % 3), 0.01);
        hit.step(batch(i % 3), 0.01);
        std::map<std::string, Tensor> bad = batch(0);
        bad["targets"] = bad["targets"].clone();
        bad["targets"].set(5, i % 2 ? NAN : INFINITY);
        hit.step(bad, 0.01);
    }
    EXPECT_EQ(hit.states().at("train.step").at_int(0), 6);
    for (const auto& [name, t] : plain.states()) EXPECT_TRUE(hit.states().at(name).same_bits(t)) << name;
}

TEST(Optimizer, UnscalesBeforeItClips) {
    // The gradient of four times the loss, times a quarter.
    Trainable t = make_trainable(mlp(golden()["w0"]));
    const UpdateOptions options{.clip_norm = 0.3};
    Graph g = t.graph;
    const std::vector<ValueId> targets = add_targets(g, {"mse"}, g.outputs);
    Builder b(g);
    const ValueId loss = add_loss(g, {"mse"}, g.outputs, targets);
    std::vector<ValueId> weights;
    for (const Parameter& p : t.parameters) weights.push_back(p.value);
    UpdateOptions scaled = options;
    scaled.unscale = b.scalar(DType::f32, 0.25);
    TrainingStep s{{}, {g.value(targets[0]).name}, "lr", 1, {}};
    g.outputs.push_back(b.scale(loss, 4));
    s.initial = add_update(g, t.parameters, add_gradients(g, {{g.outputs[1]}}, weights), scaled).initial;
    s.graph = g;
    Stepper four(std::move(s)), one = stepper(options);
    for (int64_t i = 0; i < 5; ++i) EXPECT_NEAR(four.step(batch(i % 3), 0.1), 4 * one.step(batch(i % 3), 0.1), 1e-12);
    EXPECT_LE(distance(flat_weights(four), flat_weights(one)), 1e-14);
}

TEST(Optimizer, RefusesWhatItCannotTake) {
    const auto error = [](const UpdateOptions& o) -> std::string {
        try {
            stepper(o);
        } catch (const Error& e) {
            return e.id;
        }
        return "";
    };
    EXPECT_EQ(error({.optimizer = "adma"}), "train.name");
    EXPECT_EQ(error({.hyper = {{"beta1", 0.9}}}), "train.hyper");
    EXPECT_EQ(error({.hyper = {{"momentum", 1}}}), "train.hyper");
    EXPECT_EQ(error({.hyper = {{"nesterov", 0.5}}}), "train.hyper");
    EXPECT_EQ(error({.hyper = {{"nesterov", 1}}}), "train.hyper");
    EXPECT_EQ(error({.accumulate = 0}), "train.hyper");
    EXPECT_EQ(error({.ema = 1}), "train.hyper");
    EXPECT_EQ(error({.clip_norm = -1}), "train.hyper");
}

}  // namespace
}  // namespace hone::train
