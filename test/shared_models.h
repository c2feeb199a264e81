// SPDX-License-Identifier: Apache-2.0
// The shared models, and inputs for them.
#pragma once
#include <string>
#include <vector>

#include "base/rng.h"
#include "onnx/reader.h"
#include "plan/plan.h"
#include "support.h"

namespace hone {

inline const std::vector<std::string>& shared_models() {
    static const std::vector<std::string> names = {
        "fashion_resnet18", "fashion_resnet20", "fashion_resnet20_bn", "fashion_vgg_fc", "fashion_mobilenetv2",
        "fashion_effnet_silu_se", "fashion_mlp", "fashion_lstm", "fashion_gru", "fashion_vit", "glyphs_resnet14", "letters_mlp"};
    return names;
}
inline Graph shared_model(const std::string& name) { return read_model(shared_folder() + "/models/" + name + ".onnx"); }

/// Dims of the graph's inputs with every open dim bound to `batch`.
inline std::vector<Dims> input_dims(const Graph& g, int64_t batch) {
    std::vector<Dims> all;
    for (ValueId v : g.inputs) {
        Dims d;
        for (const Dim& x : g.value(v).type.shape) d.push_back(x.known() ? x.value : batch);
        all.push_back(d);
    }
    return all;
}

}  // namespace hone
