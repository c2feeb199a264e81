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

namespace {

void expect_peers_answer_alike(const Graph& g, const Dataset& data, const std::vector<QuantizeOptions>& all) {
    Quantizer quantizer(g, data, first_samples(32), {.threads = 2});
    const Tensor x = batch(data, first_samples(16)), want = interpret_graph(g, {x})[0];
    const std::string file = testing::TempDir() + "/quantised_peer.onnx";
    for (const QuantizeOptions& o : all) {
        const Graph q = quantizer.make(o);
        write_model(q, file);
        const Tensor ours = interpret_graph(q, {x})[0];
        for (const char* engine : {"onnxruntime", "openvino"}) {
            eval::Peer peer({.engine = engine, .model = file, .root = source_path(".")});
            peer.set_input("x", x);
            peer.run(1);
            const Tensor theirs = peer.outputs().at(0);
            double noise = 0, difference = 0;
            for (int64_t i = 0; i < want.count(); ++i) {
                noise = std::max(noise, std::abs(ours.at(i) - want.at(i)));
                difference = std::max(difference, std::abs(ours.at(i) - theirs.at(i)));
            }
            // Integer operators of both round now and then to neighbouring steps; that is less than what 8 bits cost.
            EXPECT_LE(difference, 2 * noise + 1e-3) << engine << ", " << recipe_name(o);
        }
    }
    std::remove(file.c_str());
}

}  // namespace

TEST(Written, PEER_BothAnswerAlike) {
    HONE_REQUIRE(eval::Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    expect_peers_answer_alike(small_network("Clip"), RandomSamples({3, 12, 12}, 32, 5), layouts());
}

TEST(Written, PEER_RecurrentWeightsAreFoldedByBoth) {
    HONE_REQUIRE(eval::Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    QuantizeOptions o;
    o.weight_only = WeightOnly::cast;
    expect_peers_answer_alike(small_lstm(), RandomSamples({6, 5}, 32, 5), {o});
}
