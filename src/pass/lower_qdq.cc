// SPDX-License-Identifier: Apache-2.0
// Quantised graphs, as exporters and quantisers write them, become int8 operators:
//   DQ -> Conv/Gemm/MatMul [-> activation] [-> Q]                    hone.QConv, hone.QGemm
//   DQ -> Conv -> Add(DQ) [-> activation] -> Q                       the same with a residual
//   DQ, DQ -> Add [-> Relu] -> Q                                     hone.QAdd
//   DQ of constants -> W and R of LSTM or GRU                        hone.LSTM, hone.GRU
//   DQ -> MaxPool/Flatten/Reshape/Transpose... -> Q, same scale      the operator on the integers
// What matches none of these is computed in float between its DequantizeLinear and QuantizeLinear.
#include <cmath>

#include "op/fused.h"
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {

struct Tail {
    std::vector<NodeId> nodes;  ///< taken, in order
    std::optional<Activation> activation;
    std::optional<QuantParams> out;  ///< of the QuantizeLinear; empty: float result
    ValueId result;
};


/// Follows sole users from v: activation, then QuantizeLinear per tensor to 8 bits.
Tail tail_of(const Graph& g, ValueId v) {
    Tail t{{}, {}, {}, v};
    NodeId user = g.sole_user(v);
    if (user != kNone) {
        if (auto act = activation_of(g, g.node(user)); act && g.node(user).in(0) == v) {
            t.activation = act;
            t.nodes.push_back(user);
            t.result = g.node(user).out();
            user = g.sole_user(t.result);
        }
    }
    if (user == kNone || !g.node(user).is("QuantizeLinear") || g.node(user).in(0) != t.result) return t;
    const auto q = quant_params(g, g.node(user));
    if (!q || !q->per_tensor() || !is_byte(q->type)) return t;
    t.out = q;
    t.nodes.push_back(user);
    t.result = g.node(user).out();
    return t;
}

/// The activations that every int8 kernel computes to the last bit; a curved one stays a float node of its own.
bool exact_activation(const Tail& t) {
    if (!t.activation) return true;
    const std::string& n = t.activation->name;
    return n == "Relu" || n == "Clip" || (n == "LeakyRelu" && !t.out);
}

/// Writes the activation into int8 attributes: limits in quantised steps.
void put_activation(Attributes& a, const Tail& t) {
    if (!t.activation) return;
    const std::string& n = t.activation->name;
    const double step = t.out ? t.out->scalar() : 1.0;
    a["activation"] = n;
    a["alpha"] = static_cast<float>(n == "Clip" ? t.activation->alpha / step : t.activation->alpha);
    a["beta"] = static_cast<float>(t.activation->beta / step);
}

struct Weights {
    Tensor q;      ///< i8
    Tensor scale;  ///< [1] or [channels]
};
/// The int8 weights behind `v`: symmetric, per tensor or along `axis`.
std::optional<Weights> int8_weights(const Graph& g, ValueId v, int64_t axis) {
    const NodeId dq = dequantizer_of(g, v);
    if (dq == kNone) return std::nullopt;
    const Tensor* q = constant_of(g, g.node(dq).in(0));
    const auto p = quant_params(g, g.node(dq));
    if (!q || !p || q->dtype() != DType::i8 || p->zero_point != 0) return std::nullopt;
    const auto rank = static_cast<int64_t>(q->rank());
    if (!p->per_tensor() && ((p->axis + rank) % rank != axis || p->scale.count() != q->dim(static_cast<size_t>(axis)))) return std::nullopt;
    return Weights{*q, p->scale};
}

/// Bias in int32 steps of x_scale * weight_scale. Empty optional: cannot; undefined tensor: no bias.
std::optional<Tensor> int32_bias(const Graph& g, ValueId v, double x_scale, const Tensor& w_scale, int64_t channels) {
    if (v == kNone) return Tensor();
    auto step = [&](int64_t o) { return x_scale * w_scale.at(w_scale.count() == 1 ? 0 : o); };
    const NodeId dq = dequantizer_of(g, v);
    if (dq != kNone) {
        const Tensor* q = constant_of(g, g.node(dq).in(0));
        const auto p = quant_params(g, g.node(dq));
        if (!q || !p || q->dtype() != DType::i32 || p->zero_point != 0 || q->count() != channels) return std::nullopt;
        for (int64_t o = 0; o < channels; ++o)
            if (std::abs(p->scale.at(p->per_tensor() ? 0 : o) / step(o) - 1) > 1e-5) return std::nullopt;
        return q->reshaped({channels});
    }
    const Tensor* b = constant_of(g, v);
    if (!b || b->dtype() != DType::f32 || b->count() != channels) return std::nullopt;
    Tensor t = Tensor::zeros(DType::i32, {channels});
    for (int64_t o = 0; o < channels; ++o) {
        const double steps = std::nearbyint(b->at(o) / step(o));
        if (std::abs(steps) > 2147483520.0) return std::nullopt;
        t.set(o, steps);
    }
    return t;
}

/// scale[o] = x_scale * w_scale[o] / y_scale, in double, rounded once.
Tensor multipliers(double x_scale, const Tensor& w_scale, double y_scale) {
    Tensor m = Tensor::zeros(DType::f32, {w_scale.count()});
    for (int64_t o = 0; o < w_scale.count(); ++o) m.set(o, x_scale * w_scale.at(o) / y_scale);
    return m;
}

/// The residual of `conv -> Add(DQ r)`, when it is of the result's type with zero point 0.
struct Residual {
    NodeId add = kNone;
    ValueId quantised = kNone;
    double scale = 1;
};
Residual residual_of(const Graph& g, ValueId conv_out) {
    const NodeId add = g.sole_user(conv_out);
    if (add == kNone || !g.node(add).is("Add") || g.node(add).in(0) == g.node(add).in(1)) return {};
    const ValueId r = g.node(add).in(0) == conv_out ? g.node(add).in(1) : g.node(add).in(0);
    const NodeId dq = dequantizer_of(g, r);
    if (dq == kNone || !same_fixed_shape(g, conv_out, r)) return {};
    const auto p = quant_params(g, g.node(dq));
    if (!p || !p->per_tensor() || p->zero_point != 0 || g.value(g.node(dq).in(0)).is_constant()) return {};
    return {add, g.node(dq).in(0), p->scalar()};
}

bool lower_product(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const bool conv = n.is("Conv"), gemm = n.is("Gemm"), matmul = n.is("MatMul");
    if (!conv && !gemm && !matmul) return false;
    const NodeId x_dq = dequantizer_of(g, n.in(0));
    if (x_dq == kNone || !g.value(n.in(0)).type.fixed() || g.value(n.in(0)).type.dtype != DType::f32) return false;
    const auto x = quant_params(g, g.node(x_dq));
    if (!x || !x->per_tensor() || !is_byte(x->type)) return false;
    const int64_t trans = int_attribute(n, "transB", 0);
    const auto w = int8_weights(g, n.in(1), conv || trans ? 0 : 1);
    if (!w || (!conv && w->q.rank() != 2)) return false;
    if (gemm && (int_attribute(n, "transA", 0) || real_attribute(n, "alpha", 1) != 1 || (n.in(2) != kNone && real_attribute(n, "beta", 1) != 1))) return false;
    const int64_t channels = w->q.dim(conv || trans ? 0 : 1);
    const auto bias = int32_bias(g, n.in(2), x->scalar(), w->scale, channels);
    if (!bias) return false;

    std::vector<NodeId> taken = {x_dq, id};
    Tail tail = tail_of(g, n.out());
    Residual residual;
    if (conv && tail.nodes.empty()) {
        residual = residual_of(g, n.out());
        if (residual.add != kNone) {
            tail = tail_of(g, g.node(residual.add).out());
            if (!tail.out || tail.out->type != g.value(residual.quantised).type.dtype || !exact_activation(tail)) {
                residual = {};
                tail = tail_of(g, n.out());
            } else {
                taken.push_back(residual.add);
            }
        }
    }
    if (!exact_activation(tail)) tail = Tail{{}, {}, {}, n.out()};
    Attributes a = conv ? n.attributes : Attributes{{"transB", trans}};
    put_activation(a, tail);
    taken.insert(taken.end(), tail.nodes.begin(), tail.nodes.end());
    const double y_scale = tail.out ? tail.out->scalar() : 1.0;
    a["x_zero_point"] = x->zero_point;
    a["y_zero_point"] = tail.out ? tail.out->zero_point : int64_t{0};
    a["to"] = static_cast<int64_t>(tail.out ? tail.out->type : DType::f32);
    std::vector<ValueId> inputs = {g.node(x_dq).in(0), g.add_constant(n.name + ".weights", w->q),
                                   bias->defined() ? g.add_constant(n.name + ".bias", *bias) : kNone,
                                   g.add_constant(n.name + ".scales", multipliers(x->scalar(), w->scale, y_scale))};
    if (residual.add != kNone) {
        inputs.push_back(residual.quantised);
        a["residual_scale"] = static_cast<float>(residual.scale / y_scale);
    }
    const NodeId q = g.add_node("hone", conv ? "QConv" : "QGemm", inputs, 1, a, n.name + ":int8", join_origins(g, taken));
    g.value(g.node(q).out()).type = g.value(tail.result).type;
    g.replace_uses(tail.result, g.node(q).out());
    return true;
}

bool lower_add(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("Add")) return false;
    const NodeId da = dequantizer_of(g, n.in(0)), db = dequantizer_of(g, n.in(1));
    if (da == kNone || db == kNone) return false;
    const auto a = quant_params(g, g.node(da)), b = quant_params(g, g.node(db));
    if (!a || !b || !a->per_tensor() || !b->per_tensor() || !is_byte(a->type) || !is_byte(b->type)) return false;
    const Tail tail = tail_of(g, n.out());
    if (!tail.out || (tail.activation && tail.activation->name != "Relu")) return false;
    const double y = tail.out->scalar();
    Attributes at = {{"a_scale", static_cast<float>(a->scalar() / y)}, {"b_scale", static_cast<float>(b->scalar() / y)},
                     {"a_zero_point", a->zero_point}, {"b_zero_point", b->zero_point},
                     {"y_zero_point", tail.out->zero_point}, {"to", static_cast<int64_t>(tail.out->type)}};
    if (tail.activation) at["activation"] = std::string("Relu");
    std::vector<NodeId> taken = {id};
    taken.insert(taken.end(), tail.nodes.begin(), tail.nodes.end());
    const NodeId q = g.add_node("hone", "QAdd", {g.node(da).in(0), g.node(db).in(0)}, 1, at, n.name + ":int8", join_origins(g, taken));
    g.value(g.node(q).out()).type = g.value(tail.result).type;
    g.replace_uses(tail.result, g.node(q).out());
    return true;
}

