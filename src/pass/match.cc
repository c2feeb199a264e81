// SPDX-License-Identifier: Apache-2.0
#include "pass/match.h"

#include <limits>
#include <set>

namespace hone::passes {

int64_t int_attribute(const Node& n, const char* name, int64_t fallback) {
    const auto it = n.attributes.find(name);
    return it == n.attributes.end() ? fallback : std::get<int64_t>(it->second);
}
float real_attribute(const Node& n, const char* name, float fallback) {
    const auto it = n.attributes.find(name);
    return it == n.attributes.end() ? fallback : std::get<float>(it->second);
}

std::optional<Activation> activation_of(const Graph& g, const Node& n) {
    if (n.is("Relu")) return Activation{"Relu"};
    if (n.is("Sigmoid")) return Activation{"Sigmoid"};
    if (n.is("Tanh")) return Activation{"Tanh"};
    if (n.is("HardSwish")) return Activation{"HardSwish"};
    if (n.is("Silu", "hone")) return Activation{"Silu"};
    if (n.is("LeakyRelu")) return Activation{"LeakyRelu", real_attribute(n, "alpha", 0.01f)};
    if (n.is("Gelu")) {
        const auto it = n.attributes.find("approximate");
        if (it == n.attributes.end() || std::get<std::string>(it->second) == "none") return Activation{"Gelu"};
        return std::nullopt;
    }
    if (n.is("Clip")) {
        double lo = std::numeric_limits<float>::lowest(), hi = std::numeric_limits<float>::max();
        if (n.in(1) != kNone && !scalar_constant(g, n.in(1), &lo)) return std::nullopt;
        if (n.in(2) != kNone && !scalar_constant(g, n.in(2), &hi)) return std::nullopt;
        return Activation{"Clip", static_cast<float>(lo), static_cast<float>(hi)};
    }
    return std::nullopt;
}

bool vector_elementwise(const Graph& g, const Node& n, DType t) {
    static const std::set<std::string> unary = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Gelu", "Erf", "Exp", "Log", "Sqrt",
                                                "Reciprocal", "Abs", "Neg", "Floor", "Ceil", "Round", "Softplus", "Elu", "Sign"};
    static const std::set<std::string> binary = {"Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "PRelu"};
    for (ValueId v : n.inputs) {
        if (v == kNone) {
            if (n.op != "Clip") return false;
            continue;
        }
        const Value& value = g.value(v);
        const TypeInfo type = value.is_constant() ? TypeInfo::of(value.constant) : value.type;
        if (!type.fixed() || type.dtype != t) return false;
    }
    if (n.is("Silu", "hone") || n.is("ReluGrad", "hone")) return true;
    if (!n.domain.empty()) return false;
    if (n.op == "Clip") return activation_of(g, n).has_value();
    return (unary.contains(n.op) && n.inputs.size() == 1) || (binary.contains(n.op) && n.inputs.size() == 2);
}

std::optional<QuantParams> quant_params(const Graph& g, const Node& n) {
    if (!n.is("QuantizeLinear") && !n.is("DequantizeLinear")) return std::nullopt;
    const Tensor* scale = constant_of(g, n.in(1));
    if (!scale || scale->dtype() != DType::f32 || scale->rank() > 1 || scale->count() < 1) return std::nullopt;
    if (int_attribute(n, "block_size", 0) != 0) return std::nullopt;
    const ValueId q = n.is("QuantizeLinear") ? n.out(0) : n.in(0);
    QuantParams p{scale->reshaped({scale->count()}), 0, g.value(q).type.dtype, int_attribute(n, "axis", 1)};
    if (n.in(2) != kNone) {
        const Tensor* zero = constant_of(g, n.in(2));
        if (!zero) return std::nullopt;
        p.zero_point = zero->count() ? zero->at_int(0) : 0;
        for (int64_t i = 0; i < zero->count(); ++i)
            if (zero->at_int(i) != p.zero_point) return std::nullopt;
    }
    for (int64_t i = 0; i < scale->count(); ++i)
        if (!(scale->at(i) > 0)) return std::nullopt;
    return p;
}

NodeId dequantizer_of(const Graph& g, ValueId v) {
    if (v == kNone) return kNone;
    const NodeId n = g.value(v).producer;
    return n != kNone && g.node(n).is("DequantizeLinear") ? n : kNone;
}

bool is_byte(DType t) { return t == DType::u8 || t == DType::i8; }

bool same_fixed_shape(const Graph& g, ValueId a, ValueId b) {
    const TypeInfo &ta = g.value(a).type, &tb = g.value(b).type;
    return ta.fixed() && tb.fixed() && ta.shape == tb.shape && ta.dtype == tb.dtype;
}

bool rewrite_nodes(Graph& g, bool (*rewrite)(Graph&, NodeId)) {
    bool any = false;
    for (NodeId id : g.order())
        if (g.node(id).alive) any |= rewrite(g, id);
    if (any) remove_dead(g);
    return any;
}

}  // namespace hone::passes
