// SPDX-License-Identifier: Apache-2.0
#include "compress/quantize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "base/timing.h"
#include "pass/match.h"
#include "pass/pass.h"

namespace hone::compress {

namespace {

/// The axis of the output channels of a layer's weights.
int64_t channel_axis(const Node& n) {
    if (n.is("Conv")) return 0;
    return n.is("Gemm") && passes::int_attribute(n, "transB", 0) ? 0 : 1;
}

bool clips(const Graph& g, const Node& n) { return n.is("Relu") || (n.is("Clip") && passes::activation_of(g, n)); }

Tensor filled(DType t, int64_t n, int64_t v) {
    Tensor out = Tensor::zeros(t, {n});
    for (int64_t i = 0; i < n; ++i) out.set_int(i, v);
    return out;
}

struct Writer {
    Graph& g;
    const Calibration& calibration;
    const QuantizeOptions& options;
    std::map<ValueId, Affine> scales;

    void quantize_value(ValueId v, ValueId root) {
        const std::string root_name = g.value(root).name;
        const auto it = calibration.find(root_name);
        HONE_CHECK(it != calibration.end(), "value was not calibrated: ", root_name);
        const auto own = options.value_range.find(root_name);
        const auto [low, high] = range_of(it->second, own == options.value_range.end() ? options.range : own->second, options.percentile);
        const Affine a = affine_u8(low, high);
        scales[v] = a;
        const std::string name = g.value(v).name;
        const NodeId producer = g.value(v).producer;
        const std::vector<NodeId> users = g.value(v).users;
        const std::vector<std::string> origins = producer != kNone ? g.node(producer).origins : users.empty() ? std::vector<std::string>{} : g.node(users[0]).origins;
        const ValueId scale = shared_scale(name, a.scale), zero_point = shared_zero_point(a.zero_point);
        const NodeId q = g.add_node("", "QuantizeLinear", {v, scale, zero_point}, 1, {}, name + "_q", origins);
        const NodeId dq = g.add_node("", "DequantizeLinear", {g.node(q).out(), scale, zero_point}, 1, {}, name + "_dq", origins);
        for (NodeId u : users)
            for (size_t i = 0; i < g.node(u).inputs.size(); ++i)
                if (g.node(u).inputs[i] == v) g.set_input(u, i, g.node(dq).out());
        dequantized[g.node(dq).out()] = v;
    }

    /// Scale of the quantised result of a layer, behind its clipping activation; 0 where the result stays float.
    double output_scale(ValueId v) const {
        if (const auto it = scales.find(v); it != scales.end()) return it->second.scale;
        const NodeId user = g.sole_user(v);
        if (user == kNone || !clips(g, g.node(user))) return 0;
        const auto it = scales.find(g.node(user).out());
        return it == scales.end() ? 0 : it->second.scale;
    }

    /// The least weight step at which every kernel is proven to give the same bits: some add the bias in fp32, which is
    /// exact while sums stay below 2^24, or where sums past 2^24 saturate anyway. Only channels of weights that are tiny
    /// beside the output's step are coarsened by it.
    static double exact_step(double x_scale, double y_scale, double positive, double negative, double bias) {
        const double fits = 1.02 * (255 * std::max(positive, negative) + bias / x_scale) / 0x1p24;
        const double saturates = 1.05 * 1024 * y_scale / (x_scale * 0x1p24);
        const double bias_fits = 1.02 * bias / (x_scale * 0x1p24);
        return std::max(bias_fits, std::min(fits, saturates + bias_fits));
    }

    /// Constants of equal value are one: names and tensor headers are a tenth of a small file.
    ValueId shared_scale(const std::string& name, float s) {
        auto [it, fresh] = scale_constants.emplace(s, kNone);
        if (fresh) it->second = g.add_constant(name + "_scale", Tensor::scalar_f32(s));
        return it->second;
    }
    ValueId shared_zero_point(int z) {
        auto [it, fresh] = zero_point_constants.emplace(z, kNone);
        if (!fresh) return it->second;
        Tensor t = Tensor::zeros(DType::u8, {});
        t.set_int(0, z);
        return it->second = g.add_constant(cat("zero_point_", z), t);
    }

