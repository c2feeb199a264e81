// SPDX-License-Identifier: Apache-2.0
// Equalisation keeps the function and evens the channels; bias correction brings the means back; the layouts quantise
// what they say; calibration is the same at any number of threads; layers are explained.
#include <gtest/gtest.h>

#include <cmath>

#include "compress/bias_correction.h"
#include "compress/equalize.h"
#include "compress/explain.h"
#include "pass/pass.h"
#include "small_network.h"

using namespace hone;
using namespace hone::compress;

namespace {

double worst_difference(const Graph& a, const Graph& b, const Dataset& data) {
    const Tensor x = batch(data, first_samples(16));
    const Tensor ya = interpret_graph(a, {x})[0], yb = interpret_graph(b, {x})[0];
    double worst = 0, size = 0;
    for (int64_t i = 0; i < ya.count(); ++i) {
        worst = std::max(worst, std::abs(ya.at(i) - yb.at(i)));
        size = std::max(size, std::abs(ya.at(i)));
    }
    return worst / size;
}

double unevenness(const Channels& c) {
    double widest = 0, narrowest = INFINITY;
    for (float h : c.high)
        if (h > 0) {
            widest = std::max<double>(widest, h);
            narrowest = std::min<double>(narrowest, h);
        }
    return widest / narrowest;
}

int count_nodes(const Graph& g, const std::string& op) {
    int n = 0;
    for (NodeId id : g.order()) n += g.node(id).op == op;
    return n;
}

}  // namespace

TEST(Equalize, KeepsTheFunctionAndEvensTheChannels) {
    for (const char* activation : {"Clip", "Relu"}) {
        const Graph g = small_network(activation);
        const RandomSamples data({3, 12, 12}, 32, 5);
        const std::vector<std::string> values = equalizable_values(g);
        EXPECT_EQ(values.size(), 3u);  // stem, depthwise, expand; SiLU is not homogeneous, the residual has two users
        const ChannelStatistics before = channel_statistics(g, values, data, first_samples(32), {.threads = 2});
        const Equalized e = equalize(g, before);
        EXPECT_EQ(e.pairs, 3);
        EXPECT_LT(e.least_scale, 0.5);
        EXPECT_LE(worst_difference(g, e.graph, data), 1e-5) << activation;
        const ChannelStatistics after = channel_statistics(e.graph, values, data, first_samples(32), {.threads = 2});
        EXPECT_LT(unevenness(after.at(values[0])), 0.5 * unevenness(before.at(values[0]))) << activation;
    }
}

TEST(Equalize, AChannelThatReachesTheLimitIsLeftAlone) {
    Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 32, 5);
    const std::vector<std::string> values = equalizable_values(g);
    ChannelStatistics s = channel_statistics(g, values, data, first_samples(32), {});
    for (auto& [name, c] : s)
        for (float& h : c.high) h = 6;
    const Equalized e = equalize(g, s);
    EXPECT_EQ(e.least_scale, 1);
    EXPECT_EQ(worst_difference(g, e.graph, data), 0);
}

TEST(Equalize, LessNoiseInADepthwiseNetwork) {
    const Graph g = small_network("Relu");
    const RandomSamples data({3, 12, 12}, 64, 5);
    Quantizer quantizer(g, data, first_samples(64), {.threads = 2});
    const eval::EvalOptions o{.threads = 2, .keep_logits = true};
    const eval::Answers reference = eval::evaluate(g, data, o);
    QuantizeOptions plain, equalised;
    equalised.equalize = true;
    EXPECT_LT(score_noise(reference, eval::evaluate(quantizer.make(equalised), data, o)), score_noise(reference, eval::evaluate(quantizer.make(plain), data, o)));
}

TEST(BiasCorrection, BringsTheMeansBack) {
    const Graph g = small_network("Relu", 3);
    const RandomSamples data({3, 12, 12}, 64, 7);
    const std::vector<int64_t> samples = first_samples(64);
    const Calibration c = calibrate(g, data, samples, {.threads = 2});
    QuantizeOptions options;
    options.range = Range::percentile;
    options.percentile = 0.97;  // much clipping: a bias to correct
    const Graph plain = quantize(g, c, options), corrected = correct_bias(g, plain, data, samples, {.threads = 2});
    std::vector<std::string> names;
    for (const Layer& l : quantizable_layers(g)) names.push_back(g.value(g.node(l.node).out()).name);
    const ChannelStatistics want = channel_statistics(g, names, data, samples, {.threads = 2}), a = channel_statistics(plain, names, data, samples, {.threads = 2}),
                            b = channel_statistics(corrected, names, data, samples, {.threads = 2});
    for (const std::string& name : names) {
        double before = 0, after = 0;
        for (size_t k = 0; k < want.at(name).mean.size(); ++k) {
            before += std::abs(a.at(name).mean[k] - want.at(name).mean[k]);
            after += std::abs(b.at(name).mean[k] - want.at(name).mean[k]);
        }
        EXPECT_LT(after, 0.5 * before + 1e-4) << name;
    }
    const Graph again = correct_bias(g, plain, data, samples, {.threads = 1});
    EXPECT_EQ(to_text(again), to_text(corrected));
}

