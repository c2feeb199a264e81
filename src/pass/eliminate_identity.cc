// SPDX-License-Identifier: Apache-2.0
// Nodes that change nothing go: Identity, Dropout at inference, Cast to the same type, Reshape/Flatten/Expand to the
// dims it has, Transpose that keeps the order, Concat of one, Pad of nothing.
#include <algorithm>

#include "pass/list.h"

namespace hone::passes {

namespace {
bool same_static_shape(const Graph& g, ValueId a, ValueId b) {
    const TypeInfo &ta = g.value(a).type, &tb = g.value(b).type;
    return ta.fixed() && tb.fixed() && ta.shape == tb.shape && ta.dtype == tb.dtype;
}

bool changes_nothing(const Graph& g, const Node& n) {
    const ValueId x = n.in(0), y = n.out(0);
    if (x == kNone || y == kNone) return false;
    if (n.is("Identity")) return g.value(x).type.kind == TypeInfo::Kind::tensor;
    if (n.is("Dropout")) {
        for (size_t i = 1; i < n.outputs.size(); ++i)
            if (n.outputs[i] != kNone && (!g.value(n.outputs[i]).users.empty() || g.is_output(n.outputs[i]))) return false;
        double training = 0;
        return n.in(2) == kNone || (scalar_constant(g, n.in(2), &training) && training == 0);
    }
    if (n.is("Cast")) {
        const auto it = n.attributes.find("to");
        return it != n.attributes.end() && std::get<int64_t>(it->second) == static_cast<int64_t>(g.value(x).type.dtype);
    }
    if (n.is("Reshape") || n.is("Flatten") || n.is("Expand") || n.is("Pad") || n.is("Tile") || n.is("Slice"))
        return n.is("Reshape") || n.is("Flatten") || n.is("Expand") || n.is("Tile")
                   ? same_static_shape(g, x, y)
                   : n.is("Pad") && [&] {
                         const Tensor* pads = constant_of(g, n.in(1));
                         if (!pads) return false;
                         for (int64_t p : pads->to_i64())
                             if (p) return false;
                         return true;
                     }();
    if (n.is("Transpose")) {
        const auto it = n.attributes.find("perm");
        if (it == n.attributes.end()) return false;
        const auto& perm = std::get<std::vector<int64_t>>(it->second);
        return std::is_sorted(perm.begin(), perm.end());
    }
    return n.is("Concat") && n.inputs.size() == 1;
}
}  // namespace

bool eliminate_identity(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (!changes_nothing(g, n)) continue;
        const ValueId x = n.inputs[0], y = n.outputs[0];
        const Value& source = g.value(x);
        if (g.is_output(y) && (source.producer == kNone || g.is_output(x))) continue;
        g.replace_uses(y, x);
        g.remove_node(id);
        any = true;
    }
    return any;
}

bool eliminate_dead(Graph& g, const PassOptions&) { return remove_dead(g); }

}  // namespace hone::passes
