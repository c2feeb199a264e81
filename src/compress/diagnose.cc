// SPDX-License-Identifier: Apache-2.0
#include "compress/diagnose.h"

#include <algorithm>
#include <cstdio>

#include "op/op.h"
#include "pass/match.h"
#include "pass/pass.h"

namespace hone::compress {

namespace {
constexpr double wide = 16, noisy_db = 20;

std::string fixed(double v, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, v);
    return text;
}
}  // namespace

std::vector<record::Finding> diagnose_model(const Graph& g) {
    int64_t activations = 0, with_sign = 0;
    std::string first;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (!n.is("QuantizeLinear") || constant_of(g, n.in(0))) continue;
        const auto q = passes::quant_params(g, n);
        if (!q) continue;
        ++activations;
        if (q->type != DType::i8) continue;
        if (with_sign++ == 0) first = g.value(n.in(0)).name;
    }
    if (with_sign == 0) return {};
    record::Finding f;
    f.fault = "signed_activations";
    f.title = "the file's activations are signed 8-bit integers";
    f.evidence = cat(with_sign, " of ", activations, " quantised activations are s8, the first is '", first,
                     "'; behind a ReLU that leaves half of the 256 levels unused, and the multiply-add instructions of x86 take u8 activations, so runtimes fall back to slower code");
    f.advice = "Quantise the float original with unsigned activations: hone optimize on the model before quantisation.";
    f.weight = 0.05;
    return {f};
}

std::vector<record::Finding> diagnose_layers(const std::vector<LayerExplanation>& layers, double drop, const std::string& loses) {
    const LayerExplanation* worst = nullptr;
    int64_t others = 0;
    for (const LayerExplanation& e : layers) {
        if (!e.int8 || e.outlier_channel < 0 || e.outlier_ratio < wide || e.sqnr_db > noisy_db) continue;
        if (worst) ++others;
        if (!worst || e.outlier_ratio > worst->outlier_ratio) worst = &e;
    }
    if (!worst) return {};
    record::Finding f;
    f.fault = "outlier_channel";
    f.title = cat("one channel of the input of '", worst->layer, "' is ", fixed(worst->outlier_ratio, 0), " times as wide as the others");
    f.evidence = cat("channel ", worst->outlier_channel, " takes the 256 levels for itself: the layer's result in int8 has ", fixed(worst->sqnr_db, 1), " dB of signal to noise",
                     others ? cat("; ", others, " more layers have such a channel") : "", "; with plain ranges the network loses ", loses.empty() ? cat(fixed(drop * 100, 1), " points") : loses);
    f.advice = "Cross-layer equalisation evens the channels out without changing what the network computes: hone tries it, or hone quantize --equalize.";
    f.weight = std::max(0.01, drop);
    return {f};
}

}  // namespace hone::compress
