// SPDX-License-Identifier: Apache-2.0
#include "pass/autodiff.h"

#include <algorithm>
#include <map>

#include "op/gradient.h"

namespace hone {
namespace {

bool carries(const Graph& g, ValueId v) { return v != kNone && is_float(g.value(v).type.dtype); }
const OpDecl& op_of(const Node& n) {
    const OpDecl* op = find_op(n.domain, n.op);
    HONE_CHECK(op, n.op);
    return *op;
}

/// Values that depend on one of `with_respect_to` through operators that let a gradient pass.
std::vector<bool> dependent(const Graph& g, const std::vector<NodeId>& order, const std::vector<ValueId>& with_respect_to) {
    std::vector<bool> yes(static_cast<size_t>(g.value_count()));
    for (ValueId v : with_respect_to) yes[static_cast<size_t>(v)] = true;
    for (NodeId id : order) {
        const Node& n = g.node(id);
        if (op_of(n).flat) continue;
        const bool any = std::any_of(n.inputs.begin(), n.inputs.end(),
                                     [&](ValueId v) { return carries(g, v) && yes[static_cast<size_t>(v)]; });
        if (!any) continue;
        for (ValueId v : n.outputs)
            if (carries(g, v)) yes[static_cast<size_t>(v)] = true;
    }
    return yes;
}

/// Nodes that a gradient passes, in order.
std::vector<NodeId> passed(const Graph& g, const std::vector<NodeId>& order, const std::vector<Seed>& seeds,
                           const std::vector<bool>& depends) {
    std::vector<bool> reached(static_cast<size_t>(g.value_count()));
    for (const Seed& s : seeds) reached[static_cast<size_t>(s.value)] = true;
    std::vector<NodeId> out;
    for (size_t k = order.size(); k-- > 0;) {
        const Node& n = g.node(order[k]);
        const auto both = [&](ValueId v) { return carries(g, v) && reached[static_cast<size_t>(v)] && depends[static_cast<size_t>(v)]; };
        if (op_of(n).flat || std::none_of(n.outputs.begin(), n.outputs.end(), both)) continue;
        const auto wanted = [&](ValueId v) { return carries(g, v) && depends[static_cast<size_t>(v)]; };
        if (std::none_of(n.inputs.begin(), n.inputs.end(), wanted)) continue;
        for (ValueId v : n.inputs)
            if (wanted(v)) reached[static_cast<size_t>(v)] = true;
        out.push_back(order[k]);
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::vector<std::string> without_rule(const Graph& g, const std::vector<NodeId>& nodes) {
    std::map<std::string, std::pair<int, std::string>> missing;
    for (NodeId id : nodes) {
        const Node& n = g.node(id);
        if (op_of(n).gradient) continue;
        auto& [count, first] = missing[(n.domain.empty() ? "" : n.domain + ".") + n.op];
        if (!count++) first = n.name;
    }
    std::vector<std::string> out;
    for (const auto& [op, m] : missing) out.push_back(cat(op, " x", m.first, " (node '", m.second, "')"));
    return out;
}

/// The gradients that have arrived at each value, added up when they are read.
class Arrived {
  public:
    explicit Arrived(Graph& g) : g_(g) {}
    void add(ValueId v, ValueId gradient) { parts_[v].push_back(gradient); }
    ValueId sum(ValueId v, Builder& b) {
        const auto it = parts_.find(v);
        if (it == parts_.end()) return kNone;
        ValueId total = it->second[0];
        for (size_t i = 1; i < it->second.size(); ++i) total = b.add(total, it->second[i]);
        it->second = {total};
        HONE_CHECK(g_.value(total).type == g_.value(v).type, "the gradient of '", g_.value(v).name, "' is ",
                   to_text(g_.value(total).type), "; expected ", to_text(g_.value(v).type));
        return total;
    }

  private:
    Graph& g_;
    std::map<ValueId, std::vector<ValueId>> parts_;
};

void differentiate(Graph& g, NodeId id, const std::vector<bool>& depends, Arrived& arrived) {
    const Node node = g.node(id);  // the graph grows below
    Builder b(g, node.name + ".grad", node.origins);
    GradientContext c{{op_of(node), node}, b, id, {}, {}, std::vector<ValueId>(node.inputs.size(), kNone)};
    for (ValueId v : node.outputs) c.seeds.push_back(v == kNone ? kNone : arrived.sum(v, b));
    if (std::all_of(c.seeds.begin(), c.seeds.end(), [](ValueId v) { return v == kNone; })) return;
    for (ValueId v : node.inputs) c.wanted.push_back(carries(g, v) && depends[static_cast<size_t>(v)]);
    c.op.gradient(c);
    for (size_t i = 0; i < c.given.size(); ++i)
        if (c.given[i] != kNone) arrived.add(node.inputs[i], c.given[i]);
}

}  // namespace

std::vector<std::string> missing_gradients(const Graph& g, const std::vector<Seed>& seeds,
                                           const std::vector<ValueId>& with_respect_to) {
    const std::vector<NodeId> order = g.order();
    return without_rule(g, passed(g, order, seeds, dependent(g, order, with_respect_to)));
}

std::vector<ValueId> add_gradients(Graph& g, const std::vector<Seed>& seeds, const std::vector<ValueId>& with_respect_to, std::map<NodeId, NodeId>* differentiates) {
    const std::vector<NodeId> order = g.order();
    const std::vector<bool> depends = dependent(g, order, with_respect_to);
    const std::vector<NodeId> nodes = passed(g, order, seeds, depends);
    const std::vector<std::string> missing = without_rule(g, nodes);
    if (!missing.empty())
        fail(ErrorKind::unsupported, "gradient.missing", cat("no gradient is known of ", join(missing, ", ")),
             "Freeze what lies before these nodes, so that no gradient has to pass them.");
    Arrived arrived(g);
    Builder b(g, "grad");
    for (const Seed& s : seeds) arrived.add(s.value, s.gradient == kNone ? b.filled(s.value, 1) : s.gradient);
    for (size_t k = nodes.size(); k-- > 0;) {
        const NodeId first = g.node_count();
        differentiate(g, nodes[k], depends, arrived);
        if (differentiates)
            for (NodeId id = first; id < g.node_count(); ++id) differentiates->emplace(id, nodes[k]);
    }
    std::vector<ValueId> out;
    for (ValueId v : with_respect_to) {
        const ValueId d = arrived.sum(v, b);
        out.push_back(d == kNone ? b.filled(v, 0) : d);
    }
    return out;
}

}  // namespace hone
