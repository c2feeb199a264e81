// SPDX-License-Identifier: Apache-2.0
// Dropout in training: its rate and scale, its masks under any cut of the batch, and a whole network with dropout, batch
// normalisation and decoupled weight decay beside PyTorch, which draws the same masks by a Philox of its own.
#include "train/dropout.h"

#include "base/thread_pool.h"
#include "golden.h"
#include "onnx/reader.h"
#include "train/runner.h"

namespace hone::train {
namespace {

constexpr uint64_t kSeed = 0x0123456789ABCDEF;

Graph exported(const Golden& golden, const char* name) {
    const Tensor& bytes = golden[name];
    return read_model_bytes({static_cast<const char*>(bytes.raw()), bytes.bytes()});
}
TrainingStep step_of(const Graph& model, DropoutOptions dropout = {.seed = kSeed}) {
    return training_step(make_trainable(specialise(model, {{8, 6}}), {.dropout = dropout}), {.update = {.optimizer = "adamw", .hyper = {{"weight_decay", 0.1}}}});
}
/// What goes back into the network.
std::map<std::string, Tensor> weights(const Graph& model, const std::map<std::string, Tensor>& states) {
    std::map<std::string, Tensor> out;
    for (const auto& [name, t] : states)
        if (model.find_value(name) != kNone) out[name] = t.clone();
    return out;
}

TEST(Dropout, AWholeNetworkFollowsPyTorch) {
    const Golden golden("dropout");
    const Graph model = evaluation_mode(exported(golden, "model"));
    Stepper s(step_of(model));
    const Tensor& losses = golden["losses"];
    const std::string input = model.value(model.inputs[0]).name;
    for (int64_t k = 0; k < losses.count(); ++k) {
        const double loss = s.step({{input, row(golden["x"], k % 3)}, {s.plan().targets[0], row(golden["labels"], k % 3)}}, 0.01);
        ASSERT_NEAR(loss, losses.at(k), 1e-10) << "step " << k;
    }
    size_t seen = 0;
    for (const std::string name : {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "4.weight", "7.bias"}) {
        const auto state = s.states().find(name);
        ASSERT_NE(state, s.states().end()) << name;
        EXPECT_LE(distance(state->second.to_f64(), golden["after." + name].to_f64()), 1e-9) << name;
        ++seen;
    }
    EXPECT_EQ(seen, 8u);
    const Graph trained = with_values(model, weights(model, s.states()));
    EXPECT_LE(distance(interpret_graph(specialise(trained, {{8, 6}}), {row(golden["x"], 0)})[0].to_f64(), golden["evaluated"].to_f64()), 1e-9);
}

TEST(Dropout, KernelsFollowAndResumeToTheBit) {
    const Golden golden("dropout");
    const Graph model = evaluation_mode(exported(golden, "model32"));
    const TrainingStep step = step_of(model);
    std::vector<std::map<std::string, Tensor>> ends;
    std::map<std::string, Tensor> middle;
    for (const int run : {0, 1, 2}) {  // on one thread, on two, and from the middle of the first
        ThreadPool pool(run == 1 ? 2 : 1);
        StepRunner runner(step, &pool, {.threads = run == 1 ? 2 : 1});
        if (run == 2) runner.set_states(middle);
        for (int64_t k = run == 2 ? 15 : 0; k < 30; ++k) {
            if (run == 0 && k == 15)
                for (const auto& [name, t] : runner.states()) middle[name] = t.clone();
            const double loss = runner.run({row(golden["x"], k % 3).cast(DType::f32)}, {row(golden["labels"], k % 3)}, 0.01);
            EXPECT_NEAR(loss, golden["losses"].at(k), 1e-4) << "step " << k;
        }
        bool drawn = false;
        for (const Step& s : runner.plan().steps) drawn = drawn || s.candidate == "dropout";
        EXPECT_TRUE(drawn);
        ends.emplace_back();
        for (const auto& [name, t] : runner.states()) ends.back()[name] = t.clone();
    }
    EXPECT_EQ(ends[0].at("train.draw").at_int(0), 30);
    for (const auto& [name, t] : ends[0])
        for (const int other : {1, 2}) EXPECT_TRUE(t.same_bits(ends[static_cast<size_t>(other)].at(name))) << name << " of run " << other;
}

/// y = Dropout(x) of 40,000 ones in `parts` graphs, one after the other: the whole mask of the first `steps` draws.
std::vector<std::vector<double>> draw(int64_t parts, int64_t steps, uint64_t seed, std::optional<double> ratio = {}) {
    constexpr int64_t n = 40000;
    std::vector<std::vector<double>> out(static_cast<size_t>(steps));
    for (int64_t part = 0; part < parts; ++part) {
        Graph g;
        Builder b(g);
        const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {n / parts}));
        g.outputs = {b.node("Dropout", {x, g.add_constant("ratio", Tensor::scalar_f32(0.2f))})};
        std::map<std::string, Tensor> initial;
        train_dropout(g, {.ratio = ratio, .seed = seed, .part = part}, initial);
        Tensor ones = Tensor::zeros(DType::f32, {n / parts}), state = initial.at("train.draw");
        std::fill_n(ones.data<float>(), ones.count(), 1.f);
        for (std::vector<double>& to : out) {
            const std::vector<Tensor> y = interpret_graph(g, {ones, state});
            state = y[1];
            const std::vector<double> v = y[0].to_f64();
            to.insert(to.end(), v.begin(), v.end());
        }
    }
    return out;
}
int64_t zeros_of(const std::vector<double>& v) { return std::count(v.begin(), v.end(), 0.0); }

