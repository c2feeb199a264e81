// SPDX-License-Identifier: Apache-2.0
// int8 is a specification: on the real inputs of every int8 layer of the shared models, every fast kernel that this
// machine can run, at every instruction set up to its own, gives the bits of the reference.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <numeric>
#include <set>

#include "base/process.h"
#include "compress/quantize.h"
#include "data/open.h"
#include "plan/lower.h"
#include "shared_models.h"

using namespace hone;

namespace {

constexpr int kCalibrationSamples = 16;
constexpr int kMaxVariants = 8;
const char* const kOwnProcess = "HONE_TEST_INT8_OWN_PROCESS";

DatasetPtr training_data(const std::string& model) {
    DataOptions o;
    if (model.starts_with("letters")) return open_data(shared_folder() + "/data/letters", o).training;
    if (model.starts_with("glyphs")) {
        o.channels = 3;
        o.height = o.width = 32;
        o.preprocess.resize = ImageSize{32, 32};
        o.preprocess.mean = o.preprocess.std = {0.5};
        return open_data(shared_folder() + "/data/glyphs.tar", o).training;
    }
    o.channels = 1;
    o.height = o.width = 28;
    o.preprocess.mean = {0.2860};
    o.preprocess.std = {0.3530};
    return open_data("fashion-mnist", o).training;
}

/// What the references make of one training sample in the lowered int8 graph of a model.
struct Model {
    std::string name;
    std::vector<std::string> layers;  ///< names of what was quantised
    Graph graph;
    std::vector<Tensor> values;       ///< by ValueId
};

/// Calibrated by references: oneDNN takes its instruction set at its first use, and that belongs to the children.
Model quantised(const std::string& name) {
    Graph g = shared_model(name);
    run_passes(g, Stage::portable);
    g = g.compacted();
    const DatasetPtr data = training_data(name);
    std::vector<int64_t> samples(kCalibrationSamples);
    std::iota(samples.begin(), samples.end(), 0);
    eval::EvalOptions options;
    options.references = true;
    options.threads = 2;
    Model m;
    m.name = name;
    for (const compress::Layer& l : compress::quantizable_layers(g)) m.layers.push_back(l.name);
    const Graph q = compress::quantize(g, compress::calibrate(g, *data, samples, options), {});
    const std::vector<int64_t> probe = {1000};
    const Tensor x = batch(*data, probe);
    const Dims dims = eval::input_dims_for(q, data->sample_dims(), 1);
    m.graph = specialise(q, {dims});
    run_passes(m.graph, Stage::runtime);
    m.graph = m.graph.compacted();
    m.values = interpret_values(m.graph, {x.reshaped(dims)});
    return m;
}

bool is_int8_layer(const Node& n) { return n.domain == "hone" && (n.op == "QConv" || n.op == "QGemm" || n.op == "QAdd" || n.op == "QMul" || n.op == "QTable" || n.op == "QGlobalAveragePool"); }

/// Runs a kernel in `layout` on the reference's inputs; compares its bits with the reference's output.
bool same_bits(const Model& m, const Node& n, const Candidate& k, const StepKernel& kernel, Layout layout) {
    std::vector<Tensor> held;
    std::vector<const void*> in;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
        const bool packed = std::find(k.packed.begin(), k.packed.end(), static_cast<int>(i)) != k.packed.end();
        if (n.inputs[i] == kNone || packed) {
            in.push_back(nullptr);
            continue;
        }
        held.push_back(to_layout(m.values[static_cast<size_t>(n.inputs[i])], layout).clone());
        in.push_back(held.back().raw());
    }
    const Tensor want = to_layout(m.values[static_cast<size_t>(n.out())], layout);
    Tensor y = Tensor::zeros(want.dtype(), want.dims());
    std::memset(y.raw_mut(), 0xa5, y.bytes());
    void* out[] = {y.raw_mut()};
    const std::shared_ptr<void> scratch = allocate_aligned(kernel.scratch_bytes());
    kernel.run({in.data(), out, scratch.get()});
    return y.same_bits(want);
}

/// The rows of one layer: "model<TAB>op<TAB>origin<TAB>kernel<TAB>isa<TAB>equal", a kernel once.
void print_rows(const Model& m, NodeId id) {
    const Node& n = m.graph.node(id);
    std::set<std::string> seen;
    for (int variant = 0; variant < kMaxVariants; ++variant) {
        const LowerContext c{m.graph, id, n, 1, variant};
        bool any = false;
        for (const Candidate& k : candidates_for(c)) {
            if (k.isa > usable_isa()) continue;
            for (Layout layout : {Layout::plain, Layout::channels_last}) {
                if (k.layout != LayoutRule::any && (k.layout == LayoutRule::channels_last) != (layout == Layout::channels_last)) continue;
                const std::unique_ptr<StepKernel> kernel = k.make(layout);
                if (!kernel) continue;
                any = true;
                const std::string text = kernel->implementation() + (layout == Layout::plain ? " plain" : " channels-last");
                if (!seen.insert(text).second) continue;
                std::printf("%s\t%s\t%s\t%s\t%s\t%s\n", m.name.c_str(), n.op.c_str(), join(n.origins, " + ").c_str(), text.c_str(),
                            isa_name(usable_isa()).c_str(), same_bits(m, n, k, *kernel, layout) ? "equal" : "DIFFERENT");
            }
        }
        if (!any || (n.op != "QConv" && n.op != "QGemm")) break;
    }
    if (seen.empty())
        std::printf("%s\t%s\t%s\t-\t%s\tno exact kernel\n", m.name.c_str(), n.op.c_str(), join(n.origins, " + ").c_str(), isa_name(usable_isa()).c_str());
}

