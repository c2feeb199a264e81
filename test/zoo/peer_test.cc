// SPDX-License-Identifier: Apache-2.0
// onnxruntime loads every architecture and answers alike at every node; writing a large one takes no second copy of it.
#include <fstream>

#include "exports/every_node.h"
#include "onnx/writer.h"
#include "requests.h"

namespace hone::zoo {
namespace {

TEST(ZooPeer, PEER_EveryNodeIsOnnxruntimes) {
    HONE_REQUIRE(!peers_python().empty(), "the peers' environment (scripts/peers)");
    const TemporaryFolder out;
    std::vector<std::string> names;
    const auto put = [&](const std::string& file, std::vector<Network> networks) {
        for (const Network& n : networks) {
            names.push_back(file + n.part);
            write_model(n.graph, cat(out.path, "/", names.back(), ".onnx"));
        }
    };
    for (const Architecture& a : architectures()) put(a.name, make_networks(a.name, small_request(a.name)));
    put("resnet20", make_networks("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 20}));
    put("resnet50", make_networks("resnet", {.input = {3, 65, 66}, .classes = 10, .width = 0.125, .depth = 50}));
    put("alexnet_large", make_networks("alexnet", {.input = {3, 100, 227}, .classes = 10, .width = 0.0625}));
    put("lstm_steps", make_networks("lstm", {.input = {11, 5}, .classes = 10, .depth = 3}));
    put("lstm_text", make_networks("lstm", {.input = {11}, .classes = 4, .depth = 2, .embedding = 8, .vocabulary = 96}));
    put("gru_text", make_networks("gru", {.input = {9}, .classes = 4, .embedding = 8, .vocabulary = 96}));
    put("gru_colour", make_networks("gru", {.input = {3, 7, 5}, .classes = 10, .depth = 2}));
    put("mlp_rows", make_networks("mlp", {.input = {9}, .classes = 1}));
    for (int batch : {1, 3}) {
        const std::string answers = cat(out.path, "/", batch);
        std::string command = cat(peers_python(), " -B ", source_path("test/exports/every_node.py"), " ", answers, " ", batch);
        for (const std::string& name : names) command += cat(" ", out.path, "/", name, ".onnx");
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
        for (const std::string& name : names) expect_agreement(read_model(cat(out.path, "/", name, ".onnx")), cat(answers, "/", name));
    }
}

/// "VmHWM" or "VmRSS" of /proc/self/status, in bytes.
int64_t memory(const char* which) {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
        if (word == cat(which, ":")) {
            int64_t kilobytes = 0;
            status >> kilobytes;
            return kilobytes * 1024;
        }
    ADD_FAILURE() << "no " << which;
    return 0;
}

TEST(ZooPeer, SLOW_LargeNetworksAreWrittenWithoutACopy) {
    const TemporaryFolder out;
    std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
    const int64_t before = memory("VmRSS");
    const Network n = one_network("alexnet", {.input = {3, 224, 224}, .classes = 1000});
    write_model(n.graph, out.path + "/net.onnx");
    EXPECT_LE(memory("VmHWM") - before, 4 * n.parameters + (40 << 20));
    EXPECT_EQ(count_parameters(out.path + "/net.onnx"), 61100840);
}

}  // namespace
}  // namespace hone::zoo