TEST(Dropout, RateScaleAndIndependence) {
    const auto a = draw(1, 2, 1), other = draw(1, 1, 2), asked = draw(1, 1, 1, 0.7);
    constexpr double four_deviations = 4 * 80;  // of a binomial of 40,000 at 0.2
    for (const auto& mask : {a[0], a[1], other[0]}) {
        EXPECT_NEAR(static_cast<double>(zeros_of(mask)), 8000, four_deviations);
        for (double v : mask) ASSERT_TRUE(v == 0 || v == static_cast<double>(1.25f)) << v;
    }
    EXPECT_NEAR(static_cast<double>(zeros_of(asked[0])), 28000, 4 * 92);
    const auto both = [](const std::vector<double>& x, const std::vector<double>& y) {
        int64_t n = 0;
        for (size_t i = 0; i < x.size(); ++i) n += x[i] == 0 && y[i] == 0;
        return static_cast<double>(n);
    };
    EXPECT_NEAR(both(a[0], a[1]), 1600, 4 * 40);     // another step
    EXPECT_NEAR(both(a[0], other[0]), 1600, 4 * 40);  // another seed
}

TEST(Dropout, PartsOfABatchDrawPartsOfItsMask) { EXPECT_EQ(draw(4, 2, 7), draw(1, 2, 7)); }

TEST(Dropout, OptionsAndRefusals) {
    const Golden golden("dropout");
    const Graph model = evaluation_mode(exported(golden, "model"));
    EXPECT_FALSE(step_of(model, {.on = false}).initial.contains("train.draw"));
    EXPECT_FALSE(step_of(model, {.ratio = 0}).initial.contains("train.draw"));
    EXPECT_TRUE(step_of(model, {.ratio = 0.1}).initial.contains("train.draw"));
    EXPECT_EQ(error_of([&] { step_of(model, {.ratio = 1}); }), "train.dropout");
    EXPECT_EQ(error_of([&] { make_trainable(mlp(Golden("losses")["w0"]), {.dropout = {.ratio = 0.5}}); }), "train.dropout");
    Graph g;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {4}));
    g.outputs = {b.node("Dropout", {x, b.node("Abs", {g.add_input("r", TypeInfo::tensor(DType::f32, Shape{}))})})};
    std::map<std::string, Tensor> initial;
    EXPECT_EQ(error_of([&] { train_dropout(g, {}, initial); }), "train.dropout");
}

}  // namespace
}  // namespace hone::train
