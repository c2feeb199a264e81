// SPDX-License-Identifier: Apache-2.0
// Adversarial training: the two steps are those of the definitions, share their weights, and together learn a distribution.
#include "train/gan.h"

#include <cmath>

#include "base/interrupt.h"
#include "op/builder.h"
#include "pictures.h"
#include "run/session.h"
#include "support.h"
#include "train/compose.h"
#include "train/runner.h"
#include "train/scratch.h"
#include "zoo/zoo.h"

namespace hone::train {
namespace {

std::vector<zoo::Network> pair_of(double width) { return zoo::make_networks("dcgan", {.input = {1, 8, 8}, .width = width, .latent = 8, .seed = 1}); }

double logistic_loss(const Tensor& logits, int64_t begin, int64_t end, bool real) {
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += std::log1p(std::exp(real ? -logits.at(i) : logits.at(i)));
    return sum / static_cast<double>(end - begin);
}
std::vector<Dims> dims_of_inputs(const Graph& g) {
    std::vector<Dims> d;
    for (ValueId v : g.inputs) d.push_back(dims_of(g.value(v).type.shape));
    return d;
}

TEST(Gan, StepsAreThoseOfTheDefinitions) {
    const std::vector<zoo::Network> pair = zoo::make_networks("dcgan", {.input = {1, 16, 16}, .width = 0.25, .latent = 8, .seed = 1});
    const Graph &generator = pair[0].graph, &discriminator = pair[1].graph;
    GanOptions o;
    o.loop.batch = 4;
    const GanSteps s = gan_steps(generator, discriminator, o);
    StepRunner judge(s.discriminator, nullptr, {}), maker(s.generator, nullptr, {});
    std::vector<Tensor> for_sampler{latent(generator, 4, 1, 1)}, for_maker = for_sampler;
    for (const std::string& name : s.generator_parameters) for_sampler.push_back(maker.states().at(name));
    for (const std::string& name : s.discriminator_parameters) for_maker.push_back(judge.states().at(name));
    Session sampler(make_plan(s.sampler, dims_of_inputs(s.sampler), {}), nullptr);
    const Tensor fake = sampler.run(for_sampler)[0], real = generate(zoo::make_networks("dcgan", {.input = {1, 16, 16}, .width = 0.125, .seed = 2})[0].graph, 4, 3, 1);

    const Tensor by_references = interpret_graph(s.sampler, for_sampler)[0];
    for (int64_t i = 0; i < fake.count(); ++i) EXPECT_NEAR(fake.at(i), by_references.at(i), 1e-4);

    // The discriminator's step is judged on real and generated samples, each by the statistics of its own batch.
    const auto judged = [&](const Tensor& x) {
        Graph g = specialise(discriminator, {{4, 1, 16, 16}});
        for (NodeId id : g.order())
            if (g.node(id).is("BatchNormalization")) g.node(id).attributes["training_mode"] = int64_t{1};
        for (const auto& [name, value] : judge.states())
            if (const ValueId v = g.find_value(name); v != kNone) g.value(v).constant = value.clone();
        return interpret_graph(g, {x})[0];
    };
    const Tensor on_real = judged(real), on_fake = judged(fake);
    Tensor target = Tensor::zeros(DType::f32, {8, 1}), ones = Tensor::zeros(DType::f32, {4, 1});
    for (int64_t i = 0; i < 4; ++i) target.set(i, 1), ones.set(i, 1);
    const double loss = judge.run({real, fake}, {target}, 2e-4);
    EXPECT_NEAR(2 * loss, logistic_loss(on_real, 0, 4, true) + logistic_loss(on_fake, 0, 4, false), 1e-5);
    for (int64_t i = 0; i < 4; ++i) {
        EXPECT_NEAR(judge.output(0).at(i), on_real.at(i), 1e-4);
        EXPECT_NEAR(judge.output(0).at(4 + i), on_fake.at(i), 1e-4);
    }
    // Running statistics are kept by that step alone; the generator's sees the discriminator as it then is, and leaves it.
    std::map<std::string, Tensor> before;
    for (const auto& [name, value] : judge.states()) before[name] = value.clone();
    const double made = maker.run(for_maker, {ones}, 2e-4);
    EXPECT_NEAR(made, logistic_loss(judged(fake), 0, 4, true), 1e-5);  // -log D(G(z)): the same z
    for (const auto& [name, value] : judge.states()) EXPECT_TRUE(value.same_bits(before.at(name))) << name;
    int64_t moved = 0;
    for (const std::string& name : s.generator_parameters) moved += !maker.states().at(name).same_bits(generator.value(generator.find_value(name)).constant);
    EXPECT_EQ(moved, static_cast<int64_t>(s.generator_parameters.size()));
    // What it made was of the weights before; the sampler reads the new ones in place.
    EXPECT_FALSE(sampler.run(for_sampler)[0].same_bits(fake));
}

TEST(Gan, WhatTheDiscriminatorDoesToItsInputIsNotTrained) {
    const std::vector<zoo::Network> pair = pair_of(0.125);
    Graph shifted;
    shifted.opsets = pair[1].graph.opsets;
    Builder b(shifted);
    const ValueId x = shifted.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 1, 8, 8}));
    const ValueId by = shifted.add_constant("shift", Tensor::zeros(DType::f32, {8}));
    shifted.outputs = append(shifted, pair[1].graph, {b.add(x, by)});
    GanOptions o;
    o.loop.batch = 4;
    const GanSteps s = gan_steps(pair[0].graph, shifted, o);
    for (const TrainingStep* step : {&s.discriminator, &s.generator})
        for (const State& state : step->graph.states) EXPECT_EQ(state.name.find("shift"), std::string::npos) << state.name;
}