/// s8 weights of an LSTM or GRU, a scale a row (axis 1) or one: kept as they are, the rest of the operator is float.
bool lower_recurrent(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("LSTM") && !n.is("GRU")) return false;
    const auto w = int8_weights(g, n.in(1), 1), r = int8_weights(g, n.in(2), 1);
    if (!w || !r || w->q.rank() != 3 || r->q.rank() != 3) return false;
    std::vector<ValueId> inputs = n.inputs;
    inputs.resize(recurrent_scales_at(n.op), kNone);
    inputs[1] = g.add_constant(n.name + ".w", w->q);
    inputs[2] = g.add_constant(n.name + ".r", r->q);
    inputs.push_back(g.add_constant(n.name + ".w_scale", w->scale));
    inputs.push_back(g.add_constant(n.name + ".r_scale", r->scale));
    const NodeId q = g.add_node("hone", n.op, inputs, static_cast<int>(n.outputs.size()), n.attributes, n.name + ":int8",
                                join_origins(g, {g.value(n.in(1)).producer, g.value(n.in(2)).producer, id}));
    for (size_t i = 0; i < n.outputs.size(); ++i) {
        if (n.outputs[i] == kNone) continue;
        g.value(g.node(q).out(i)).type = g.value(n.outputs[i]).type;
        g.replace_uses(n.outputs[i], g.node(q).out(i));
    }
    return true;
}

