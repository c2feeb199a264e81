// SPDX-License-Identifier: Apache-2.0
// The client of the peers: what it says when they are absent, and that it drives both.
#include "eval/peer.h"

#include <unistd.h>

#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "support.h"

namespace {
using namespace hone;
using eval::Peer;

std::string error_id(const std::function<void()>& body) {
    try {
        body();
    } catch (const Error& e) {
        EXPECT_TRUE(e.id != "peer.absent" || e.hint.find("scripts/peers") != std::string::npos);
        return e.id;
    }
    return "";
}

TEST(Peer, AbsentIsSaid) {
    EXPECT_EQ(error_id([] { Peer({.engine = "onnxruntime", .model = "m.onnx", .root = "/nowhere"}); }), "peer.absent");
}

TEST(Peer, PEER_DrivesBoth) {
    HONE_REQUIRE(Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    HONE_REQUIRE(!shared_folder().empty(), "the folder of shared models");
    const std::string model = shared_folder() + "/models/fashion_mlp.onnx";
    std::vector<Tensor> answers;
    for (const char* engine : {"onnxruntime", "openvino"}) {
        Peer peer({.engine = engine, .model = model, .threads = 1, .root = source_path(".")});
        EXPECT_FALSE(peer.version().empty());
        ASSERT_EQ(peer.inputs().size(), 1u);
        ASSERT_EQ(peer.inputs()[0].type, DType::f32);
        Dims dims = peer.inputs()[0].dims;
        for (int64_t& d : dims) d = d < 0 ? 1 : d;
        Tensor x = Tensor::zeros(DType::f32, dims);
        for (int64_t i = 0; i < x.count(); ++i) x.set(i, static_cast<double>(i % 17) / 17);
        peer.set_input(peer.inputs()[0].name, x);
        EXPECT_EQ(peer.run(5).size(), 5u);
        answers.push_back(peer.outputs().at(0));
        EXPECT_GT(peer.load_ms(), 0);
        EXPECT_GT(peer.load_again(), 0);
        const Peer::Memory memory = peer.memory();
        EXPECT_GT(memory.start_bytes, 10 << 20);  // Python alone
        EXPECT_GT(memory.peak_bytes, memory.start_bytes);
        const Tensor all = peer.evaluate(peer.inputs()[0].name, x, 1);
        ASSERT_TRUE(all.same_bits(answers.back()));
        EXPECT_EQ(error_id([&] { peer.set_input("no such input", x), peer.run(1); }), "peer.refused");
    }
    ASSERT_EQ(answers[0].dims(), answers[1].dims());
    for (int64_t i = 0; i < answers[0].count(); ++i) EXPECT_NEAR(answers[0].at(i), answers[1].at(i), 1e-3);
}

TEST(Peer, PEER_FilesOfTheCurrentFolderAreNotItsModules) {
    HONE_REQUIRE(Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    const std::string folder = testing::TempDir() + "/hone_peer_folder", back = absolute_path(".");
    make_directories(folder);
    for (const char* name : {"re.py", "json.py", "numpy.py", "argparse.py"}) write_file_atomic(folder + "/" + name, "raise SystemExit(3)\n");
    ASSERT_EQ(chdir(folder.c_str()), 0);
    std::string version, trouble;
    try {
        version = Peer({.engine = "onnxruntime", .model = source_path("examples/fashion_resnet20.onnx"), .root = source_path(".")}).version();
    } catch (const Error& e) {
        trouble = e.what();
    }
    ASSERT_EQ(chdir(back.c_str()), 0);
    EXPECT_FALSE(version.empty()) << trouble;
}

TEST(Peer, PEER_RefusesAndDies) {
    HONE_REQUIRE(Peer::present(source_path(".")), "the peers' environment (scripts/peers)");
    EXPECT_EQ(error_id([] { Peer({.engine = "onnxruntime", .model = "absent.onnx", .root = source_path(".")}); }),
              "peer.refused");
    EXPECT_EQ(error_id([] { Peer({.engine = "neither", .model = "absent.onnx", .root = source_path(".")}); }),
              "peer.died");
}
}  // namespace
