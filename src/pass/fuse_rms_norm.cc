// SPDX-License-Identifier: Apache-2.0
// Root mean square normalisation as exporters before opset 23 spell it, x * (1 / sqrt(mean(x^2) + epsilon)) * scale over
// the last axis, becomes RMSNormalization. Runtime only: a written file keeps its opset.
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {

ValueId other(const Node& n, ValueId v) { return n.in(0) == v ? n.in(1) : n.in(1) == v ? n.in(0) : kNone; }

/// The node that makes `v`, when it is this operator; kNone else.
NodeId made_by(const Graph& g, ValueId v, const char* op) {
    const NodeId n = v == kNone ? kNone : g.value(v).producer;
    return n != kNone && g.node(n).is(op) ? n : kNone;
}
bool squares(const Graph& g, const Node& n, ValueId x) {
    double two = 0;
    if (n.is("Mul")) return n.in(0) == x && n.in(1) == x;
    return n.is("Pow") && n.in(0) == x && scalar_constant(g, n.in(1), &two) && two == 2;
}
bool over_last_axis(const Graph& g, const Node& mean) {
    const TypeInfo& t = g.value(mean.in(0)).type;
    const Tensor* axes = mean.in(1) == kNone ? nullptr : constant_of(g, mean.in(1));
    if (!t.rank_known || !axes || axes->count() != 1 || int_attribute(mean, "keepdims", 1) != 1) return false;
    return axes->at_int(0) == -1 || axes->at_int(0) + 1 == static_cast<int64_t>(t.shape.size());
}

/// From the square root on: [Reciprocal or 1 / root] * x, or x / root; then the product with a constant scale.
bool fuse(Graph& g, NodeId root_id) {
    const Node root = g.node(root_id);
    if (!root.is("Sqrt")) return false;
    const NodeId sum = made_by(g, root.in(0), "Add");
    double epsilon = 0;
    ValueId mean_value = kNone;
    for (size_t i = 0; sum != kNone && i < 2; ++i)
        if (scalar_constant(g, g.node(sum).in(i), &epsilon)) mean_value = g.node(sum).in(1 - i);
    const NodeId mean = made_by(g, mean_value, "ReduceMean");
    if (mean == kNone || !over_last_axis(g, g.node(mean)) || !(epsilon >= 0)) return false;
    const NodeId square = g.value(g.node(mean).in(0)).producer;
    if (square == kNone) return false;
    const ValueId x = g.node(square).in(0);
    if (!squares(g, g.node(square), x)) return false;

    std::vector<NodeId> used = {square, mean, sum, root_id};
    NodeId user = g.sole_user(root.out());
    if (user == kNone) return false;
    ValueId normal = kNone;
    double one = 0;
    const auto inverts = [&](const Node& n) { return n.is("Reciprocal") || (n.is("Div") && n.in(1) == root.out() && scalar_constant(g, n.in(0), &one) && one == 1); };
    if (g.node(user).is("Div") && g.node(user).in(0) == x && g.node(user).in(1) == root.out()) {
        used.push_back(user);
        normal = g.node(user).out();
    } else if (inverts(g.node(user))) {
        const ValueId inverse = g.node(user).out();
        const NodeId product = g.sole_user(inverse);
        if (product == kNone || !g.node(product).is("Mul") || other(g.node(product), inverse) != x) return false;
        used.insert(used.end(), {user, product});
        normal = g.node(product).out();
    }
    const NodeId last = normal == kNone ? kNone : g.sole_user(normal);
    if (last == kNone || !g.node(last).is("Mul")) return false;
    const ValueId scale = other(g.node(last), normal);
    const Tensor* s = scale == kNone ? nullptr : constant_of(g, scale);
    const Shape& shape = g.value(x).type.shape;
    if (!s || s->rank() != 1 || s->dtype() != g.value(x).type.dtype || shape.empty() || shape.back() != Dim(s->dim(0))) return false;
    used.push_back(last);
    const NodeId fused = g.add_node("", "RMSNormalization", {x, scale}, 1, {{"epsilon", static_cast<float>(epsilon)}}, root.name + ":rms_norm", join_origins(g, used));
    const ValueId y = g.node(fused).out(), old = g.node(last).out();
    g.value(y).type = g.value(old).type;
    g.replace_uses(old, y);
    return true;
}

}  // namespace

bool fuse_rms_norm(Graph& g, const PassOptions&) { return rewrite_nodes(g, fuse); }

}  // namespace hone::passes