bool moves_values(const Node& n) {
    return n.domain.empty() && (n.op == "Flatten" || n.op == "Reshape" || n.op == "Transpose" || n.op == "Squeeze" ||
                                n.op == "Unsqueeze" || n.op == "MaxPool" || n.op == "Slice" || n.op == "DepthToSpace");
}
bool lower_movement(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!moves_values(n) || n.outputs.size() != 1) return false;
    const NodeId dq = dequantizer_of(g, n.in(0)), q = g.sole_user(n.out());
    if (dq == kNone || q == kNone || !g.node(q).is("QuantizeLinear")) return false;
    const auto a = quant_params(g, g.node(dq)), b = quant_params(g, g.node(q));
    if (!a || !b || !a->per_tensor() || !a->same(*b) || !is_byte(a->type)) return false;
    std::vector<ValueId> inputs = n.inputs;
    inputs[0] = g.node(dq).in(0);
    const NodeId m = g.add_node("", n.op, inputs, 1, n.attributes, n.name + ":int8", join_origins(g, {id, q}));
    g.value(g.node(m).out()).type = g.value(g.node(q).out()).type;
    g.replace_uses(g.node(q).out(), g.node(m).out());
    return true;
}

/// A weight that no int8 operator took is dequantised once, here.
bool fold_dequantised_constant(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("DequantizeLinear") || g.is_output(n.out()) || g.value(n.out()).users.empty()) return false;
    std::vector<Tensor> in;
    for (ValueId v : n.inputs) {
        const Tensor* t = constant_of(g, v);
        if (v != kNone && !t) return false;
        in.push_back(t ? *t : Tensor());
    }
    const Tensor t = interpret_node(*find_op("", "DequantizeLinear"), n, in)[0];
    g.replace_uses(n.out(), g.add_constant(g.value(n.out()).name + ":folded", t));
    return true;
}
}  // namespace

bool lower_qdq(Graph& g, const PassOptions&) {
    bool any = false;
    for (auto* step : {lower_product, lower_add, lower_recurrent, lower_movement}) {
        for (NodeId id : g.order())
            if (g.node(id).alive) any |= step(g, id);
        any |= remove_dead(g);
    }
    for (NodeId id : g.order()) any |= fold_dequantised_constant(g, id);
    if (any) remove_dead(g);
    return any;
}

}  // namespace hone::passes