TEST(Quantize, LayoutsQuantiseWhatTheySay) {
    const Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 32, 5);
    const Calibration c = calibrate(g, data, first_samples(32), {.threads = 2});
    const auto quantised = [&](Curved curved) {
        QuantizeOptions o;
        o.curved = curved;
        return quantize(g, c, o);
    };
    const Graph floats = quantised(Curved::stays_float), tables = quantised(Curved::table), nodes = quantised(Curved::every_node);
    // SiLU twice: its input, its result; the gate; the squeezed means. `every_node` adds the two sigmoids.
    EXPECT_LT(count_nodes(floats, "QuantizeLinear"), count_nodes(tables, "QuantizeLinear"));
    EXPECT_EQ(count_nodes(nodes, "QuantizeLinear"), count_nodes(tables, "QuantizeLinear") + 2);
    for (NodeId id : nodes.order()) {
        const Node& n = nodes.node(id);
        if (n.op != "Sigmoid" && n.op != "Mul") continue;
        for (ValueId v : n.inputs) EXPECT_EQ(nodes.node(nodes.value(v).producer).op, "DequantizeLinear") << n.name;
    }
    const eval::EvalOptions o{.threads = 2, .keep_logits = true};
    const eval::Answers reference = eval::evaluate(g, data, o);
    for (const Graph* q : {&floats, &tables, &nodes}) EXPECT_LT(score_noise(reference, eval::evaluate(*q, data, o)), 0.05);
}

// Names and biases were read from the graph while constants were added to it, which moves its values.
TEST(Quantize, AddingConstantsMovesNothingThatIsRead) {
    const RandomSamples data({8}, 8, 5);
    for (int depth = 1; depth <= 24; ++depth) {
        Rng r(static_cast<uint64_t>(depth));
        Graph g;
        ValueId v = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 8}));
        for (int i = 0; i < depth; ++i) {
            const std::string name = cat("a name too long to lie within a string itself, of layer ", i);
            v = g.node(g.add_node("", "Gemm", {v, g.add_constant(name + ".w", uneven({8, 8}, 0.4, 2, r)), g.add_constant(name + ".b", uneven({8}, 0.5, 1, r))}, 1, {}, name, {name})).out();
        }
        g.outputs = {v};
        infer_graph(g);
        Quantizer quantizer(g, data, first_samples(8), {});
        const Graph q = quantizer.make({});
        for (NodeId id : q.order()) EXPECT_FALSE(q.node(id).name.empty());
        const Tensor x = batch(data, first_samples(8)), want = interpret_graph(g, {x})[0], got = interpret_graph(q, {x})[0];
        double signal = 0, noise = 0;
        for (int64_t i = 0; i < want.count(); ++i) {
            signal += want.at(i) * want.at(i);
            noise += (want.at(i) - got.at(i)) * (want.at(i) - got.at(i));
        }
        EXPECT_LT(noise, 0.01 * signal) << depth;
    }
}

TEST(Quantize, ScoresThatAreNotDefinedAreTheWorstNoise) {
    eval::Answers good, broken;
    good.logits = Tensor::of_f32({1, 2, 3, 4}, {2, 2});
    broken.logits = Tensor::of_f32({1, 2, std::nanf(""), 4}, {2, 2});
    EXPECT_EQ(score_noise(good, good), 0);
    EXPECT_EQ(score_noise(good, broken), INFINITY);
}

TEST(Quantize, KeptValuesAndLayersStayFloat) {
    const Graph g = small_network("Relu");
    const RandomSamples data({3, 12, 12}, 16, 5);
    const Calibration c = calibrate(g, data, first_samples(16), {});
    QuantizeOptions o;
    o.keep_float = {"project"};
    o.keep_float_values = {g.value(g.node(quantizable_layers(g)[3].node).in(0)).name};
    o.weight_only = WeightOnly::cast;
    const Graph q = quantize(g, c, o);
    EXPECT_EQ(count_nodes(q, "Cast"), 4);
    const eval::EvalOptions e{.threads = 2, .keep_logits = true};
    EXPECT_LT(score_noise(eval::evaluate(g, data, e), eval::evaluate(q, data, e)), 0.05);
    Graph folded = q;
    run_passes(folded, Stage::portable);
    EXPECT_EQ(count_nodes(folded, "Cast"), 0);
}

