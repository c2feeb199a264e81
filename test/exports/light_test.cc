// SPDX-License-Identifier: Apache-2.0
// The nine topologies that come with onnx, with He-normal weights: every node's answer is onnxruntime's, by fast kernels.
#include "base/thread_pool.h"
#include "exports/every_node.h"

using namespace hone;

namespace {

std::vector<Tensor> run_fast(const Graph& g, const EveryNode& peer) {
    ThreadPool pool(2);
    Session session(make_plan(g, dims_of_all(peer.inputs), {.threads = 2}), &pool);
    return session.run(peer.inputs);
}

/// Once with every node's output kept; once as it is, fused, where what goes into the last Softmax is looked at too,
/// which may have saturated.
void expect_agreement(const std::string& folder) {
    const EveryNode peer(folder);
    ASSERT_FALSE(peer.answers.empty());
    Graph g = read_model(folder + "/all.onnx");
    EXPECT_EQ(expect_answers(peer, names_of(g, g.outputs), run_fast(g, peer), "plan of every node"), static_cast<int>(peer.answers.size()));
    g.outputs.resize(1);
    const NodeId last = g.value(g.outputs[0]).producer;
    if (last != kNone && g.node(last).is("Softmax")) g.outputs.push_back(g.node(last).in(0));
    g = g.compacted();
    EXPECT_EQ(expect_answers(peer, names_of(g, g.outputs), run_fast(g, peer), "plan"), static_cast<int>(g.outputs.size()));
}

}  // namespace

TEST(Light, PEER_EveryNodeIsOnnxruntimes) {
    HONE_REQUIRE(!peers_python().empty(), "the peers' environment (scripts/peers)");
    for (const char* name : {"bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"}) {
        const TemporaryFolder out;  // 700 MB with vgg19, so one at a time
        const std::string command = cat(peers_python(), " -B ", source_path("test/exports/light.py"), " ", out.path, " ", name);
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
        expect_agreement(cat(out.path, "/", name));
    }
}
