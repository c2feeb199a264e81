// SPDX-License-Identifier: Apache-2.0
// What onnxruntime answered at every node of a model (every_node.py), and hone's answers beside it.
#pragma once
#include <unistd.h>

#include <cmath>
#include <map>
#include <vector>

#include "base/tensor.h"
#include "onnx/reader.h"
#include "op/op.h"
#include "plan/plan.h"
#include "run/session.h"
#include "support.h"

namespace hone {

inline std::string peers_python() {
    const char* given = std::getenv("HONE_PEERS");
    std::string p = given && *given ? given : source_path(".venv/peers");
    if (is_directory(p)) p += "/bin/python";
    return file_exists(p) ? p : "";
}

struct TemporaryFolder {
    std::string path;
    TemporaryFolder() {
        char name[] = "/tmp/hone_exports_XXXXXX";
        path = ::mkdtemp(name);
    }
    ~TemporaryFolder() { EXPECT_EQ(std::system(cat("rm -r ", path).c_str()), 0); }
};

/// A folder of every_node.py.
struct EveryNode {
    std::string folder;
    std::vector<Tensor> inputs;
    std::map<std::string, Tensor> answers;  ///< by the value's name
    explicit EveryNode(std::string path) : folder(std::move(path)) {
        for (int i = 0; file_exists(cat(folder, "/input_", i, ".pb")); ++i) inputs.push_back(read_tensor_file(cat(folder, "/input_", i, ".pb")));
        for (int i = 0; file_exists(cat(folder, "/output_", i, ".pb")); ++i) {
            std::string name;
            const Tensor t = read_tensor_file(cat(folder, "/output_", i, ".pb"), &name);
            answers.emplace(name, t);
        }
    }
};

inline std::vector<Dims> dims_of_all(const std::vector<Tensor>& tensors) {
    std::vector<Dims> out;
    for (const Tensor& t : tensors) out.push_back(t.dims());
    return out;
}

/// Largest |got - want| in units of |want| + rms(want), over the elements; infinite where type, dims, an integer or the
/// place of a NaN differ.
inline double difference(const Tensor& got, const Tensor& want) {
    if (got.dtype() != want.dtype() || got.dims() != want.dims()) return INFINITY;
    double squares = 0, worst = 0;
    for (int64_t i = 0; i < want.count(); ++i) squares += std::isfinite(want.at(i)) ? want.at(i) * want.at(i) : 0;
    const double rms = std::sqrt(squares / static_cast<double>(std::max<int64_t>(1, want.count())));
    for (int64_t i = 0; i < want.count(); ++i) {
        const double a = got.at(i), b = want.at(i);
        if (a == b || (std::isnan(a) && std::isnan(b))) continue;
        if (!is_float(want.dtype()) || !std::isfinite(a) || !std::isfinite(b)) return INFINITY;
        worst = std::max(worst, std::abs(a - b) / (std::abs(b) + rms));
    }
    return worst;
}

/// Holds `got`, the values named as in `names`, against onnxruntime's at 1e-4; returns how many it held.
inline int expect_answers(const EveryNode& peer, const std::vector<std::string>& names, const std::vector<Tensor>& got, const std::string& how) {
    int held = 0;
    for (size_t i = 0; i < names.size(); ++i) {
        const auto want = peer.answers.find(names[i]);
        if (want == peer.answers.end() || !got[i].defined()) continue;
        EXPECT_LE(difference(got[i], want->second), 1e-4) << peer.folder << ", " << how << ", value '" << names[i] << "'";
        ++held;
    }
    return held;
}

inline std::vector<Tensor> run_plan(const Graph& g, const std::vector<Tensor>& inputs) {
    Session session(make_plan(g, dims_of_all(inputs), {}), nullptr);
    return session.run(inputs);
}
inline std::vector<std::string> names_of(const Graph& g, const std::vector<ValueId>& values) {
    std::vector<std::string> out;
    for (ValueId v : values) out.push_back(g.value(v).name);
    return out;
}

/// A network by the references, by a plan in which every node's output is kept, and by the plan as it is, held against the
/// answers in the folder of every_node.py.
inline void expect_agreement(const Graph& g, const std::string& folder) {
    const EveryNode peer(folder);
    ASSERT_FALSE(peer.answers.empty());
    std::vector<ValueId> values;
    for (ValueId v = 0; v < g.value_count(); ++v) values.push_back(v);
    const int held = expect_answers(peer, names_of(g, values), interpret_values(g, peer.inputs), "references");
    EXPECT_EQ(held, static_cast<int>(peer.answers.size())) << folder;
    const Graph all = read_model(folder + "/all.onnx");
    EXPECT_EQ(expect_answers(peer, names_of(all, all.outputs), run_plan(all, peer.inputs), "plan of every node"), held);
    EXPECT_EQ(expect_answers(peer, names_of(g, g.outputs), run_plan(g, peer.inputs), "plan"), static_cast<int>(g.outputs.size()));
}

}  // namespace hone