/// What `f` prints in a child process under `cap`, or an empty text and a failure.
template <class F>
std::string printed_under(Isa cap, const F& f) {
    int ends[2];
    if (pipe(ends) != 0) return "";
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        set_isa_cap(cap);
        int code = 0;
        try {
            f();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "%s\n", e.what());
            code = 1;
        }
        std::fflush(stdout);
        _exit(code);
    }
    close(ends[1]);
    std::string text;
    char buffer[4096];
    for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "the child for " << isa_name(cap) << " failed";
    return text;
}

std::vector<std::string> split(const std::string& s, char at) {
    std::vector<std::string> parts(1);
    for (char c : s) {
        if (c == at) parts.emplace_back();
        else parts.back() += c;
    }
    return parts;
}

struct Tally {
    int layers = 0, equal = 0, without = 0;
};

void check_models() {
    std::map<std::string, Tally> tally;                        // by ISA
    std::map<std::string, std::vector<std::string>> quantised_layers;  // by model
    std::map<std::string, std::map<std::string, std::set<std::string>>> fast;  // model, origin -> ISAs with an equal row
    for (const std::string& name : shared_models()) {
        const Model m = quantised(name);
        quantised_layers[name] = m.layers;
        for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx}) {
            if (isa > machine_isa()) continue;
            const std::string text = printed_under(isa, [&] {
                for (NodeId id : m.graph.order())
                    if (is_int8_layer(m.graph.node(id))) print_rows(m, id);
            });
            std::set<std::string> layers;
            for (const std::string& line : split(text, '\n')) {
                const std::vector<std::string> row = split(line, '\t');
                if (row.size() != 6) continue;
                std::printf("%s %s %s x %s x %s: %s\n", row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(), row[4].c_str(), row[5].c_str());
                EXPECT_NE(row[5], "DIFFERENT") << line;
                EXPECT_EQ(row[4], isa_name(isa));
                // A kernel of a higher instruction set would mean that the cap came too late.
                if (isa < Isa::avx512) EXPECT_EQ(row[3].find("avx512"), std::string::npos) << line;
                if (isa < Isa::amx) EXPECT_EQ(row[3].find("amx"), std::string::npos) << line;
                Tally& t = tally[row[4]];
                t.layers += layers.insert(row[2]).second;
                t.equal += row[5] == "equal";
                t.without += row[3] == "-";
                if ((row[1] == "QConv" || row[1] == "QGemm") && row[5] == "equal")
                    for (const std::string& origin : split(row[2], ' ')) fast[name][origin].insert(row[4]);
            }
            EXPECT_FALSE(layers.empty()) << name << " has no int8 layers";
        }
    }
    for (const auto& [isa, t] : tally)
        std::printf("int8 at %s: %d layers, %d rows equal, %d layers without an exact fast kernel\n", isa.c_str(), t.layers, t.equal, t.without);
    for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_vnni, Isa::avx512_bf16, Isa::amx})
        if (isa > machine_isa()) std::printf("int8 at %s: skipped, this machine has %s\n", isa_name(isa).c_str(), isa_name(machine_isa()).c_str());

    EXPECT_EQ(quantised_layers["fashion_resnet18"].size(), 21u);
    if (machine_isa() < Isa::avx512_vnni) return;
    for (const auto& [model, layers] : quantised_layers)
        for (const std::string& layer : layers) {
            EXPECT_TRUE(fast[model][layer].contains("avx512_vnni")) << "no fast int8 kernel for " << model << " " << layer;
            if (machine_isa() == Isa::amx) EXPECT_TRUE(fast[model][layer].contains("amx")) << "no AMX int8 kernel for " << model << " " << layer;
        }
}

}  // namespace

// In a process of its own, because other tests may have used oneDNN, which then keeps their instruction set.
TEST(Int8Exact, EveryLayerOnEveryKernelSLOW) {
    HONE_REQUIRE(!shared_folder().empty(), "the shared folder");
    HONE_REQUIRE(is_directory("/usr/share/datasets/fashion-mnist"), "dataset-fashion-mnist");
    if (std::getenv(kOwnProcess)) return check_models();
    const ProcessResult r = run_process({"/usr/bin/env", cat(kOwnProcess, "=1"), "HONE_ISA=", this_program(),
                                         "--gtest_filter=Int8Exact.EveryLayerOnEveryKernelSLOW"});
    std::printf("%s", r.out.c_str());
    EXPECT_EQ(r.exit_code, 0) << r.err;
}