TEST(Calibrate, TheSameForAnyNumberOfThreads) {
    const Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 100, 5);
    const Calibration one = calibrate(g, data, first_samples(100), {.threads = 1}), three = calibrate(g, data, first_samples(100), {.threads = 3});
    ASSERT_EQ(one.size(), three.size());
    for (const auto& [name, o] : one) {
        EXPECT_EQ(o.low, three.at(name).low);
        EXPECT_EQ(o.high, three.at(name).high);
        EXPECT_EQ(o.histogram, three.at(name).histogram);
    }
    const std::string v = equalizable_values(g)[0];
    const Channels a = channel_statistics(g, {v}, data, first_samples(100), {.threads = 1}).at(v), b = channel_statistics(g, {v}, data, first_samples(100), {.threads = 3}).at(v);
    EXPECT_EQ(a.mean, b.mean);
    // Against plain sums.
    const Tensor x = batch(data, first_samples(100));
    Graph probe = g;
    probe.outputs = {g.find_value(v)};
    const Tensor y = interpret_graph(probe, {x})[0];
    const int64_t inner = y.dim(2) * y.dim(3);
    for (int64_t c = 0; c < y.dim(1); ++c) {
        double sum = 0;
        for (int64_t n = 0; n < y.dim(0); ++n)
            for (int64_t i = 0; i < inner; ++i) sum += y.at((n * y.dim(1) + c) * inner + i);
        EXPECT_NEAR(a.mean[static_cast<size_t>(c)], sum / static_cast<double>(y.dim(0) * inner), 1e-4);
    }
}

// The last state of an LSTM is [1,N,H]: it was read as if N were its first axis, past its end.
TEST(Calibrate, ValuesWhoseSamplesAreNotTheFirstAxis) {
    const Graph g = small_lstm();
    const RandomSamples data({6, 5}, 50, 5);
    const eval::EvalOptions o{.threads = 2, .batch = 8};
    const Calibration c = calibrate(g, data, first_samples(50), o);
    const Tensor x = batch(data, first_samples(50));
    ASSERT_FALSE(c.empty());
    for (const auto& [name, seen] : c) {
        Graph probe = g;
        probe.outputs = {g.find_value(name)};
        const Tensor y = interpret_graph(probe, {x})[0];
        double low = y.at(0), high = y.at(0);
        for (int64_t i = 0; i < y.count(); ++i) {
            low = std::min(low, y.at(i));
            high = std::max(high, y.at(i));
        }
        EXPECT_NEAR(static_cast<double>(seen.low), low, 1e-5) << name;
        EXPECT_NEAR(static_cast<double>(seen.high), high, 1e-5) << name;
    }
}

TEST(Explain, FindsTheDeadChannelTheOutlierAndTheNoisyLayer) {
    Graph g = small_network("Relu");
    const RandomSamples data({3, 12, 12}, 64, 5);
    const auto dead = [&] { return explain_layers(g, g, {}, data, first_samples(64), {})[0].dead_channels; };
    const int64_t dead_before = dead();
    // Channel 2 of the stem never fires; channel 5 of `depthwise` is 100 times the others.
    for (const auto& [layer, channel, factor, bias] : {std::tuple("stem", 2, 0.0, -1.0), std::tuple("depthwise", 5, 300.0, 0.5)})
        for (const Layer& l : quantizable_layers(g)) {
            if (l.name != layer) continue;
            Tensor &w = g.value(g.node(l.node).in(1)).constant, &b = g.value(g.node(l.node).in(2)).constant;
            const int64_t inner = w.count() / w.dim(0);
            for (int64_t i = 0; i < inner; ++i) w.set(channel * inner + i, factor == 0 ? 0 : factor * (0.1 + 0.01 * static_cast<double>(i)));
            b.set(channel, bias);
        }
    Quantizer quantizer(g, data, first_samples(64), {.threads = 2});
    const Graph q = quantizer.make({.keep_float = {"swish"}});
    const auto rows = explain_layers(g, q, quantizer.calibration(false), data, first_samples(64), {.threads = 2});
    std::map<std::string, LayerExplanation> by;
    for (const LayerExplanation& e : rows) by[e.layer] = e;
    EXPECT_EQ(rows.size(), quantizable_layers(g).size());
    EXPECT_EQ(by.at("stem").dead_channels, dead_before + 1);
    EXPECT_EQ(dead(), dead_before + 1);
    EXPECT_EQ(by.at("project").outlier_channel, 5);
    EXPECT_GT(by.at("project").outlier_ratio, 8);
    EXPECT_FALSE(by.at("swish").int8);
    EXPECT_TRUE(by.at("stem").int8);
    EXPECT_GT(by.at("stem").sqnr_db, by.at("project").sqnr_db);  // the outlier takes the levels
    EXPECT_GE(by.at("expand").sqnr_db, by.at("expand").sqnr_network_db);
    EXPECT_EQ(by.at("stem").saturated_share, 0);
    const Graph clipped = quantizer.make({.range = Range::percentile, .percentile = 0.9});
    EXPECT_GT(explain_layers(g, clipped, quantizer.calibration(false), data, first_samples(64), {.threads = 2})[0].saturated_share, 0.05);
}

TEST(Recipes, AreScoredBestFirst) {
    const Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 48, 5);
    Quantizer quantizer(g, data, first_samples(48), {.threads = 2});
    const eval::EvalOptions o{.threads = 2, .keep_logits = true};
    const std::vector<int64_t> some = first_samples(48);
    const auto scores = score_recipes(quantizer, recipes(g), data, some, eval::evaluate(g, data, o, some), o);
    ASSERT_GE(scores.size(), 6u);
    for (size_t i = 1; i < scores.size(); ++i) EXPECT_LE(scores[i - 1].noise, scores[i].noise);
    EXPECT_EQ(recipe_name(recipes(g)[0]), "min-max ranges");
}
