// SPDX-License-Identifier: Apache-2.0
// What is elementwise between 8-bit integers has 256 answers: SiLU, sigmoid, GELU in any spelling, rescaling. The
// references compute them once, which makes the table exact by construction.
#include <algorithm>
#include <map>
#include <set>

#include "pass/match.h"
#include "pass/qdq.h"

namespace hone::passes {

namespace {
constexpr size_t kMostNodes = 24;

/// The nodes between 8-bit leaves and a value, found backwards.
struct Region {
    std::set<NodeId> nodes;
    std::set<ValueId> leaves;
};

bool is_step(const Graph& g, const Node& n) {
    if (n.outputs.size() != 1) return false;
    if (n.is("QuantizeLinear") || n.is("DequantizeLinear")) {
        const auto p = quant_params(g, n);
        return p && p->per_tensor() && is_byte(p->type);
    }
    if (n.is("QTable", "hone")) return true;
    const OpDecl* op = find_op(n.domain, n.op);
    return op && op->elementwise && !op->random && g.value(n.out()).type.dtype == DType::f32;
}

/// Grows the region by what makes `v`; stops at 8-bit values. False where something else is in the way.
bool grow(const Graph& g, ValueId v, Region& r, bool through_bytes) {
    if (v == kNone) return true;
    if (g.value(v).is_constant()) return g.value(v).constant.count() == 1;
    if (is_byte(g.value(v).type.dtype) && !through_bytes) return r.leaves.insert(v).second || true;
    const NodeId p = g.value(v).producer;
    if (p == kNone || !is_step(g, g.node(p)) || r.nodes.size() > kMostNodes) return false;
    if (!r.nodes.insert(p).second) return true;
    const Node& n = g.node(p);
    const bool quantiser = n.is("QuantizeLinear") || n.is("DequantizeLinear") || n.is("QTable", "hone");
    for (size_t i = 0; i < n.inputs.size(); ++i) {
        if (quantiser && i > 0) continue;
        if (!grow(g, n.inputs[i], r, false)) return false;
    }
    return true;
}

/// The region behind a QuantizeLinear with a single leaf, looking through the 8-bit values in it where there are more.
std::optional<Region> region_of(const Graph& g, NodeId q) {
    Region r;
    if (!grow(g, g.node(q).out(), r, true)) return std::nullopt;
    for (int rounds = 0; rounds < 4 && r.leaves.size() > 1; ++rounds) {
        bool grown = false;
        for (const ValueId leaf : std::vector<ValueId>(r.leaves.begin(), r.leaves.end())) {
            const NodeId p = g.value(leaf).producer;
            if (p == kNone || !(g.node(p).is("QuantizeLinear") || g.node(p).is("QTable", "hone"))) continue;
            Region wider = r;
            wider.leaves.erase(leaf);
            if (!grow(g, leaf, wider, true)) continue;
            r = wider;
            grown = true;
        }
        if (!grown) break;
    }
    if (r.leaves.size() != 1) return std::nullopt;
    return r;
}
}  // namespace

bool lower_table(Graph& g, NodeId id) {
    if (!g.node(id).is("QuantizeLinear") || !is_step(g, g.node(id))) return false;
    const auto region = region_of(g, id);
    if (!region) return false;
    const ValueId leaf = *region->leaves.begin(), result = g.node(id).out();
    const TypeInfo from = g.value(leaf).type, to = g.value(result).type;
    if (!from.fixed() || !to.fixed() || from.shape != to.shape) return false;

    std::map<ValueId, Tensor> values;
    Tensor all = Tensor::zeros(from.dtype, {256});
    for (int64_t i = 0; i < 256; ++i) all.set_int(i, from.dtype == DType::u8 ? i : static_cast<int8_t>(i));
    values[leaf] = all;
    std::vector<NodeId> used;
    for (const NodeId n : g.order()) {
        if (!region->nodes.contains(n)) continue;
        const Node& node = g.node(n);
        std::vector<Tensor> in;
        for (const ValueId v : node.inputs) {
            if (v == kNone) in.emplace_back();
            else if (const Tensor* c = constant_of(g, v)) in.push_back(*c);
            else in.push_back(values.at(v));
        }
        values[node.out()] = interpret_node(*find_op(node.domain, node.op), node, in)[0];
        if (values[node.out()].count() != 256) return false;
        used.push_back(n);
    }
    const std::string name = g.node(id).name;
    const ValueId table = g.add_constant(name + ".table", values.at(result).reshaped({256}));
    const NodeId t = g.add_node("hone", "QTable", {leaf, table}, 1, {}, name + ":table", join_origins(g, used));
    g.value(g.node(t).out()).type = to;
    g.replace_uses(result, g.node(t).out());
    return true;
}

bool lower_q_mul(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("Mul")) return false;
    const NodeId q = g.sole_user(n.out()), da = dequantizer_of(g, n.in(0)), db = dequantizer_of(g, n.in(1));
    if (q == kNone || !g.node(q).is("QuantizeLinear") || da == kNone || db == kNone) return false;
    const auto a = quant_params(g, g.node(da)), b = quant_params(g, g.node(db)), y = quant_params(g, g.node(q));
    for (const auto& p : {a, b, y})
        if (!p || !p->per_tensor() || !is_byte(p->type)) return false;
    // The full side first.
    const bool swap = !same_fixed_shape(g, n.in(0), n.out());
    if (swap && !same_fixed_shape(g, n.in(1), n.out())) return false;
    const auto &full = swap ? *b : *a, &gate = swap ? *a : *b;
    const Attributes at = {{"scale", static_cast<float>(full.scalar() * gate.scalar() / y->scalar())}, {"a_zero_point", full.zero_point},
                           {"b_zero_point", gate.zero_point}, {"y_zero_point", y->zero_point}, {"to", static_cast<int64_t>(y->type)}};
    const ValueId va = g.node(swap ? db : da).in(0), vb = g.node(swap ? da : db).in(0), old = g.node(q).out();
    const NodeId m = g.add_node("hone", "QMul", {va, vb}, 1, at, n.name + ":int8", join_origins(g, {id, q}));
    g.value(g.node(m).out()).type = g.value(old).type;
    g.replace_uses(old, g.node(m).out());
    return true;
}

bool lower_q_average(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("GlobalAveragePool")) return false;
    const NodeId q = g.sole_user(n.out()), dx = dequantizer_of(g, n.in(0));
    if (q == kNone || !g.node(q).is("QuantizeLinear") || dx == kNone || !g.value(n.in(0)).type.fixed()) return false;
    const auto x = quant_params(g, g.node(dx)), y = quant_params(g, g.node(q));
    for (const auto& p : {x, y})
        if (!p || !p->per_tensor() || !is_byte(p->type)) return false;
    const Dims d = dims_of(g.value(n.in(0)).type.shape);
    if (d.size() < 3) return false;
    const int64_t window = count_of(Dims(d.begin() + 2, d.end()));
    if (window < 1 || window > (1 << 22)) return false;  // sums stay in int32
    const Attributes at = {{"scale", static_cast<float>(x->scalar() / (y->scalar() * static_cast<double>(window)))}, {"x_zero_point", x->zero_point},
                           {"y_zero_point", y->zero_point}, {"to", static_cast<int64_t>(y->type)}};
    const ValueId old = g.node(q).out();
    const NodeId m = g.add_node("hone", "QGlobalAveragePool", {g.node(dx).in(0)}, 1, at, n.name + ":int8", join_origins(g, {id, q}));
    g.value(g.node(m).out()).type = g.value(old).type;
    g.replace_uses(old, g.node(m).out());
    return true;
}

}  // namespace hone::passes
