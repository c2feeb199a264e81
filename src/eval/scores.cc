// SPDX-License-Identifier: Apache-2.0
#include "eval/scores.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hone::eval {

ScoreKind score_kind(const Graph& g) {
    static const std::vector<std::string> kPassing = {"Identity",       "Reshape",          "Flatten", "Squeeze",
                                                      "Unsqueeze",      "Cast",             "Dropout",
                                                      "QuantizeLinear", "DequantizeLinear"};
    if (g.outputs.empty()) return ScoreKind::logits;
    for (NodeId n = g.value(g.outputs[0]).producer; n != kNone;) {
        const Node& node = g.node(n);
        if (node.op == "Softmax") return ScoreKind::probabilities;
        if (node.op == "Sigmoid") return ScoreKind::independent;
        if (std::find(kPassing.begin(), kPassing.end(), node.op) == kPassing.end()) break;
        n = g.value(node.inputs[0]).producer;
    }
    return ScoreKind::logits;
}

std::string score_name(ScoreKind kind) {
    return kind == ScoreKind::logits ? "softmax" : kind == ScoreKind::probabilities ? "probabilities" : "sigmoid";
}

bool is_class_output(const Tensor& t) {
    if (!is_float(t.dtype()) || t.rank() < 2 || t.dim(0) < 1 || t.dim(1) < 2) return false;
    return std::all_of(t.dims().begin() + 2, t.dims().end(), [](int64_t d) { return d == 1; });
}

std::vector<double> softmax(std::span<const float> logits) {
    std::vector<double> p(logits.begin(), logits.end());
    const double most = p.empty() ? 0 : *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (double& x : p) sum += x = std::exp(x - most);
    for (double& x : p) x /= sum;
    return p;
}

std::vector<double> class_scores(ScoreKind kind, std::span<const float> output) {
    return kind == ScoreKind::logits ? softmax(output) : std::vector<double>(output.begin(), output.end());
}

std::vector<size_t> best_classes(const std::vector<double>& scores, size_t count) {
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        if (std::isnan(scores[a]) || std::isnan(scores[b])) return !std::isnan(scores[a]) && std::isnan(scores[b]);
        return scores[a] > scores[b];
    });
    order.resize(std::min(count, order.size()));
    return order;
}

}  // namespace hone::eval
