// SPDX-License-Identifier: Apache-2.0
// Operators that are a special case of a plainer one become that: Sum, Max and Min of several operands a chain of two
// each, ReduceMean over all positions of NC... a GlobalAveragePool (and Flatten, where dims are not kept).
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {

/// The node's only output is made by `by` from here on.
void replace(Graph& g, NodeId id, ValueId by) {
    const ValueId old = g.node(id).out();
    g.value(by).type = g.value(old).type;
    g.replace_uses(old, by);
    g.remove_node(id);
}

/// Left to right, as the standard's sums are.
bool unfold(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const bool sum = n.is("Sum");
    if ((!sum && !n.is("Max") && !n.is("Min")) || n.inputs.size() < (sum ? 2u : 3u)) return false;
    ValueId joined = n.inputs[0];
    for (size_t i = 1; i < n.inputs.size(); ++i)
        joined = g.node(g.add_node("", sum ? "Add" : n.op, {joined, n.inputs[i]}, 1, {}, g.unique_name(n.name + ":" + n.op), n.origins)).out();
    replace(g, id, joined);
    return true;
}

bool over_positions(const Graph& g, const Node& n) {
    const TypeInfo& t = g.value(n.in(0)).type;
    if (!n.is("ReduceMean") || !is_float(t.dtype) || !t.rank_known || t.shape.size() < 4) return false;
    const Tensor* axes = n.in(1) == kNone ? nullptr : constant_of(g, n.in(1));
    if (!axes || axes->count() + 2 != static_cast<int64_t>(t.shape.size())) return false;
    std::vector<bool> seen(t.shape.size(), false);
    for (int64_t a : axes->to_i64()) {
        if (a < 0) a += static_cast<int64_t>(t.shape.size());
        if (a < 2 || seen[static_cast<size_t>(a)]) return false;
        seen[static_cast<size_t>(a)] = true;
    }
    return true;
}
bool to_pool(Graph& g, NodeId id) {
    const Node n = g.node(id);
    if (!over_positions(g, n)) return false;
    ValueId y = g.node(g.add_node("", "GlobalAveragePool", {n.in(0)}, 1, {}, g.unique_name(n.name + ":pool"), n.origins)).out();
    if (!int_attribute(n, "keepdims", 1)) y = g.node(g.add_node("", "Flatten", {y}, 1, {}, g.unique_name(n.name + ":flat"), n.origins)).out();
    replace(g, id, y);
    return true;
}

}  // namespace

bool canonicalise(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) any |= unfold(g, id) || to_pool(g, id);
    return any;
}

}  // namespace hone::passes
