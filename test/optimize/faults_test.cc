// SPDX-License-Identifier: Apache-2.0
// Seeded faults are named first, each on three networks. The networks of the colour order are built here: their classes
// depend on colour, by the nearest mean colour behind three different bodies.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/rng.h"
#include "compress/diagnose.h"
#include "compress/explain.h"
#include "compress/recipe.h"
#include "data/open.h"
#include "eval/diagnose.h"
#include "eval/renormalised.h"
#include "onnx/reader.h"
#include "pass/match.h"
#include "support.h"

using namespace hone;

namespace {

constexpr int64_t side = 8;
const std::vector<std::array<double, 3>> colours = {{0.9, 0.1, 0.1}, {0.1, 0.1, 0.9}, {0.1, 0.8, 0.2}, {0.8, 0.7, 0.1}, {0.1, 0.7, 0.8}, {0.6, 0.3, 0.1}};

/// Pictures of one colour and noise, as [3,8,8] in 0..1.
class Colours final : public Dataset {
  public:
    Colours() {
        name_ = "colours";
        set_sample_dims({3, side, side});
        for (size_t c = 0; c < colours.size(); ++c) class_names_.push_back(std::to_string(c));
        for (int i = 0; i < 600; ++i) labels_.push_back(i % static_cast<int>(colours.size()));
    }
    void load(int64_t i, float* out) const override {
        Rng rng(9, static_cast<uint64_t>(i));
        for (size_t c = 0; c < 3; ++c)
            for (int64_t k = 0; k < side * side; ++k)
                *out++ = static_cast<float>(std::clamp(colours[static_cast<size_t>(label(i))][c] + 0.1 * rng.normal(), 0.0, 1.0));
    }
    std::string origin(int64_t i) const override { return std::to_string(i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }
};

/// Nearest mean colour: scores 2 x.m - m.m. `body` 0: the picture itself; 1: behind a 1x1 convolution that mixes channels
/// invertibly; 2: behind a 3x3 box blur and ReLU.
Graph colour_network(int body) {
    Graph g;
    ValueId x = g.add_input("image", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3, side, side}));
    const float mix[3][3] = {{1, 0.5f, 0}, {0, 1, 0.5f}, {0.5f, 0, 1}};
    std::vector<std::array<double, 3>> means = colours;
    if (body > 0) {
        const int64_t k = body == 1 ? 1 : 3;
        Tensor w = Tensor::zeros(DType::f32, {3, 3, k, k});
        for (int64_t o = 0; o < 3; ++o)
            for (int64_t i = 0; i < 3; ++i)
                for (int64_t p = 0; p < k * k; ++p) w.data<float>()[(o * 3 + i) * k * k + p] = mix[o][i] / static_cast<float>(k * k);
        Attributes a;
        if (k == 3) a["pads"] = std::vector<int64_t>{0, 0, 0, 0};
        x = g.node(g.add_node("", "Conv", {x, g.add_constant("w", w)}, 1, a, "conv", {"conv"})).out();
        if (body == 2) x = g.node(g.add_node("", "Relu", {x}, 1, {}, "relu", {"relu"})).out();
        for (size_t c = 0; c < colours.size(); ++c)
            for (size_t o = 0; o < 3; ++o) {
                means[c][o] = 0;
                for (size_t i = 0; i < 3; ++i) means[c][o] += static_cast<double>(mix[o][i]) * colours[c][i];
            }
    }
    x = g.node(g.add_node("", "GlobalAveragePool", {x}, 1, {}, "pool", {"pool"})).out();
    x = g.node(g.add_node("", "Flatten", {x}, 1, {}, "flatten", {"flatten"})).out();
    const auto classes = static_cast<int64_t>(colours.size());
    Tensor w = Tensor::zeros(DType::f32, {3, classes}), b = Tensor::zeros(DType::f32, {classes});
    for (int64_t c = 0; c < classes; ++c)
        for (int64_t i = 0; i < 3; ++i) {
            const double m = means[static_cast<size_t>(c)][static_cast<size_t>(i)];
            w.data<float>()[i * classes + c] = static_cast<float>(2 * m);
            b.data<float>()[c] -= static_cast<float>(m * m);
        }
    g.outputs = {g.node(g.add_node("", "Gemm", {x, g.add_constant("fc.w", w), g.add_constant("fc.b", b)}, 1, {}, "fc", {"fc"})).out()};
    infer_graph(g);
    return g;
}

std::string first_of(const std::vector<record::Finding>& found) { return found.empty() ? "nothing" : found[0].fault; }

Graph portable(const std::string& path) {
    Graph g = read_model(path);
    run_passes(g, Stage::portable);
    return g;
}

struct Network {
    std::string model, data;
    int channels, size;
    double mean, std;
};
std::vector<Network> networks() {
    const std::string folder = shared_folder() + "/models/", glyphs = shared_folder() + "/data/glyphs.tar";
    return {{folder + "fashion_resnet20.onnx", "fashion-mnist", 1, 28, 0.2860, 0.3530},
            {folder + "fashion_mobilenetv2.onnx", "fashion-mnist", 1, 28, 0.2860, 0.3530},
            {folder + "glyphs_resnet14.onnx", glyphs, 3, 32, 0.5, 0.5}};
}
DataParts opened(const Network& n, double scale, double mean) {
    DataOptions o;
    o.channels = n.channels;
    o.height = o.width = n.size;
    o.preprocess.scale = scale;
    o.preprocess.mean = std::vector<double>{mean};
    o.preprocess.std = std::vector<double>{n.std};
    return open_data(n.data, o);
}
eval::EvalOptions two_threads() {
    eval::EvalOptions o;
    o.threads = 2;
    return o;
}
std::vector<record::Finding> diagnosed(const Network& n, double scale, double mean) {
    const DataParts parts = opened(n, scale, mean);
    return eval::diagnose_data(portable(n.model), *parts.validation, parts.preprocess, two_threads(), 500);
}