    /// onnxruntime fuses a Conv whose weights have no zero point (0 then), but no Gemm and no MatMul.
    ValueId dequantized_constant(const Node& n, std::string name, const Tensor& q, const Tensor& scale, int64_t axis) {
        std::vector<ValueId> in = {g.add_constant(name + "_q", q), g.add_constant(name + "_scale", scale)};
        if (!n.is("Conv")) in.push_back(g.add_constant(name + "_zero", filled(q.dtype(), scale.count(), 0)));
        return g.node(g.add_node("", "DequantizeLinear", in, 1, {{"axis", axis}}, name + "_dq", n.origins)).out();
    }

    void quantize_weights(NodeId id) {
        const Node n = g.node(id);
        const Tensor w = g.value(n.in(1)).constant;
        const int64_t axis = channel_axis(n);
        const std::vector<std::vector<float>> channels = channels_of(w, axis);
        const double x_scale = scales.at(dequantized.at(n.in(0))).scale, y_scale = output_scale(n.out());
        const Tensor bias = n.in(2) == kNone ? Tensor() : g.value(n.in(2)).constant;
        const auto bias_of = [&](size_t c) { return bias.at(bias.count() == 1 ? 0 : static_cast<int64_t>(c)); };
        std::vector<double> least(channels.size(), 0);
        for (size_t c = 0; c < channels.size(); ++c) {
            double positive = 0, negative = 0;
            for (float v : channels[c]) (v > 0 ? positive : negative) += std::abs(static_cast<double>(v));
            const double b = bias.defined() ? std::abs(bias_of(c)) : 0;
            if (y_scale > 0) least[c] = exact_step(x_scale, y_scale, positive, negative, b);
            // A bias of more than 2^30 steps would not fit beside the sum.
            least[c] = std::max(least[c], b / (x_scale * 0x1p30));
        }
        const Tensor scale = weight_scales(w, axis, options.weights, least);
        g.set_input(id, 1, dequantized_constant(n, g.value(n.in(1)).name, quantized_weights(w, axis, scale), scale, axis));
        if (!bias.defined()) return;
        Tensor b = Tensor::zeros(DType::i32, {scale.count()}), b_scale = Tensor::zeros(DType::f32, {scale.count()});
        for (int64_t c = 0; c < scale.count(); ++c) {
            const double step = x_scale * static_cast<double>(scale.data<float>()[c]);
            b_scale.set(c, step);
            b.set(c, std::nearbyint(bias_of(static_cast<size_t>(c)) / step));
        }
        g.set_input(id, 2, dequantized_constant(n, g.value(n.in(2)).name, b, b_scale, 0));
    }

    /// s8 weights of an operator that computes in float: scales along `axis`, or a scale a row of [D, gates*H, I].
    void store_weights(NodeId id, size_t input, int64_t axis) {
        const Node n = g.node(id);
        const Tensor w = g.value(n.in(input)).constant;
        const std::string name = g.value(n.in(input)).name;
        const bool recurrent = w.rank() == 3 && axis == 1;
        const Tensor flat = recurrent ? w.reshaped({w.dim(0) * w.dim(1), w.dim(2)}) : w;
        const int64_t along = recurrent ? 0 : axis;
        const Tensor scale = weight_scales(flat, along, options.weights);
        const Tensor q = quantized_weights(flat, along, scale).reshaped(w.dims());
        if (options.weight_only == WeightOnly::dequantize && (!recurrent || w.dim(0) == 1)) {
            g.set_input(id, input, dequantized_constant(n, name, q, scale, axis));
            return;
        }
        Dims dims(w.rank(), 1);
        dims[static_cast<size_t>(axis)] = w.dim(static_cast<size_t>(axis));
        if (recurrent) dims[0] = w.dim(0);
        // By way of i32, because openvino 2026.4 keeps what it sees as compressed weights (i8 -> f32, times a scale), and then refuses an LSTM.
        const NodeId wide = g.add_node("", "Cast", {g.add_constant(name + "_q", q)}, 1, {{"to", int64_t{6}}}, name + "_i32", n.origins);
        const NodeId cast = g.add_node("", "Cast", {g.node(wide).out()}, 1, {{"to", int64_t{1}}}, name + "_f32", n.origins);
        const NodeId mul = g.add_node("", "Mul", {g.node(cast).out(), g.add_constant(name + "_scale", scale.reshaped(dims))}, 1, {}, name + "_dq", n.origins);
        g.set_input(id, input, g.node(mul).out());
    }
    std::map<float, ValueId> scale_constants;
    std::map<int, ValueId> zero_point_constants;
    std::map<ValueId, ValueId> dequantized;  ///< output of a DequantizeLinear -> the value that it stands for
};

}  // namespace

std::vector<Layer> quantizable_layers(const Graph& g) {
    std::vector<Layer> out;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (!n.is("Conv") && !n.is("Gemm") && !n.is("MatMul")) continue;
        const Tensor* w = constant_of(g, n.in(1));
        if (!w || w->dtype() != DType::f32 || constant_of(g, n.in(0)) || g.value(n.in(0)).type.dtype != DType::f32) continue;
        if (!n.is("Conv") && w->rank() != 2) continue;
        if (n.is("Gemm") && (passes::int_attribute(n, "transA", 0) || passes::real_attribute(n, "alpha", 1) != 1 || passes::real_attribute(n, "beta", 1) != 1)) continue;
        if (n.in(2) != kNone && !constant_of(g, n.in(2))) continue;
        out.push_back({id, n.name, n.op, cost_of(g, id).macs, w->count()});
    }
    return out;
}

