// SPDX-License-Identifier: Apache-2.0
// What is particular to single architectures: tied weights, the shortcut without parameters, several inputs, sizes that fit.
#include <cmath>

#include "counts.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "requests.h"
#include "support.h"

namespace hone::zoo {
namespace {

TEST(Pairs, SiameseWeightsAreOneConstant) {
    const Graph g = read_model_bytes(model_bytes(one_network("siamese", small_request("siamese")).graph));
    int weights = 0;
    for (ValueId v = 0; v < g.value_count(); ++v) {
        const Value& value = g.value(v);
        if (!value.name.ends_with(".weight") && !value.name.ends_with(".bias")) continue;
        EXPECT_EQ(value.users.size(), 2u) << value.name;
        ++weights;
    }
    EXPECT_EQ(weights, 8);
    const Tensor a = waves({2, 1, 28, 28});
    Tensor b = a.clone();
    for (int64_t i = 0; i < b.count(); ++i) b.set(i, std::cos(0.1 * static_cast<double>(i * i % 97)));
    const auto apart = interpret_graph(g, {a, b}), swapped = interpret_graph(g, {b, a}), same = interpret_graph(g, {a, a});
    EXPECT_TRUE(apart[1].same_bits(swapped[2]));
    EXPECT_TRUE(same[1].same_bits(same[2]));
    for (int64_t i = 0; i < 2; ++i) {
        double squares = 0, length = 0;
        for (int64_t k = 0; k < 64; ++k) {
            squares += std::pow(apart[1].at(i * 64 + k) - apart[2].at(i * 64 + k), 2);
            length += std::pow(apart[1].at(i * 64 + k), 2);
        }
        EXPECT_NEAR(length, 1, 1e-5);
        EXPECT_NEAR(apart[0].at(i), std::sqrt(squares), 1e-5);
        EXPECT_NEAR(apart[0].at(i), swapped[0].at(i), 1e-6);
        EXPECT_LE(same[0].at(i), 2e-6);
        EXPECT_GT(apart[0].at(i), 1e-3);
    }
}

TEST(Pairs, TwoTowerLogitsAreScaledProducts) {
    const Graph g = one_network("two-tower", small_request("two-tower")).graph;
    Tensor text = Tensor::zeros(DType::i64, {3, 16});
    for (int64_t i = 0; i < text.count(); ++i) text.set_int(i, i * i % 256);
    const auto y = interpret_graph(g, {waves({2, 1, 28, 28}), text});
    ASSERT_EQ(y[0].dims(), (Dims{2, 3}));
    for (int64_t n = 0; n < 2; ++n)
        for (int64_t m = 0; m < 3; ++m) {
            double product = 0;
            for (int64_t k = 0; k < 64; ++k) product += y[1].at(n * 64 + k) * y[2].at(m * 64 + k);
            EXPECT_NEAR(y[0].at(n * 3 + m), product / 0.07, 1e-4);
        }
    EXPECT_EQ(g.value(g.find_value("token.weight")).constant.dims(), (Dims{256, 64}));
}

// He et al., option A: every second pixel, zeros for the channels that are new.
TEST(Pairs, ShortcutsOfSmallResnetsHaveNoParameters) {
    Graph g = one_network("resnet", {.input = {3, 8, 8}, .classes = 10, .depth = 20}).graph;
    std::vector<Tensor> values = interpret_values(g, {waves({1, 3, 8, 8})});
    const auto at = [&](const char* node) {
        for (NodeId n : g.order())
            if (g.node(n).name == node) return values[static_cast<size_t>(g.node(n).out())];
        ADD_FAILURE() << node;
        return Tensor();
    };
    const Tensor before = at("layer1.2.relu"), after = at("layer2.0.shortcut.pad");
    ASSERT_EQ(before.dims(), (Dims{1, 16, 8, 8}));
    ASSERT_EQ(after.dims(), (Dims{1, 32, 4, 4}));
    for (int64_t c = 0; c < 32; ++c)
        for (int64_t i = 0; i < 16; ++i)
            EXPECT_EQ(after.at(c * 16 + i), c < 16 ? before.at(c * 64 + i / 4 * 16 + i % 4 * 2) : 0);
}

TEST(Pairs, DcganDoublesItsWay) {
    const auto shapes = [](int64_t height, int64_t width) {
        const std::vector<Network> pair = make_networks("dcgan", {.input = {1, height, width}, .width = 0.125});
        int deconvs = 0;
        for (NodeId n : pair[0].graph.order()) deconvs += pair[0].graph.node(n).is("ConvTranspose");
        return cat(deconvs, " ", to_text(pair[0].graph.value(pair[0].graph.outputs[0]).type));
    };
    EXPECT_EQ(shapes(64, 64), "4 f32[N,1,64,64]");
    EXPECT_EQ(shapes(28, 28), "2 f32[N,1,28,28]");
    EXPECT_EQ(shapes(40, 24), "2 f32[N,1,40,24]");
    const std::vector<Network> pair = make_networks("dcgan", small_request("dcgan"));
    const Tensor image = interpret_graph(pair[0].graph, {waves({2, 100})})[0];
    EXPECT_LE(peak_of(image), 1);
    EXPECT_EQ(interpret_graph(pair[1].graph, {image})[0].dims(), (Dims{2, 1}));
}

TEST(Pairs, VggKeepsAPixelOfSmallPictures) {
    const auto pools = [](int64_t side) {
        const Graph g = one_network("vgg", {.input = {3, side, side}, .classes = 10, .width = 0.125}).graph;
        int n = 0;
        for (NodeId id : g.order()) n += g.node(id).is("MaxPool");
        return cat(n, " ", g.value(g.find_value("classifier.0.weight")).constant.dim(1));
    };
    EXPECT_EQ(pools(32), "5 64");
    EXPECT_EQ(pools(28), "4 64");
    EXPECT_EQ(pools(224), "5 3136");
    EXPECT_EQ(pools(448), "5 3136");  // averaged to 7x7
}

void expect_refused(const std::string& architecture, const Request& r, const char* id, const std::string& hint) {
    try {
        make_networks(architecture, r);
        ADD_FAILURE() << architecture << " was built; expected " << id;
    } catch (const Error& e) {
        EXPECT_EQ(e.id, id) << e.what();
        EXPECT_EQ(e.kind, ErrorKind::usage);
        EXPECT_NE((e.message + " " + e.hint).find(hint), std::string::npos) << e.what();
    }
}

TEST(Pairs, WrongRequestsAreRefusedWithTheNearest) {
    const Request r{.input = {1, 28, 28}, .classes = 10};
    const auto with = [&](auto change) {
        Request other = r;
        change(other);
        return other;
    };
    expect_refused("resnt", r, "zoo.architecture", "Did you mean resnet?");
    expect_refused("resnet", with([](Request& q) { q.depth = 19; }), "zoo.depth", "Nearest: 18. Known: 18, 34, 50, 20, 32, 44, 56");
    expect_refused("vgg", with([](Request& q) { q.depth = 17; }), "zoo.depth", "Nearest: 16");
    expect_refused("lstm", with([](Request& q) { q.depth = 17; }), "zoo.depth", "1 to 16");
    expect_refused("resnet", with([](Request& q) { q.input = {28, 28}; }), "zoo.input", "takes an input of CxHxW, got '28x28'");
    expect_refused("gru", with([](Request& q) { q.input = {}; }), "zoo.input", "L or TxF or CxHxW");
    expect_refused("mlp", with([](Request& q) { q.input = {1, 0, 28}; }), "zoo.input", "1x0x28");
    expect_refused("mlp", with([](Request& q) { q.classes = 0; }), "zoo.classes", "1 to ");
    expect_refused("mlp", with([](Request& q) { q.width = 0; }), "zoo.width", "Above 0");
    expect_refused("mlp", with([](Request& q) { q.width = std::nan(""); }), "zoo.width", "Above 0");
    expect_refused("siamese", with([](Request& q) { q.embedding = 0; }), "zoo.size", "1 to ");
    expect_refused("vit", with([](Request& q) { q.input = {1, 30, 28}; }), "zoo.input", "Nearest: 1x28x28");
    expect_refused("vit", with([](Request& q) { q.stem = Stem::imagenet; }), "zoo.input", "Nearest: 1x16x16");
    expect_refused("dcgan", with([](Request& q) { q.input = {1, 27, 28}; }), "zoo.input", "28, 32, 40");
    expect_refused("dcgan", with([](Request& q) { q.input = {1, 44, 44}; }), "zoo.input", "28, 32, 40");
    expect_refused("resnet", with([](Request& q) { q.depth = 20, q.stem = Stem::imagenet; }), "zoo.stem", "--depth 18");
    expect_refused("lenet", with([](Request& q) { q.input = {1, 5, 5}; }), "zoo.small", "larger --input");
    expect_refused("alexnet", with([](Request& q) { q.stem = Stem::imagenet; }), "zoo.small", "larger --input");
}

}  // namespace
}  // namespace hone::zoo
