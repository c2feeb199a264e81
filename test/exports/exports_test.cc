// SPDX-License-Identifier: Apache-2.0
// The networks of this folder, exported by PyTorch's two exporters: every node's answer is onnxruntime's.
#include <algorithm>

#include "base/rng.h"
#include "exports/every_node.h"
#include "op/op.h"

using namespace hone;

namespace {

std::vector<std::string> exported() {
    std::vector<std::string> out;
    for (const std::string& name : list_directory(source_path("test/exports")))
        if (name.ends_with(".onnx")) out.push_back(name.substr(0, name.size() - 5));
    std::sort(out.begin(), out.end());
    return out;
}
std::string path_of(const std::string& name) { return source_path("test/exports/" + name + ".onnx"); }

/// Floats from N(0,1); integers 0 and 1, which fit vocabularies, segments and masks alike. Open axes are `open`.
std::vector<Tensor> drawn_inputs(const Graph& g, int64_t open) {
    std::vector<Tensor> out;
    Rng rng(static_cast<uint64_t>(open));
    for (ValueId v : g.inputs) {
        Dims dims;
        for (const Dim& d : g.value(v).type.shape) dims.push_back(d.known() ? d.value : open);
        Tensor t = Tensor::zeros(g.value(v).type.dtype, dims);
        for (int64_t i = 0; i < t.count(); ++i) is_float(t.dtype()) ? t.set(i, rng.normal()) : t.set_int(i, i % 3 != 0);
        out.push_back(t);
    }
    return out;
}

}  // namespace

TEST(Exports, PEER_EveryNodeIsOnnxruntimes) {
    HONE_REQUIRE(!peers_python().empty(), "the peers' environment (scripts/peers)");
    const std::vector<std::string> names = exported();
    ASSERT_GE(names.size(), 20u);
    for (int batch : {1, 3}) {
        const TemporaryFolder out;
        std::string command = cat(peers_python(), " -B ", source_path("test/exports/every_node.py"), " ", out.path, " ", batch);
        for (const std::string& name : names) command += " " + path_of(name);
        ASSERT_EQ(std::system(command.c_str()), 0) << command;
        for (const std::string& name : names) expect_agreement(read_model(path_of(name)), cat(out.path, "/", name));
    }
}

TEST(Exports, PlanIsTheReferences) {
    for (const std::string& name : exported()) {
        const Graph g = read_model(path_of(name));
        for (int64_t open : {1, 2}) {
            const std::vector<Tensor> inputs = drawn_inputs(g, open);
            const std::vector<Tensor> want = interpret_graph(g, inputs), got = run_plan(g, inputs);
            ASSERT_EQ(got.size(), want.size());
            for (size_t i = 0; i < got.size(); ++i) EXPECT_LE(difference(got[i], want[i]), 1e-5) << name << ", output " << i;
        }
    }
}

TEST(Exports, EveryStepIsAFastKernels) {
    for (const std::string& name : exported()) {
        const Graph g = read_model(path_of(name));
        const auto plan = make_plan(g, dims_of_all(drawn_inputs(g, 2)), {});
        for (const Step& s : plan->steps)
            EXPECT_TRUE(s.kind == StepKind::kernel || s.kind == StepKind::view) << name << ": " << s.op << " of " << join(s.origins, ", ") << " runs by its reference";
    }
}