std::vector<Layer> recurrent_layers(const Graph& g) {
    std::vector<Layer> out;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (!n.is("LSTM") && !n.is("GRU") && !n.is("RNN")) continue;
        const Tensor *w = constant_of(g, n.in(1)), *r = constant_of(g, n.in(2));
        if (w && r && w->dtype() == DType::f32 && r->dtype() == DType::f32) out.push_back({id, n.name, n.op, cost_of(g, id).macs, w->count() + r->count()});
    }
    return out;
}

Graph quantize(const Graph& g, const Calibration& c, const QuantizeOptions& options) {
    Graph q = g;
    std::set<NodeId> layers, floats;
    for (const Layer& l : quantizable_layers(g)) {
        const bool in_float = options.keep_float.contains(l.name) || options.keep_float_values.contains(g.value(g.node(l.node).in(0)).name);
        (in_float ? floats : layers).insert(l.node);
    }
    Writer w{q, c, options, {}, {}, {}, {}};
    for (const auto& [v, root] : values_to_quantize(g, layers, options.curved, options.keep_float_values)) w.quantize_value(v, root);
    for (NodeId id : layers) w.quantize_weights(id);
    if (options.weight_only != WeightOnly::float32) {
        for (NodeId id : floats) w.store_weights(id, 1, channel_axis(g.node(id)));
        for (const Layer& l : recurrent_layers(g))
            for (size_t input : {1, 2}) w.store_weights(l.node, input, 1);
    }
    remove_dead(q);
    Graph out = q.compacted();
    infer_graph(out);
    out.check_structure();
    return out;
}

double score_noise(const eval::Answers& reference, const eval::Answers& answers) {
    const Tensor &f = reference.logits, &q = answers.logits;
    HONE_CHECK(f.dims() == q.dims());
    double mean = 0, signal = 0, noise = 0;
    for (int64_t i = 0; i < f.count(); ++i) mean += f.at(i);
    mean /= static_cast<double>(std::max<int64_t>(1, f.count()));
    for (int64_t i = 0; i < f.count(); ++i) {
        signal += (f.at(i) - mean) * (f.at(i) - mean);
        noise += (q.at(i) - f.at(i)) * (q.at(i) - f.at(i));
    }
    if (std::isnan(noise)) return std::numeric_limits<double>::infinity();  // what is not defined is worse than all else
    return signal > 0 ? noise / signal : 0;
}

std::vector<Sensitivity> layer_sensitivity(const Graph& g, const Calibration& c, const QuantizeOptions& base, const Dataset& data, std::span<const int64_t> indices,
                                           const eval::Answers& reference, const eval::EvalOptions& options) {
    const std::vector<Layer> layers = quantizable_layers(g);
    std::vector<Sensitivity> out;
    Progress progress("sensitivity of each layer", static_cast<double>(layers.size()));
    eval::EvalOptions o = options;
    o.keep_logits = true;
    for (const Layer& alone : layers) {
        QuantizeOptions qo = base;
        qo.keep_float.clear();
        for (const Layer& l : layers)
            if (l.name != alone.name) qo.keep_float.insert(l.name);
        const eval::Answers a = answer(quantize(g, c, qo), data, o, indices);
        out.push_back({alone.name, score_noise(reference, a), reference.top1() - a.top1()});
        progress.update(static_cast<double>(out.size()));
    }
    return out;
}

}  // namespace hone::compress
