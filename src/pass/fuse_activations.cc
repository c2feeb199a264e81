// SPDX-License-Identifier: Apache-2.0
// x * Sigmoid(x) becomes hone.Silu; 0.5 * x * (1 + Erf(x / sqrt 2)), in the orders that exporters write, becomes Gelu.
#include <cmath>

#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
/// The operand of a two-input node that is not `v`; kNone when v is not one of them.
ValueId other(const Node& n, ValueId v) {
    return n.in(0) == v ? n.in(1) : n.in(1) == v ? n.in(0) : kNone;
}

bool fuse_silu(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!n.is("Sigmoid")) return false;
    const NodeId user = g.sole_user(n.out());
    if (user == kNone || !g.node(user).is("Mul") || other(g.node(user), n.out()) != n.in(0)) return false;
    const NodeId silu = g.add_node("hone", "Silu", {n.in(0)}, 1, {}, n.name + ":silu", join_origins(g, {id, user}));
    const ValueId y = g.node(silu).out(), old = g.node(user).out();
    g.value(y).type = g.value(old).type;
    g.replace_uses(old, y);
    g.remove_node(user);
    g.remove_node(id);
    return true;
}

/// The node that multiplies or divides by a constant close to `expected` (as a factor), given its variable operand.
bool scales_by(const Graph& g, const Node& n, double expected, ValueId* x) {
    double c = 0;
    for (size_t i = 0; i < 2; ++i) {
        if (!scalar_constant(g, n.in(i), &c)) continue;
        const double factor = n.is("Mul") ? c : n.is("Div") && i == 1 ? 1 / c : NAN;
        *x = n.in(1 - i);
        return std::abs(factor - expected) < 1e-4;
    }
    return false;
}

bool fuse_gelu(Graph& g, NodeId erf_id) {
    const Node erf = g.node(erf_id);
    if (!erf.is("Erf")) return false;
    const NodeId scale_id = g.value(erf.in(0)).producer;
    ValueId x = kNone;
    if (scale_id == kNone || !scales_by(g, g.node(scale_id), std::sqrt(0.5), &x)) return false;
    const NodeId add_id = g.sole_user(erf.out());
    double one = 0;
    if (add_id == kNone || !g.node(add_id).is("Add") || !scalar_constant(g, other(g.node(add_id), erf.out()), &one) || one != 1) return false;
    const ValueId sum = g.node(add_id).out();
    const NodeId first = g.sole_user(sum);
    if (first == kNone || !g.node(first).is("Mul")) return false;
    const ValueId with = other(g.node(first), sum);
    NodeId last = first;
    std::vector<NodeId> used = {scale_id, erf_id, add_id, first};
    ValueId half_of = kNone;
    if (with == x) {  // (x * (1 + erf)) * 0.5
        last = g.sole_user(g.node(first).out());
        if (last == kNone || !scales_by(g, g.node(last), 0.5, &half_of) || half_of != g.node(first).out()) return false;
        used.push_back(last);
    } else {  // (0.5 * x) * (1 + erf)
        const NodeId half = with == kNone ? kNone : g.value(with).producer;
        if (half == kNone || !scales_by(g, g.node(half), 0.5, &half_of) || half_of != x) return false;
        used.push_back(half);
    }
    const NodeId gelu = g.add_node("", "Gelu", {x}, 1, {}, erf.name + ":gelu", join_origins(g, used));
    const ValueId y = g.node(gelu).out(), old = g.node(last).out();
    g.value(y).type = g.value(old).type;
    g.replace_uses(old, y);
    return true;
}
}  // namespace

bool fuse_activations(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) {
        if (!g.node(id).alive) continue;
        any |= fuse_silu(g, id);
        if (g.node(id).alive && fuse_gelu(g, id)) any = true;
    }
    if (any) remove_dead(g);
    return any;
}

}  // namespace hone::passes
