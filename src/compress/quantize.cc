// SPDX-License-Identifier: Apache-2.0
#include "compress/quantize.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

bool moves_values(const Node& n) {
    return n.domain.empty() && (n.op == "MaxPool" || n.op == "Flatten" || n.op == "Reshape" || n.op == "Transpose" || n.op == "Squeeze" || n.op == "Unsqueeze");
}
bool clips(const Graph& g, const Node& n) {
    if (n.is("Relu")) return true;
    if (!n.is("Clip")) return false;
    return passes::activation_of(g, n).has_value();
}

class Marker {
  public:
    Marker(const Graph& g, const std::set<NodeId>& layers) : g_(g), layers_(layers), order_(g.order()) {}

    std::map<ValueId, ValueId> run() {
        for (NodeId l : layers_) mark(g_.node(l).in(0));
        bool changed = true;
        while (changed) {
            changed = false;
            for (auto it = order_.rbegin(); it != order_.rend(); ++it) changed |= visit(g_.node(*it));
        }
        std::map<ValueId, ValueId> out;
        for (ValueId v : marked_) out[v] = root(v);
        return out;
    }

  private:
    bool can_mark(ValueId v) const {
        return v != kNone && !g_.value(v).is_constant() && g_.value(v).type.dtype == DType::f32;
    }
    bool mark(ValueId v) { return can_mark(v) && marked_.insert(v).second; }
    bool is_marked(ValueId v) const { return marked_.contains(v); }
    /// A value and what a clipping activation makes of it, where that is its only use.
    ValueId after_activation(ValueId v) const {
        const NodeId user = g_.sole_user(v);
        return user != kNone && clips(g_, g_.node(user)) && g_.node(user).in(0) == v ? g_.node(user).out() : v;
    }
    ValueId before_activation(ValueId v) const {
        const NodeId p = g_.value(v).producer;
        return p != kNone && clips(g_, g_.node(p)) && g_.sole_user(g_.node(p).in(0)) == p ? g_.node(p).in(0) : v;
    }
    bool residual_add(const Node& n) const {
        if (!n.is("Add") || n.in(0) == n.in(1)) return false;
        const TypeInfo &a = g_.value(n.in(0)).type, &b = g_.value(n.in(1)).type;
        return can_mark(n.in(0)) && can_mark(n.in(1)) && a.rank_known && b.rank_known && a.shape == b.shape;
    }
    /// v would come out of an integer operator.
    bool from_integers(ValueId v, int depth = 0) const {
        if (is_marked(v)) return true;
        if (depth > 64) return false;
        const NodeId p = g_.value(before_activation(v)).producer;
        if (p == kNone) return false;
        const Node& n = g_.node(p);
        if (layers_.contains(p)) return true;
        if (moves_values(n)) return from_integers(n.in(0), depth + 1);
        return residual_add(n) && from_integers(n.in(0), depth + 1) && from_integers(n.in(1), depth + 1);
    }
    bool visit(const Node& n) {
        if (n.outputs.empty() || n.out() == kNone) return false;
        if (moves_values(n) && n.outputs.size() == 1 && is_marked(n.out()) && can_mark(n.in(0))) {
            const bool fresh = mark(n.in(0));
            return share_.emplace(n.out(), n.in(0)).second || fresh;
        }
        if ((n.is("GlobalAveragePool") || n.is("AveragePool")) && is_marked(n.out()) && from_integers(n.in(0))) return mark(n.in(0));
        if (residual_add(n) && is_marked(after_activation(n.out())) && from_integers(n.in(0)) && from_integers(n.in(1))) {
            const bool a = mark(n.in(0)), b = mark(n.in(1));
            return a || b;
        }
        return false;
    }
    ValueId root(ValueId v) const {
        for (auto it = share_.find(v); it != share_.end(); it = share_.find(v)) v = it->second;
        return v;
    }

    const Graph& g_;
    const std::set<NodeId>& layers_;
    const std::vector<NodeId> order_;
    std::set<ValueId> marked_;
    std::map<ValueId, ValueId> share_;
};

Tensor filled(DType t, int64_t n, int64_t v) {
    Tensor out = Tensor::zeros(t, {n});
    for (int64_t i = 0; i < n; ++i) out.set_int(i, v);
    return out;
}

