// SPDX-License-Identifier: Apache-2.0
#include "train/compose.h"

#include <algorithm>
#include <map>
#include <set>

#include "op/op.h"
#include "pass/pass.h"
#include "train/parameters.h"

namespace hone::train {
namespace {

void refuse_subgraphs(const Node& n) {
    for (const auto& [name, a] : n.attributes)
        if (std::holds_alternative<std::shared_ptr<const Graph>>(a))
            fail(ErrorKind::unsupported, "train.subgraph", cat(n.op, " holds a graph of its own, which cannot be copied into another network"), "", cat("node '", n.name, "'"));
}

/// Copies the nodes of `from`; `now` maps its values to those of `to` and gains what is made.
void copy_nodes(Graph& to, const Graph& from, std::map<ValueId, ValueId>& now) {
    for (NodeId id : from.order()) {
        const Node& n = from.node(id);
        refuse_subgraphs(n);
        Node copy = n;
        copy.name.clear();
        for (ValueId& v : copy.inputs)
            if (v != kNone) v = now.at(v);
        for (ValueId& v : copy.outputs) {
            if (v == kNone) continue;
            const Value& old = from.value(v);
            now[v] = to.add_value(old.name, old.type);
            v = now[v];
        }
        copy.name = n.name;
        to.add_node_with(std::move(copy));
    }
}

}  // namespace

Graph part_of(const Graph& g, const std::vector<ValueId>& outputs) {
    HONE_CHECK(g.states.empty(), "states name outputs");
    Graph part = g;
    part.outputs = outputs;
    remove_dead(part);
    std::erase_if(part.inputs, [&](ValueId v) { return part.value(v).users.empty() && !part.is_output(v); });
    return part.compacted();
}

std::vector<bool> inputs_of(const Graph& g, ValueId v) {
    std::set<ValueId> seen;
    std::vector<ValueId> left{v};
    while (!left.empty()) {
        const ValueId now = left.back();
        left.pop_back();
        if (now == kNone || !seen.insert(now).second || g.value(now).producer == kNone) continue;
        const Node& n = g.node(g.value(now).producer);
        left.insert(left.end(), n.inputs.begin(), n.inputs.end());
    }
    std::vector<bool> out;
    for (ValueId in : g.inputs) out.push_back(seen.contains(in));
    return out;
}

std::vector<ValueId> append(Graph& to, const Graph& from, const std::vector<ValueId>& inputs) {
    HONE_CHECK(inputs.size() == from.inputs.size());
    std::map<ValueId, ValueId> now;
    for (size_t i = 0; i < inputs.size(); ++i) now[from.inputs[i]] = inputs[i];
    for (ValueId v = 0; v < from.value_count(); ++v)
        if (const Value& value = from.value(v); value.is_constant()) now[v] = to.add_constant(value.name, value.constant);
    copy_nodes(to, from, now);
    std::vector<ValueId> out;
    for (ValueId v : from.outputs) out.push_back(now.at(v));
    return out;
}

Graph twin(const Graph& from) {
    Graph g = from.compacted();
    const Graph once = g;
    std::map<ValueId, ValueId> now;
    for (ValueId v = 0; v < once.value_count(); ++v)
        if (once.value(v).is_constant()) now[v] = v;
    for (ValueId v : once.inputs) {
        const Value input = once.value(v);
        now[v] = g.add_input(input.name, input.type);
    }
    copy_nodes(g, once, now);
    for (ValueId v : once.outputs) g.outputs.push_back(now.at(v));
    return g;
}

Borrowed borrow(const Graph& from) {
    Borrowed b{from.compacted(), {}};
    Graph& g = b.graph;
    std::set<ValueId> given;
    for (const Parameter& p : find_parameters(g)) {
        const TypeInfo type = g.value(p.value).type;
        const ValueId in = g.add_input(p.name, type);
        g.replace_uses(p.value, in);
        given.insert(in);
        b.parameters.push_back(p.name);
    }
    for (NodeId id : g.order())
        if (Node& n = g.node(id); n.is("BatchNormalization") && (given.contains(n.in(1)) || given.contains(n.in(2))))
            n.attributes["training_mode"] = int64_t{1};
    return b;
}

}  // namespace hone::train
