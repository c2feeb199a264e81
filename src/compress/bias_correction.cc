// SPDX-License-Identifier: Apache-2.0
#include "compress/bias_correction.h"

#include <cmath>

#include "compress/quantize.h"
#include "pass/match.h"

namespace hone::compress {

namespace {

/// The i32 constant behind a layer's DequantizeLinear of its bias, and the scales; kNone where there is none.
ValueId bias_constant(const Graph& q, const Node& n, Tensor* scale) {
    const NodeId dq = n.in(2) == kNone ? kNone : passes::dequantizer_of(q, n.in(2));
    if (dq == kNone) return kNone;
    const Tensor *b = constant_of(q, q.node(dq).in(0)), *s = constant_of(q, q.node(dq).in(1));
    if (!b || !s || b->dtype() != DType::i32) return kNone;
    *scale = *s;
    return q.node(dq).in(0);
}

}  // namespace

Graph correct_bias(const Graph& g, Graph quantized, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::map<std::string, NodeId> by_name;
    for (NodeId id : quantized.order()) by_name[quantized.node(id).name] = id;
    std::vector<std::pair<NodeId, std::string>> todo;  // in order; the value's name in both graphs
    for (const Layer& l : quantizable_layers(g)) {
        const auto it = by_name.find(l.name);
        if (it == by_name.end()) continue;
        Tensor scale;
        const std::string out = g.value(g.node(l.node).out()).name;
        if (bias_constant(quantized, quantized.node(it->second), &scale) != kNone && quantized.find_value(out) != kNone) todo.emplace_back(it->second, out);
    }
    std::vector<std::string> names;
    for (const auto& [id, name] : todo) names.push_back(name);
    const ChannelStatistics wanted = channel_statistics(g, names, data, indices, options);
    for (const auto& [id, name] : todo) {
        const auto want = wanted.find(name);
        if (want == wanted.end()) continue;
        ChannelStatistics got = {{name, want->second}};
        eval::EvalOptions o = options;
        o.progress = "bias correction";
        channel_means(quantized, got, data, indices, o);
        Tensor scale;
        const ValueId bias = bias_constant(quantized, quantized.node(id), &scale);
        Tensor b = quantized.value(bias).constant.clone();
        const std::vector<double>&is = got.at(name).mean, &should = want->second.mean;
        if (static_cast<int64_t>(is.size()) != b.count()) continue;
        for (int64_t c = 0; c < b.count(); ++c) {
            const double steps = (is[static_cast<size_t>(c)] - should[static_cast<size_t>(c)]) / scale.at(scale.count() == 1 ? 0 : c);
            const double corrected = std::nearbyint(b.at(c) - steps);
            if (std::abs(corrected) < 0x1p30) b.set(c, corrected);
        }
        quantized.value(bias).constant = b;
    }
    return quantized;
}

}  // namespace hone::compress
