// SPDX-License-Identifier: Apache-2.0
#include "zoo/mobilenet.h"

#include "base/thread_pool.h"
#include "counts.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "run/session.h"
#include "support.h"

namespace hone {
namespace {

// torchvision counts 3,504,872 parameters: with a scale and a shift for each of 17,056 normalised channels, where the
// folded network has one bias. 300,774,272 multiply-accumulates are its published 0.30 GFLOPS.
TEST(Mobilenet, CountsAreTorchvisions) {
    const Graph g = zoo::mobilenet_v2({3, 224, 224}, 1000, 1);
    EXPECT_EQ(macs_of(g, 224), 300774272.0);
    EXPECT_EQ(parameters_of(g), 3504872 - 17056);
    EXPECT_EQ(to_text(g.value(g.outputs[0]).type), "f32[N,1000]");
    int convs = 0, depthwise = 0, clips = 0, sums = 0;
    for (NodeId n : g.order()) {
        const Node& node = g.node(n);
        convs += node.is("Conv");
        depthwise += node.is("Conv") && std::get<int64_t>(node.attributes.at("group")) > 1;
        clips += node.is("Clip");
        sums += node.is("Add");
    }
    EXPECT_EQ(convs, 52);
    EXPECT_EQ(depthwise, 17);
    EXPECT_EQ(clips, 35);
    EXPECT_EQ(sums, 10);
}

TEST(Mobilenet, NamesAreTorchvisions) {
    const Graph g = zoo::mobilenet_v2({3, 32, 32}, 10, 7);
    for (const char* name : {"features.0.0.weight", "features.1.conv.0.0.weight", "features.1.conv.1.weight",
                             "features.17.conv.1.0.bias", "features.17.conv.2.bias", "features.18.0.weight",
                             "classifier.1.weight"})
        EXPECT_NE(g.find_value(name), kNone) << name;
    const Graph again = read_model_bytes(model_bytes(g));
    EXPECT_EQ(again.alive_count(), g.alive_count());
    EXPECT_EQ(model_bytes(again), model_bytes(g));
}

// The reference evaluates every operator alone and in double precision.
TEST(Mobilenet, PlansAnswerAsReferences) {
    const Graph g = zoo::mobilenet_v2({3, 40, 40}, 10, 7);
    const Dims dims{2, 3, 40, 40};
    const Tensor x = waves(dims), expected = interpret_graph(g, {x})[0];
    const double peak = peak_of(expected);
    EXPECT_GT(peak, 0.05);
    EXPECT_LT(peak, 50);
    for (const int threads : {1, 2}) {
        ThreadPool pool(threads);
        const Tensor y = Session(make_plan(g, {dims}, {.threads = threads}), &pool).run({x})[0];
        ASSERT_EQ(y.dims(), expected.dims());
        for (int64_t i = 0; i < y.count(); ++i) EXPECT_NEAR(y.at(i), expected.at(i), 1e-4 * peak);
    }
}

TEST(Mobilenet, SameSeedSameWeights) {
    const auto weights = [](uint64_t seed) {
        const Graph g = zoo::mobilenet_v2({3, 32, 32}, 10, seed);
        return g.value(g.find_value("features.3.conv.1.0.weight")).constant;
    };
    EXPECT_TRUE(weights(7).same_bits(weights(7)));
    EXPECT_FALSE(weights(7).same_bits(weights(8)));
    EXPECT_THROW(zoo::mobilenet_v2({32, 32}, 10, 1), Error);
}

}  // namespace
}  // namespace hone
