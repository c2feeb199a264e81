// SPDX-License-Identifier: Apache-2.0
#include "compress/explain.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "op/op.h"
#include "pass/match.h"

namespace hone::compress {

namespace {

constexpr double kOutlier = 8;

double median_of(std::vector<double> v) {
    if (v.empty()) return 0;
    std::nth_element(v.begin(), v.begin() + static_cast<int64_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
}

/// Output behind the activation that follows, where that is its only use.
ValueId activated(const Graph& g, ValueId v) {
    const NodeId user = g.sole_user(v);
    return user != kNone && passes::activation_of(g, g.node(user)) && g.node(user).in(0) == v ? g.node(user).out() : v;
}

Tensor dequantised(const Graph& q, ValueId v) {
    const NodeId id = passes::dequantizer_of(q, v);
    if (id == kNone) return {};
    std::vector<Tensor> in;
    for (ValueId i : q.node(id).inputs) {
        const Tensor* t = constant_of(q, i);
        if (!t) return {};
        in.push_back(*t);
    }
    return interpret_node(*find_op("", "DequantizeLinear"), q.node(id), in)[0];
}

/// Adds to `into` (a copy of the float graph) the layer with the int8 graph's weights and input grid; its output.
ValueId add_alone(Graph& into, NodeId layer, const Graph& q, const Node& in_q) {
    const Node n = into.node(layer);
    const auto grid = passes::quant_params(q, q.node(passes::dequantizer_of(q, in_q.in(0))));
    Tensor zero = Tensor::zeros(grid->type, {});
    zero.set_int(0, grid->zero_point);
    const ValueId scale = into.add_constant("alone_scale", Tensor::scalar_f32(static_cast<float>(grid->scalar()))), z = into.add_constant("alone_zero", zero);
    const NodeId quantise = into.add_node("", "QuantizeLinear", {n.in(0), scale, z}, 1);
    const NodeId back = into.add_node("", "DequantizeLinear", {into.node(quantise).out(), scale, z}, 1);
    std::vector<ValueId> inputs = {into.node(back).out(), into.add_constant("alone_weights", dequantised(q, in_q.in(1)))};
    if (n.in(2) != kNone) {
        const Tensor bias = dequantised(q, in_q.in(2));
        inputs.push_back(bias.defined() ? into.add_constant("alone_bias", bias) : n.in(2));
    }
    return into.node(into.add_node("", n.op, inputs, 1, n.attributes)).out();
}

struct Power {
    double signal = 0, noise = 0;
    double db() const { return noise > 0 && signal > 0 ? std::min(200.0, 10 * std::log10(signal / noise)) : signal > 0 || noise == 0 ? 200.0 : -200.0; }
};

/// Signal and noise of pairs of values (float, other) over the samples, summed in the order of the samples.
std::vector<Power> powers(const Graph& g, const std::vector<ValueId>& pairs, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::map<int64_t, std::vector<Power>> parts;
    std::mutex mutex;
    const Graph probe = probe_of(g, pairs);
    const int64_t batch = batch_of(probe, data, indices, options);
    eval::for_each_batch(probe, data, indices, options, [&](int64_t first, const std::vector<Tensor>& out, int64_t rows) {
        std::vector<Power> sums(out.size() / 2);
        for (size_t k = 0; k < sums.size(); ++k) {
            const Tensor &f = out[2 * k], &q = out[2 * k + 1];
            const int64_t n = elements_of(f, rows, batch);
            for (int64_t i = 0; i < n; ++i) {
                const double a = static_cast<double>(f.data<float>()[i]), d = a - static_cast<double>(q.data<float>()[i]);
                sums[k].signal += a * a;
                sums[k].noise += d * d;
            }
        }
        std::lock_guard lock(mutex);
        parts[first] = std::move(sums);
    });
    std::vector<Power> total(pairs.size() / 2);
    for (const auto& [first, sums] : parts)
        for (size_t k = 0; k < total.size(); ++k) {
            total[k].signal += sums[k].signal;
            total[k].noise += sums[k].noise;
        }
    return total;
}

void explain_input(LayerExplanation& e, const Observed& seen, const passes::QuantParams& grid) {
    const double scale = grid.scalar(), z = static_cast<double>(grid.zero_point);
    e.input_low = (0 - z) * scale;
    e.input_high = (255 - z) * scale;
    e.saturated_share = seen.share_outside(e.input_low - scale / 2, e.input_high + scale / 2);
    const auto [low, high] = seen.percentile(0.999);
    const double from = std::max<double>(low, e.input_low), to = std::min<double>(high, e.input_high);
    e.used_levels = std::clamp((to - from) / (255 * scale), 0.0, 1.0);
}

void explain_channels(LayerExplanation& e, const Channels* input, const Channels* output, const Tensor& w, int64_t axis) {
    std::vector<double> peaks;
    for (const std::vector<float>& values : channels_of(w, axis)) {
        double peak = 0;
        for (float v : values) peak = std::max<double>(peak, std::abs(v));
        peaks.push_back(peak);
    }
    e.channels = static_cast<int64_t>(peaks.size());
    const double middle = median_of(peaks), top = *std::max_element(peaks.begin(), peaks.end());
    e.weight_range_ratio = middle > 0 ? top / middle : 1;
    if (output)
        for (size_t c = 0; c < output->low.size(); ++c) e.dead_channels += output->low[c] == output->high[c];
    if (!input || input->low.size() < 2) return;
    std::vector<double> range;
    for (size_t c = 0; c < input->low.size(); ++c) range.push_back(std::max(std::abs(static_cast<double>(input->low[c])), std::abs(static_cast<double>(input->high[c]))));
    const auto widest = std::max_element(range.begin(), range.end());
    const int64_t at = widest - range.begin();
    const double top_range = *widest;
    range.erase(widest);
    const double rest = median_of(range);
    e.outlier_ratio = rest > 0 ? top_range / rest : 1;
    if (e.outlier_ratio >= kOutlier) e.outlier_channel = at;
}

}  // namespace

std::vector<LayerExplanation> explain_layers(const Graph& g, const Graph& quantized, const Calibration& c, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::map<std::string, NodeId> by_name;
    for (NodeId id : quantized.order()) by_name[quantized.node(id).name] = id;
    std::vector<LayerExplanation> out;
    std::vector<std::string> channels_wanted;
    std::vector<ValueId> alone_pairs, float_values;
    std::vector<size_t> owner;
    Graph alone = g;
    const std::vector<Layer> layers = quantizable_layers(g);
    for (const Layer& l : layers) {
        const Node& n = g.node(l.node);
        LayerExplanation e{l.name, l.op};
        channels_wanted.push_back(g.value(n.in(0)).name);
        channels_wanted.push_back(g.value(activated(g, n.out())).name);
        const auto it = by_name.find(l.name);
        const NodeId dq = it == by_name.end() ? kNone : passes::dequantizer_of(quantized, quantized.node(it->second).in(0));
        const auto grid = dq == kNone ? std::nullopt : passes::quant_params(quantized, quantized.node(dq));
        if (grid && dequantised(quantized, quantized.node(it->second).in(1)).defined()) {
            e.int8 = true;
            if (const auto seen = c.find(g.value(n.in(0)).name); seen != c.end()) explain_input(e, seen->second, *grid);
            alone_pairs.insert(alone_pairs.end(), {n.out(), add_alone(alone, l.node, quantized, quantized.node(it->second))});
            float_values.push_back(n.out());
            owner.push_back(out.size());
        }
        out.push_back(std::move(e));
    }
    std::sort(channels_wanted.begin(), channels_wanted.end());
    channels_wanted.erase(std::unique(channels_wanted.begin(), channels_wanted.end()), channels_wanted.end());
    const ChannelStatistics statistics = channel_statistics(g, channels_wanted, data, indices, options);
    const auto find = [&](ValueId v) {
        const auto it = statistics.find(g.value(v).name);
        return it == statistics.end() ? nullptr : &it->second;
    };
    for (size_t i = 0; i < layers.size(); ++i) {
        const Node& n = g.node(layers[i].node);
        const int64_t axis = n.is("Conv") || (n.is("Gemm") && passes::int_attribute(n, "transB", 0)) ? 0 : 1;
        explain_channels(out[i], find(n.in(0)), find(activated(g, n.out())), *constant_of(g, n.in(1)), axis);
    }
    if (owner.empty()) return out;
    eval::EvalOptions o = options;
    o.progress = "explaining each layer";
    infer_graph(alone);
    const std::vector<Power> by_layer = powers(alone, alone_pairs, data, indices, o);
    // The whole int8 network beside the float one, in one graph.
    Graph both = g;
    std::map<ValueId, ValueId> to;
    for (size_t i = 0; i < g.inputs.size(); ++i) to[quantized.inputs[i]] = both.inputs[i];
    const auto moved = [&](ValueId v) {
        if (v == kNone || to.contains(v)) return v == kNone ? kNone : to[v];
        return to[v] = both.add_constant(both.unique_name(quantized.value(v).name + ":int8"), quantized.value(v).constant);
    };
    for (NodeId id : quantized.order()) {
        const Node& n = quantized.node(id);
        std::vector<ValueId> inputs;
        for (ValueId v : n.inputs) inputs.push_back(moved(v));
        const NodeId copy = both.add_node(n.domain, n.op, inputs, static_cast<int>(n.outputs.size()), n.attributes);
        for (size_t k = 0; k < n.outputs.size(); ++k)
            if (n.outputs[k] != kNone) to[n.outputs[k]] = both.node(copy).out(k);
    }
    std::vector<ValueId> network_pairs;
    for (size_t k = 0; k < owner.size(); ++k)
        network_pairs.insert(network_pairs.end(), {float_values[k], to.at(quantized.node(by_name.at(out[owner[k]].layer)).out())});
    infer_graph(both);
    const std::vector<Power> in_network = powers(both, network_pairs, data, indices, o);
    for (size_t k = 0; k < owner.size(); ++k) {
        out[owner[k]].sqnr_db = by_layer[k].db();
        out[owner[k]].sqnr_network_db = in_network[k].db();
    }
    return out;
}

}  // namespace hone::compress
