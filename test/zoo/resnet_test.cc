// SPDX-License-Identifier: Apache-2.0
#include "zoo/resnet.h"

#include "counts.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "support.h"

namespace hone {
namespace {

// torchvision counts 11,689,512 and 25,557,032: with a scale and a shift for each of 4,800 and 26,560 normalised
// channels, where the folded network has one bias.
TEST(Resnet, CountsAreTorchvisions) {
    const Graph small = zoo::resnet(18, {3, 224, 224}, 1000, 1);
    EXPECT_EQ(macs_of(small, 224), 1814073344.0);
    EXPECT_EQ(parameters_of(small), 11689512 - 4800);
    const Graph large = zoo::resnet(50, {3, 224, 224}, 1000, 1);
    EXPECT_EQ(macs_of(large, 224), 4089184256.0);
    EXPECT_EQ(parameters_of(large), 25557032 - 26560);
    EXPECT_EQ(to_text(large.value(large.outputs[0]).type), "f32[N,1000]");
}

TEST(Resnet, SurvivesTheFile) {
    const Graph g = zoo::resnet(18, {3, 32, 32}, 10, 7);
    const std::string bytes = model_bytes(g);
    const Graph again = read_model_bytes(bytes);
    EXPECT_EQ(again.opsets.at(""), 13);
    EXPECT_EQ(again.alive_count(), g.alive_count());
    EXPECT_EQ(again.node(again.order()[0]).name, "conv1");
    EXPECT_NE(again.find_value("layer4.0.downsample.0.weight"), kNone);
    EXPECT_EQ(model_bytes(again), bytes);
}

TEST(Resnet, SameSeedSameWeightsAndSoberOutputs) {
    const Graph a = zoo::resnet(18, {3, 32, 32}, 10, 7), b = zoo::resnet(18, {3, 32, 32}, 10, 7);
    const Graph other = zoo::resnet(18, {3, 32, 32}, 10, 8);
    const auto weights = [](const Graph& g) { return g.value(g.find_value("conv1.weight")).constant; };
    EXPECT_TRUE(weights(a).same_bits(weights(b)));
    EXPECT_FALSE(weights(a).same_bits(weights(other)));
    const double peak = peak_of(interpret_graph(a, {waves({1, 3, 32, 32})})[0]);
    EXPECT_GT(peak, 0.05);
    EXPECT_LT(peak, 50);
}

TEST(Resnet, RefusesOtherDepthsAndInputs) {
    EXPECT_THROW(zoo::resnet(34, {3, 32, 32}, 10, 1), Error);
    EXPECT_THROW(zoo::resnet(18, {32, 32}, 10, 1), Error);
}

}  // namespace
}  // namespace hone