/// Offset of element (channel, i) walk: calls f(channel, index) over all elements of w.
void by_channel(const Tensor& w, int64_t axis, const std::function<void(int64_t, int64_t)>& f) {
    const int64_t channels = w.dim(static_cast<size_t>(axis));
    const int64_t inner = count_of(Dims(w.dims().begin() + axis + 1, w.dims().end()));
    for (int64_t i = 0; i < w.count(); ++i) f(i / inner % channels, i);
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
        const auto [low, high] = options.range == Range::percentile ? it->second.percentile(options.percentile) : std::pair(it->second.low, it->second.high);
        const Affine a = affine_u8(low, high);
        scales[v] = a;
        const std::string name = g.value(v).name;
        const NodeId producer = g.value(v).producer;
        const std::vector<NodeId> users = g.value(v).users;
        const std::vector<std::string> origins = producer != kNone ? g.node(producer).origins : users.empty() ? std::vector<std::string>{} : g.node(users[0]).origins;
        const ValueId scale = g.add_constant(name + "_scale", Tensor::scalar_f32(a.scale));
        Tensor zero = Tensor::zeros(DType::u8, {});
        zero.set_int(0, a.zero_point);
        const ValueId zero_point = g.add_constant(name + "_zero_point", zero);
        const NodeId q = g.add_node("", "QuantizeLinear", {v, scale, zero_point}, 1, {}, name + "_QuantizeLinear", origins);
        const NodeId dq = g.add_node("", "DequantizeLinear", {g.node(q).out(), scale, zero_point}, 1, {}, name + "_DequantizeLinear", origins);
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

    void quantize_weights(NodeId id) {
        const Node n = g.node(id);
        const Tensor w = g.value(n.in(1)).constant;
        const int64_t axis = channel_axis(n), channels = w.dim(static_cast<size_t>(axis));
        const double x_scale = scales.at(dequantized.at(n.in(0))).scale;
        std::vector<double> peak(static_cast<size_t>(channels), 0);
        by_channel(w, axis, [&](int64_t c, int64_t i) { peak[static_cast<size_t>(c)] = std::max<double>(peak[static_cast<size_t>(c)], std::abs(w.data<float>()[i])); });
        const Tensor* given = constant_of(g, n.in(2));
        const std::optional<Tensor> bias = given ? std::optional(*given) : std::nullopt;  // adding constants moves the graph's own
        std::vector<double> positive(peak.size(), 0), negative(peak.size(), 0);
        by_channel(w, axis, [&](int64_t c, int64_t i) {
            const double v = w.data<float>()[i];
            (v > 0 ? positive : negative)[static_cast<size_t>(c)] += std::abs(v);
        });
        const double y_scale = output_scale(n.out());
        Tensor scale = Tensor::zeros(DType::f32, {channels});
        for (int64_t c = 0; c < channels; ++c) {
            const auto k = static_cast<size_t>(c);
            const double b = bias ? std::abs(bias->at(bias->count() == 1 ? 0 : c)) : 0;
            double s = peak[k] / 127;
            if (y_scale > 0) s = std::max(s, exact_step(x_scale, y_scale, positive[k], negative[k], b));
            // A bias of more than 2^30 steps would not fit beside the sum.
            s = std::max(s, b / (x_scale * 0x1p30));
            scale.set(c, s > 1e-30 ? s : 1.0);
        }
        Tensor q = Tensor::zeros(DType::i8, w.dims());
        by_channel(w, axis, [&](int64_t c, int64_t i) {
            q.data<int8_t>()[i] = static_cast<int8_t>(std::clamp(std::nearbyint(w.data<float>()[i] / static_cast<double>(scale.data<float>()[c])), -127.0, 127.0));
        });
        const std::string name = g.value(n.in(1)).name;
        const NodeId dq = g.add_node("", "DequantizeLinear",
                                     {g.add_constant(name + "_quantized", q), g.add_constant(name + "_scale", scale), g.add_constant(name + "_zero_point", filled(DType::i8, channels, 0))},
                                     1, {{"axis", axis}}, name + "_DequantizeLinear", n.origins);
        g.set_input(id, 1, g.node(dq).out());
        if (!bias) return;
        Tensor b = Tensor::zeros(DType::i32, {channels}), b_scale = Tensor::zeros(DType::f32, {channels});
        for (int64_t c = 0; c < channels; ++c) {
            const double step = x_scale * static_cast<double>(scale.data<float>()[c]);
            b_scale.set(c, step);
            b.set(c, std::nearbyint(bias->at(bias->count() == 1 ? 0 : c) / step));
        }
        const std::string bias_name = g.value(n.in(2)).name;
        const NodeId bdq = g.add_node("", "DequantizeLinear",
                                      {g.add_constant(bias_name + "_quantized", b), g.add_constant(bias_name + "_scale", b_scale), g.add_constant(bias_name + "_zero_point", filled(DType::i32, channels, 0))},
                                      1, {{"axis", int64_t{0}}}, bias_name + "_DequantizeLinear", n.origins);
        g.set_input(id, 2, g.node(bdq).out());
    }
    std::map<ValueId, ValueId> dequantized;  ///< output of a DequantizeLinear -> the value that it stands for
};

}  // namespace

Affine affine_u8(float low, float high) {
    const double lo = std::min(low, 0.f), hi = std::max(high, 0.f);
    const double scale = (hi - lo) / 255;
    if (!(scale > 1e-30)) return {};
    const auto s = static_cast<float>(scale);
    return {s, static_cast<int>(std::clamp(std::nearbyint(-lo / s), 0.0, 255.0))};
}

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

std::string describe(const QuantizeOptions& o) { return o.range == Range::min_max ? "min-max ranges" : "percentile ranges"; }

std::vector<QuantizeOptions> recipes(const Graph&) { return {{.range = Range::min_max}, {.range = Range::percentile}}; }

std::map<ValueId, ValueId> values_to_quantize(const Graph& g, const std::set<NodeId>& layers) { return Marker(g, layers).run(); }

Graph quantize(const Graph& g, const Calibration& c, const QuantizeOptions& options) {
    Graph q = g;
    std::set<NodeId> layers;
    for (const Layer& l : quantizable_layers(g))
        if (!options.keep_float.contains(l.name)) layers.insert(l.node);
    Writer w{q, c, options, {}, {}};
    for (const auto& [v, root] : values_to_quantize(g, layers)) w.quantize_value(v, root);
    for (NodeId id : layers) w.quantize_weights(id);
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
        const eval::Answers a = evaluate(quantize(g, c, qo), data, o, indices);
        out.push_back({alone.name, score_noise(reference, a), reference.top1() - a.top1()});
        progress.update(static_cast<double>(out.size()));
    }
    return out;
}

}  // namespace hone::compress
