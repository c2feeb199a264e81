// SPDX-License-Identifier: Apache-2.0
// Precision bf16 as a specification: the inputs, weights and residual of every hone.Conv and hone.Gemm are rounded to
// bf16 (nearest even), sums are kept in fp32, and the result is rounded to bf16 where only such operators read it.
// Max-pooling between them works on bf16. Of LSTM and GRU the constant weights are rounded, and inputs and states where
// they meet them. Everything else computes in fp32.
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
const Attribute kBf16 = static_cast<int64_t>(DType::bf16);
const Attribute kF32 = static_cast<int64_t>(DType::f32);

ValueId cast_to(Graph& g, ValueId v, DType type, const std::vector<std::string>& origins) {
    if (g.value(v).is_constant()) return g.add_constant(g.value(v).name + ":bf16", g.value(v).constant.cast(type));
    const NodeId producer = g.value(v).producer;  // bf16 -> f32 -> bf16 is exact
    if (producer != kNone && g.node(producer).is("Cast") && g.value(g.node(producer).in(0)).type.dtype == type)
        return g.node(producer).in(0);
    const NodeId c = g.add_node("", "Cast", {v}, 1, {{"to", static_cast<int64_t>(type)}}, g.value(v).name + ":cast", origins);
    const ValueId out = g.node(c).out();
    g.value(out).type = TypeInfo::tensor(type, g.value(v).type.shape);
    return out;
}

bool lower(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (n.domain != "hone" || (n.op != "Conv" && n.op != "Gemm")) return false;
    if (g.value(n.in(0)).type.dtype != DType::f32) return false;
    for (size_t i : {0u, 1u, 3u})
        if (n.in(i) != kNone) g.set_input(id, i, cast_to(g, n.in(i), DType::bf16, n.origins));
    g.node(id).attributes["to"] = kBf16;
    const ValueId y = n.out();
    // The readers get an f32 cast of y, which the next bf16 operator looks through.
    const NodeId c = g.add_node("", "Cast", {y}, 1, {{"to", kF32}}, n.name + ":f32", n.origins);
    const ValueId wide = g.node(c).out();
    g.value(wide).type = g.value(y).type;
    g.replace_uses(y, wide);
    g.set_input(c, 0, y);
    g.value(y).type.dtype = DType::bf16;
    return true;
}

bool lower_recurrent(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.domain.empty() || (n.op != "LSTM" && n.op != "GRU") || g.value(n.in(0)).type.dtype != DType::f32) return false;
    for (size_t i : {1u, 2u})
        if (!constant_of(g, n.in(i))) return false;
    for (size_t i : {1u, 2u}) g.set_input(id, i, cast_to(g, n.in(i), DType::bf16, n.origins));
    g.node(id).domain = "hone";
    return true;
}

/// bf16 -> f32 -> MaxPool -> ... becomes MaxPool on bf16, f32 after it.
bool sink_cast(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("MaxPool") || n.outputs.size() != 1) return false;
    const NodeId cast = g.value(n.in(0)).producer;
    if (cast == kNone || !g.node(cast).is("Cast") || g.value(g.node(cast).in(0)).type.dtype != DType::bf16) return false;
    g.set_input(id, 0, g.node(cast).in(0));
    const ValueId y = n.out();
    const NodeId c = g.add_node("", "Cast", {y}, 1, {{"to", kF32}}, n.name + ":f32", n.origins);
    g.value(g.node(c).out()).type = g.value(y).type;
    g.replace_uses(y, g.node(c).out());
    g.set_input(c, 0, y);
    g.value(y).type.dtype = DType::bf16;
    return true;
}

/// Operators whose result only fp32 readers want write f32 themselves.
void widen_outputs(Graph& g) {
    for (NodeId id : g.order()) {
        const Node n = g.node(id);
        if (n.domain != "hone" || !n.attributes.contains("to") || g.value(n.out()).type.dtype != DType::bf16 || n.in(3) != kNone) continue;
        const NodeId user = g.sole_user(n.out());
        if (user == kNone || !g.node(user).is("Cast") || int_attribute(g.node(user), "to", 0) != static_cast<int64_t>(DType::f32)) continue;
        g.node(id).attributes["to"] = kF32;
        g.value(n.out()).type.dtype = DType::f32;
        g.replace_uses(g.node(user).out(), n.out());
        g.remove_node(user);
    }
}
}  // namespace

bool lower_bf16(Graph& g, const PassOptions& options) {
    if (options.precision != Precision::bf16) return false;
    bool any = false;
    for (NodeId id : g.order()) {
        if (!g.node(id).alive) continue;
        any |= lower(g, id) || sink_cast(g, id) || lower_recurrent(g, id);
    }
    if (!any) return false;
    remove_dead(g);
    widen_outputs(g);
    return true;
}

}  // namespace hone::passes
