// SPDX-License-Identifier: Apache-2.0
// x * Sigmoid(x) becomes hone.Silu; 0.5 * x * (1 + Erf(x / sqrt 2)) and 0.5 * x * (1 + Tanh(sqrt(2 / pi) * (x + 0.044715 *
// x^3))), in the orders that exporters write, become Gelu.
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

/// The nodes of x * (1 + gate) * 0.5, in either order of the two factors, behind `gate`; the last one, or kNone.
NodeId half_gated(const Graph& g, ValueId gate, ValueId x, std::vector<NodeId>& used) {
    const NodeId add = g.sole_user(gate);
    double one = 0;
    if (add == kNone || !g.node(add).is("Add") || !scalar_constant(g, other(g.node(add), gate), &one) || one != 1) return kNone;
    const ValueId sum = g.node(add).out();
    const NodeId first = g.sole_user(sum);
    if (first == kNone || !g.node(first).is("Mul")) return kNone;
    used.insert(used.end(), {add, first});
    const ValueId with = other(g.node(first), sum);
    ValueId half_of = kNone;
    if (with == x) {  // (x * (1 + gate)) * 0.5
        const NodeId last = g.sole_user(g.node(first).out());
        if (last == kNone || !scales_by(g, g.node(last), 0.5, &half_of) || half_of != g.node(first).out()) return kNone;
        used.push_back(last);
        return last;
    }
    const NodeId half = with == kNone ? kNone : g.value(with).producer;  // (0.5 * x) * (1 + gate)
    if (half == kNone || !scales_by(g, g.node(half), 0.5, &half_of) || half_of != x) return kNone;
    used.push_back(half);
    return first;
}

/// Where `v` is x^3, as a power or two products: the node that makes it.
NodeId cube_of(const Graph& g, ValueId v, ValueId x) {
    const NodeId id = g.value(v).producer;
    if (id == kNone) return kNone;
    const Node& n = g.node(id);
    double three = 0;
    if (n.is("Pow")) return n.in(0) == x && scalar_constant(g, n.in(1), &three) && three == 3 ? id : kNone;
    const ValueId square = n.is("Mul") ? other(n, x) : kNone;
    const NodeId by = square == kNone ? kNone : g.value(square).producer;
    if (by == kNone) return kNone;
    const Node& s = g.node(by);
    const bool squares = (s.is("Mul") && s.in(0) == x && s.in(1) == x) || (s.is("Pow") && s.in(0) == x && scalar_constant(g, s.in(1), &three) && three == 2);
    return squares ? id : kNone;
}

/// x of x + 0.044715 * x^3; kNone when `v` is no such sum.
ValueId cubic_of(const Graph& g, ValueId v, std::vector<NodeId>& used) {
    const NodeId sum = g.value(v).producer;
    if (sum == kNone || !g.node(sum).is("Add")) return kNone;
    for (size_t i = 0; i < 2; ++i) {
        const ValueId x = g.node(sum).in(i), rest = g.node(sum).in(1 - i);
        const NodeId scale = g.value(rest).producer;
        ValueId cube = kNone;
        if (scale == kNone || !scales_by(g, g.node(scale), 0.044715, &cube)) continue;
        const NodeId by = cube_of(g, cube, x);
        if (by == kNone) continue;
        used.insert(used.end(), {by, scale, sum});
        return x;
    }
    return kNone;
}

bool fuse_gelu(Graph& g, NodeId id) {
    const Node gate = g.node(id);
    const bool erf = gate.is("Erf");
    if (!erf && !gate.is("Tanh")) return false;
    const NodeId scale = g.value(gate.in(0)).producer;
    ValueId x = kNone;
    if (scale == kNone || !scales_by(g, g.node(scale), std::sqrt(erf ? 0.5 : 2 / 3.14159265358979323846), &x)) return false;
    std::vector<NodeId> used;
    if (!erf && (x = cubic_of(g, x, used)) == kNone) return false;
    used.insert(used.end(), {scale, id});
    const NodeId last = half_gated(g, gate.out(), x, used);
    if (last == kNone) return false;
    Attributes a;
    if (!erf) a["approximate"] = std::string("tanh");
    const NodeId gelu = g.add_node("", "Gelu", {x}, 1, std::move(a), gate.name + ":gelu", join_origins(g, used));
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