TEST(Gan, LearnsWhereSquaresAreBright) {
    const std::vector<zoo::Network> pair = pair_of(0.25);
    const auto real = std::make_shared<Squares>(512, 1, std::vector<std::string>{"upper left"}, 0.1);
    GanOptions o;
    o.loop.rate = 2e-3;
    o.loop.epochs = 12;
    o.loop.batch = 32;
    o.samples = 32;
    GanHooks hooks;
    int64_t epochs = 0;
    hooks.samples = [&](int64_t epoch, const Tensor& samples) {
        EXPECT_EQ(epoch, ++epochs);
        EXPECT_EQ(samples.dims(), (Dims{32, 1, 8, 8}));
    };
    hooks.epoch = [&](const Epoch& e) { EXPECT_GT(e.metrics.at("real"), e.metrics.at("fake")); };
    const Gan g = train_gan(pair[0].graph, pair[1].graph, real, o, hooks);
    EXPECT_EQ(epochs, 12);
    EXPECT_EQ(g.samples, 12 * 512);
    EXPECT_EQ(g.parameters, pair[0].parameters + pair[1].parameters);
    const Tensor made = generate(g.generator, 200, 5, 1);
    double inside = 0, outside = 0;  // rows and columns 1 and 2 are bright in every real picture, from 4 on none is
    for (int64_t i = 0; i < 200; ++i)
        for (int64_t y = 0; y < 8; ++y)
            for (int64_t x = 0; x < 8; ++x) {
                const double v = made.at((i * 8 + y) * 8 + x);
                if ((y == 1 || y == 2) && (x == 1 || x == 2)) inside += v / 800;
                if (y >= 4 && x >= 4) outside += v / 3200;
            }
    EXPECT_GT(inside, 0.4);
    EXPECT_LT(outside, -0.5);
}

TEST(Gan, TheSameSeedGivesTheSameBits) {
    const std::vector<zoo::Network> pair = pair_of(0.125);
    const auto real = std::make_shared<Squares>(96, 1);
    std::vector<Tensor> made;
    for (const uint64_t seed : {3, 3, 4}) {
        GanOptions o;
        o.loop.batch = 16;
        o.loop.threads = 2;
        o.loop.seed = seed;
        o.samples = 0;
        made.push_back(generate(train_gan(pair[0].graph, pair[1].graph, real, o, {}).generator, 4, 1, 1));
    }
    EXPECT_TRUE(made[0].same_bits(made[1]));
    EXPECT_FALSE(made[0].same_bits(made[2]));
    EXPECT_FALSE(made[0].same_bits(generate(pair[0].graph, 4, 1, 1)));
}