/// The function stays; channel 3 between a convolution and the next becomes `factor` times as wide.
int widen_a_channel(Graph& g, float factor) {
    int widened = 0;
    for (NodeId id : g.order()) {
        const Node n = g.node(id);
        if (!n.is("Conv")) continue;
        const NodeId relu = g.sole_user(n.out());
        if (relu == kNone || !g.node(relu).is("Relu")) continue;
        const NodeId next = g.sole_user(g.node(relu).out());
        if (next == kNone || !g.node(next).is("Conv") || passes::int_attribute(g.node(next), "group", 1) != 1) continue;
        const Tensor *w = constant_of(g, n.in(1)), *b = constant_of(g, n.in(2)), *v = constant_of(g, g.node(next).in(1));
        if (!w || !b || !v || passes::int_attribute(n, "group", 1) != 1) continue;
        Tensor w2 = w->clone(), b2 = b->clone(), v2 = v->clone();
        const int64_t channel = 3, size = w2.count() / w2.dim(0);
        for (int64_t i = 0; i < size; ++i) w2.data<float>()[channel * size + i] *= factor;
        b2.data<float>()[channel] *= factor;
        const int64_t kernel = v2.count() / v2.dim(0) / v2.dim(1);
        for (int64_t o = 0; o < v2.dim(0); ++o)
            for (int64_t k = 0; k < kernel; ++k) v2.data<float>()[(o * v2.dim(1) + channel) * kernel + k] /= factor;
        const std::string tag = std::to_string(widened++);
        g.set_input(id, 1, g.add_constant("wide_w" + tag, w2));
        g.set_input(id, 2, g.add_constant("wide_b" + tag, b2));
        g.set_input(next, 1, g.add_constant("wide_v" + tag, v2));
        if (widened == 2) break;
    }
    infer_graph(g);
    return widened;
}

/// Activations s8 instead of u8: the same scale, the zero point 128 lower.
void make_signed(Graph& g) {
    for (NodeId id : g.order()) {
        const Node n = g.node(id);
        if (!n.is("QuantizeLinear") && !n.is("DequantizeLinear")) continue;
        const Tensor* z = constant_of(g, n.in(2));
        if (!z || z->dtype() != DType::u8) continue;
        Tensor s = Tensor::zeros(DType::i8, z->dims());
        s.set_int(0, static_cast<int64_t>(z->at(0)) - 128);
        g.set_input(id, 2, g.add_constant(cat("signed_", id), s));
        if (n.is("QuantizeLinear")) g.value(n.out()).type.dtype = DType::i8;
    }
    infer_graph(g);
}

std::vector<int64_t> first(int64_t n) {
    std::vector<int64_t> v(static_cast<size_t>(n));
    std::iota(v.begin(), v.end(), int64_t{0});
    return v;
}

}  // namespace

TEST(Faults, ColoursInAnotherOrderAreNamed) {
    const Colours data;
    Preprocess plain;
    plain.channels = 3;
    for (int body = 0; body < 3; ++body) {
        const Graph g = colour_network(body);
        EXPECT_GE(eval::evaluate(g, data, two_threads()).top1(), 0.95) << body;
        EXPECT_EQ(first_of(eval::diagnose_data(g, data, plain, two_threads())), "nothing") << body;
        const eval::Renormalised swapped(data, plain, plain, true);
        EXPECT_EQ(first_of(eval::diagnose_data(g, swapped, plain, two_threads())), "channel_order") << body;
    }
}

TEST(Faults, ATableHasNoneOfThem) {
    const Colours data;
    Preprocess table;
    table.kind = DataKind::table;
    EXPECT_TRUE(eval::diagnose_data(colour_network(0), data, table, two_threads()).empty());
}

TEST(Faults, SLOW_ScaleAndMeanAreNamedAndRightOnesAreNot) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    for (const Network& n : networks()) {
        EXPECT_EQ(first_of(diagnosed(n, 1.0 / 255, n.mean)), "nothing") << n.model;
        EXPECT_EQ(first_of(diagnosed(n, 1, n.mean)), "scale") << n.model;
        EXPECT_EQ(first_of(diagnosed(n, 1.0 / 255, n.mean > 0.4 ? 127.5 : 0.9)), "mean") << n.model;
    }
}

TEST(Faults, SLOW_OutlierChannelsAndSignedActivationsAreNamed) {
    HONE_REQUIRE(!shared_folder().empty(), "../shared");
    std::vector<Network> all = networks();
    all[1].model = shared_folder() + "/models/fashion_resnet18.onnx";
    for (const Network& n : all) {
        const DataParts parts = opened(n, 1.0 / 255, n.mean);
        for (const bool seeded : {false, true}) {
            Graph g = portable(n.model);
            if (seeded) ASSERT_GE(widen_a_channel(g, 200), 1) << n.model;
            compress::Quantizer quantizer(g, *parts.training, first(64), two_threads());
            Graph q = quantizer.make({});
            const auto found = compress::diagnose_layers(compress::explain_layers(g, q, quantizer.calibration(false), *parts.validation, first(64), two_threads()), 0.1);
            EXPECT_EQ(first_of(found), seeded ? "outlier_channel" : "nothing") << n.model;
            if (seeded) continue;
            EXPECT_EQ(first_of(compress::diagnose_model(q)), "nothing") << n.model;
            make_signed(q);
            EXPECT_EQ(first_of(compress::diagnose_model(q)), "signed_activations") << n.model;
        }
    }
}
