// SPDX-License-Identifier: Apache-2.0
// What the record says of each layer: what was done, why, why not more, and what its 8 bits see.
#include <algorithm>
#include <cstdio>

#include "compress/diagnose.h"
#include "optimize/search.h"

namespace hone {

namespace {

std::string fixed(double v, int digits) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, v);
    return text;
}

/// "31.2 dB; 3 of 64 channels are dead; 0.4 % of the input saturates".
std::string seen_in_8_bits(const compress::LayerExplanation& e) {
    std::vector<std::string> parts;
    if (e.int8) parts.push_back(e.sqnr_db >= 200 ? std::string("no noise") : fixed(e.sqnr_db, 1) + " dB signal to noise");
    if (e.dead_channels > 0) parts.push_back(cat(e.dead_channels, " of ", e.channels, e.dead_channels == 1 ? " channel is dead" : " channels are dead"));
    if (e.int8 && e.saturated_share >= 5e-4) parts.push_back(fixed(e.saturated_share * 100, 1) + " % of its input saturates");
    if (e.int8 && e.used_levels < 0.25) parts.push_back(cat("the bulk of its input uses ", std::to_string(static_cast<int>(e.used_levels * 256)), " of 256 levels"));
    if (e.outlier_channel >= 0) parts.push_back(cat("input channel ", e.outlier_channel, " is ", fixed(e.outlier_ratio, 0), " times as wide as the others"));
    if (e.weight_range_ratio >= 8) parts.push_back(cat("its widest output channel's weights are ", fixed(e.weight_range_ratio, 0), " times the median's"));
    return join(parts, "; ");
}

void decide_row(const Search& s, record::LayerRow& row, const Trial* answer, bool accepted) {
    const bool in_int8 = answer && answer->quantized && !answer->options.keep_float.contains(row.name);
    const bool bf16 = answer && answer->precision == Precision::bf16 && accepted;
    if (in_int8 && accepted) {
        row.decision = "int8";
        const bool timed = row.time_before_ms && row.time_after_ms && *row.time_before_ms > 0 && *row.time_after_ms > 0;
        const double gain = timed ? *row.time_before_ms / *row.time_after_ms : 0;
        row.reason = !timed       ? "weights in 8 bits with a scale a channel; its time is part of another layer's"
                     : gain >= 1  ? "faster: weights in 8 bits with a scale a channel"
                     : gain > 0.9 ? "about as fast by itself, and smaller"
                                  : "slower by itself, but the search found no faster whole with it in float";
    } else if (in_int8) {
        row.decision = "kept";
        row.reason = "int8 was tried; the whole model was rejected";
    } else {
        row.decision = bf16 ? "bf16" : "kept";
        const auto why = s.why_float.find(row.name);
        row.reason = answer && answer->quantized && accepted && why != s.why_float.end() ? why->second : "the original's weights";
    }
}

}  // namespace

void explain(Search& s, const Trial& plain) {
    eval::EvalOptions o;
    o.threads = s.request.threads;
    const bool equalized = plain.options.equalize;
    s.explanations = compress::explain_layers(s.quantizer->prepared(equalized), plain.graph, s.quantizer->calibration(equalized), *s.parts.validation, s.some_validation(explained_samples, 66), o);
    const bool top1 = s.request.metric == eval::Metric::top1, error = eval::info_of(s.request.metric).regression;
    const double original = plain.metric - plain.drop(), drop = !error ? plain.drop() : original > 0 ? plain.drop() / original : 0;
    for (record::Finding& f : compress::diagnose_layers(s.explanations, drop, top1 ? "" : cat(s.drop_text(plain.drop()), " of ", s.metric_name()))) s.run.findings.push_back(std::move(f));
}

void fill_layers(Search& s, const Trial* answer, bool accepted) {
    for (size_t i = 0; i < s.layers.size(); ++i) {
        const compress::Layer& l = s.layers[i];
        record::LayerRow row;
        row.name = l.name;
        row.op = l.op;
        row.macs = static_cast<int64_t>(l.macs);
        row.parameters = l.parameters;
        for (const compress::Sensitivity& k : s.sensitivity)
            if (k.layer == l.name) row.sensitivity = k.noise;
        if (i < s.fp32_layer_ms.size() && i < s.int8_layer_ms.size()) {
            row.time_before_ms = s.fp32_layer_ms[i];
            row.time_after_ms = s.int8_layer_ms[i];
        }
        for (const compress::LayerExplanation& e : s.explanations)
            if (e.layer == l.name) {
                row.seen = seen_in_8_bits(e);
                if (e.int8 && e.sqnr_db < 200) row.sqnr_db = e.sqnr_db;
            }
        decide_row(s, row, answer, accepted);
        s.run.layers.push_back(std::move(row));
    }
    for (const compress::Layer& l : compress::recurrent_layers(s.original)) {
        record::LayerRow row;
        row.name = l.name;
        row.op = l.op;
        row.macs = static_cast<int64_t>(l.macs);
        row.parameters = l.parameters;
        const bool stored = answer && answer->quantized && accepted && answer->options.weight_only != compress::WeightOnly::float32;
        row.decision = stored ? "int8 storage" : answer && answer->precision == Precision::bf16 && accepted ? "bf16" : "kept";
        row.reason = stored ? "weights stored in 8 bits and made float on loading: the state of a recurrent layer stays float" : "the state of a recurrent layer stays float";
        s.run.layers.push_back(std::move(row));
    }
}

}  // namespace hone
