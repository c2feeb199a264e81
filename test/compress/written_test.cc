// SPDX-License-Identifier: Apache-2.0
// What is written is standard ONNX: onnxruntime loads it and answers as hone's references do.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "eval/peer.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "small_network.h"
#include "support.h"

using namespace hone;
using namespace hone::compress;

namespace {

std::vector<QuantizeOptions> layouts() {
    QuantizeOptions plain, tables, nodes, mixed;
    tables.curved = Curved::table;
    nodes.curved = Curved::every_node;
    nodes.equalize = nodes.correct_bias = true;
    nodes.range = Range::mse;
    nodes.weights = WeightRange::mse;
    mixed.keep_float = {"depthwise", "head"};
    mixed.weight_only = WeightOnly::cast;
    std::vector<QuantizeOptions> all = {plain, tables, nodes, mixed};
    mixed.weight_only = WeightOnly::dequantize;
    all.push_back(mixed);
    return all;
}

}  // namespace

TEST(Written, ReadsBackTheSame) {
    const Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 32, 5);
    Quantizer quantizer(g, data, first_samples(32), {.threads = 2});
    const Tensor x = batch(data, first_samples(4));
    const std::string file = testing::TempDir() + "/quantised.onnx";
    for (const QuantizeOptions& o : layouts()) {
        const Graph q = quantizer.make(o);
        write_model(q, file);
        EXPECT_TRUE(interpret_graph(read_model(file), {x})[0].same_bits(interpret_graph(q, {x})[0])) << recipe_name(o);
    }
    std::remove(file.c_str());
}

TEST(Written, PEER_OnnxruntimeAnswersAlike) {
    HONE_REQUIRE(eval::Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    const Graph g = small_network("Clip");
    const RandomSamples data({3, 12, 12}, 32, 5);
    Quantizer quantizer(g, data, first_samples(32), {.threads = 2});
    const Tensor x = batch(data, first_samples(16));
    const Tensor want = interpret_graph(g, {x})[0];
    const std::string file = testing::TempDir() + "/quantised_peer.onnx";
    for (const QuantizeOptions& o : layouts()) {
        const Graph q = quantizer.make(o);
        write_model(q, file);
        eval::Peer peer({.engine = "onnxruntime", .model = file, .root = source_path(".")});
        peer.set_input("x", x);
        peer.run(1);
        const Tensor theirs = peer.outputs().at(0), ours = interpret_graph(q, {x})[0];
        double noise = 0, difference = 0;
        for (int64_t i = 0; i < want.count(); ++i) {
            noise = std::max(noise, std::abs(ours.at(i) - want.at(i)));
            difference = std::max(difference, std::abs(ours.at(i) - theirs.at(i)));
        }
        // Integer operators of both round now and then to neighbouring steps; that is less than what 8 bits cost.
        EXPECT_LE(difference, noise + 1e-3) << recipe_name(o);
    }
    std::remove(file.c_str());
}