/// Stopped after any step and resumed, the pair is that of one go, to the bit.
TEST(Gan, GoesOnFromItsCheckpointToTheBit) {
    const std::vector<zoo::Network> pair = pair_of(0.125);
    const auto real = std::make_shared<Squares>(64, 1);
    const auto options = [&](const std::string& folder) {
        GanOptions o;
        o.loop.batch = 16, o.loop.epochs = 2, o.loop.seed = 5, o.samples = 0;
        o.loop.checkpoint.folder = folder;
        return o;
    };
    const Gan whole = train_gan(pair[0].graph, pair[1].graph, real, options(""), {});
    for (const int64_t after : {1, 4, 6}) {
        const Scratch scratch(cat("gan", after));
        const std::string& folder = scratch.path();
        GanHooks hooks;
        hooks.step = [&](const StepInfo& s) { set_interrupted(s.step == after); };
        EXPECT_EQ(error_of([&] { train_gan(pair[0].graph, pair[1].graph, real, options(folder), hooks); }), "interrupted");
        set_interrupted(false);
        EXPECT_EQ(error_of([&] { train_gan(pair[0].graph, pair[1].graph, real, options(folder), {}); }), "train.unfinished");
        GanOptions again = options(folder);
        again.loop.checkpoint.resume = true;
        const Gan rest = train_gan(pair[0].graph, pair[1].graph, real, again, {});
        EXPECT_EQ(rest.resumed_at, after);
        ASSERT_EQ(rest.history.size(), 2u);
        for (size_t e = 0; e < 2; ++e) {
            EXPECT_EQ(rest.history[e].loss, whole.history[e].loss) << after;
            EXPECT_EQ(rest.history[e].metrics, whole.history[e].metrics) << after;
        }
        EXPECT_TRUE(generate(rest.generator, 4, 1, 1).same_bits(generate(whole.generator, 4, 1, 1))) << after;
        again.label_smoothing = 0.1;
        EXPECT_EQ(error_of([&] { train_gan(pair[0].graph, pair[1].graph, real, again, {}); }), "train.resume");
    }
}

TEST(Gan, EndsWhenItsTimeIsOver) {
    const std::vector<zoo::Network> pair = pair_of(0.125);
    GanOptions o;
    o.loop.batch = 16, o.loop.epochs = 1000000, o.loop.time_budget = 0.05, o.samples = 0;
    const Gan g = train_gan(pair[0].graph, pair[1].graph, std::make_shared<Squares>(64, 1), o, {});
    EXPECT_EQ(g.stopped, "time");
    EXPECT_LT(g.history.size(), 1000000u);
    for (const Epoch& e : g.history) EXPECT_LT(e.metrics.at("real"), 1);
}

TEST(Gan, NamesWhatDoesNotFit) {
    const std::vector<zoo::Network> small = pair_of(0.125), large = zoo::make_networks("dcgan", {.input = {1, 16, 16}, .width = 0.125, .latent = 8});
    const auto real = std::make_shared<Squares>(20, 1);
    const auto id = [&](const Graph& g, const Graph& d, int64_t batch, const char* schedule = "constant", int64_t accumulate = 1) {
        GanOptions o;
        o.loop.batch = batch;
        o.loop.schedule.name = schedule;
        o.loop.step.update.accumulate = accumulate;
        return error_of([&] { train_gan(g, d, real, o, {}); });
    };
    EXPECT_EQ(id(large[0].graph, small[1].graph, 4), "train.gan");
    EXPECT_EQ(id(small[0].graph, small[0].graph, 4), "train.gan");
    EXPECT_EQ(id(large[0].graph, large[1].graph, 4), "data.shape");
    EXPECT_EQ(id(small[0].graph, small[1].graph, 21), "train.few");
    EXPECT_EQ(id(small[0].graph, small[1].graph, 21, "cosine"), "train.few");
    EXPECT_EQ(id(small[0].graph, small[1].graph, 4, "plateau"), "train.validation");
    EXPECT_EQ(id(small[0].graph, small[1].graph, 4, "constant", 6), "train.accumulate");
}

}  // namespace
}  // namespace hone::train
