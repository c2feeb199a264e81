// SPDX-License-Identifier: Apache-2.0
#include "graph/graph.h"

#include <algorithm>
#include <queue>

namespace hone {

std::string to_text(const TypeInfo& t) {
    switch (t.kind) {
        case TypeInfo::Kind::unknown: return "?";
        case TypeInfo::Kind::sequence: return cat("seq(", dtype_name(t.dtype), ")");
        case TypeInfo::Kind::optional: return cat("optional(", dtype_name(t.dtype), ")");
        case TypeInfo::Kind::tensor: break;
    }
    return cat(dtype_name(t.dtype), t.rank_known ? to_text(t.shape) : "[*]");
}

ValueId Graph::add_value(const std::string& name, TypeInfo type) {
    Value v;
    v.name = unique_name(name);
    v.type = std::move(type);
    const auto id = static_cast<ValueId>(values_.size());
    by_name_[v.name] = id;
    values_.push_back(std::move(v));
    return id;
}
ValueId Graph::add_input(const std::string& name, TypeInfo type) {
    const ValueId v = add_value(name, std::move(type));
    inputs.push_back(v);
    return v;
}
ValueId Graph::add_constant(const std::string& name, Tensor t) {
    const ValueId v = add_value(name, TypeInfo::of(t));
    values_.back().constant = std::move(t);
    return v;
}

NodeId Graph::add_node(const std::string& domain, const std::string& op, std::vector<ValueId> ins, int outs,
                       Attributes attributes, const std::string& name, const std::vector<std::string>& origins) {
    Node n;
    n.domain = domain;
    n.op = op;
    n.name = name.empty() ? op : name;
    n.inputs = std::move(ins);
    n.attributes = std::move(attributes);
    n.origins = origins;
    for (int i = 0; i < outs; ++i)
        n.outputs.push_back(add_value(i ? cat(n.name, ":", i) : n.name + ":out", {}));
    return add_node_with(std::move(n));
}

NodeId Graph::add_node_with(Node n) {
    const auto id = static_cast<NodeId>(nodes_.size());
    const std::string base = n.name.empty() ? n.op : n.name;
    std::string unique = base;
    while (node_names_.contains(unique)) unique = cat(base, "_", ++next_suffix_["node " + base]);
    n.name = unique;
    node_names_[unique] = id;
    for (ValueId v : n.inputs)
        if (v != kNone) value(v).users.push_back(id);
    for (ValueId v : n.outputs) {
        if (v == kNone) continue;
        HONE_CHECK(value(v).producer == kNone && !value(v).is_constant(), "value has two producers: ", value(v).name);
        value(v).producer = id;
    }
    nodes_.push_back(std::move(n));
    return id;
}

int Graph::alive_count() const {
    return static_cast<int>(std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.alive; }));
}

void Graph::drop_use(ValueId v, NodeId n) {
    auto& users = value(v).users;
    const auto it = std::find(users.begin(), users.end(), n);
    HONE_CHECK(it != users.end());
    users.erase(it);
}
void Graph::set_input(NodeId n, size_t index, ValueId v) {
    Node& nd = node(n);
    HONE_CHECK(index < nd.inputs.size());
    if (nd.inputs[index] != kNone) drop_use(nd.inputs[index], n);
    nd.inputs[index] = v;
    if (v != kNone) value(v).users.push_back(n);
}
void Graph::add_node_input(NodeId n, ValueId v) {
    node(n).inputs.push_back(v);
    if (v != kNone) value(v).users.push_back(n);
}

ValueId Graph::add_node_output(NodeId n, size_t index) {
    if (node(n).out(index) != kNone) return node(n).outputs[index];
    const ValueId v = add_value(index ? cat(node(n).name, ":", static_cast<unsigned long>(index)) : node(n).name + ":out", {});
    std::vector<ValueId>& outputs = node(n).outputs;
    if (outputs.size() <= index) outputs.resize(index + 1, kNone);
    outputs[index] = v;
    value(v).producer = n;
    return v;
}

void Graph::replace_uses(ValueId from, ValueId to) {
    HONE_CHECK(from != to);
    const std::vector<NodeId> users = value(from).users;
    for (NodeId u : users) {
        Node& n = node(u);
        for (size_t i = 0; i < n.inputs.size(); ++i)
            if (n.inputs[i] == from) set_input(u, i, to);
    }
    if (!is_output(from)) return;
    const bool takes_name = value(to).producer != kNone && !is_output(to);
    for (ValueId& o : outputs)
        if (o == from) o = to;
    if (takes_name) {
        Value& a = value(from);
        Value& b = value(to);
        std::swap(a.name, b.name);
        by_name_[a.name] = from;
        by_name_[b.name] = to;
    }
}

void Graph::remove_node(NodeId n) {
    Node& nd = node(n);
    HONE_CHECK(nd.alive, nd.name);
    for (ValueId v : nd.outputs) {
        if (v == kNone) continue;
        HONE_CHECK(value(v).users.empty() && !is_output(v), "still used: ", value(v).name);
        value(v).producer = kNone;
    }
    for (ValueId v : nd.inputs)
        if (v != kNone) drop_use(v, n);
    nd.inputs.clear();
    nd.outputs.clear();
    nd.alive = false;
    node_names_.erase(nd.name);
}

bool Graph::is_output(ValueId v) const { return std::find(outputs.begin(), outputs.end(), v) != outputs.end(); }
bool Graph::is_input(ValueId v) const { return std::find(inputs.begin(), inputs.end(), v) != inputs.end(); }
NodeId Graph::sole_user(ValueId v) const {
    const auto& users = value(v).users;
    return users.size() == 1 && !is_output(v) ? users[0] : kNone;
}

std::vector<NodeId> Graph::order() const {
    std::vector<int> missing(nodes_.size(), 0);
    std::priority_queue<NodeId, std::vector<NodeId>, std::greater<>> ready;
    for (size_t i = 0; i < nodes_.size(); ++i) {
        if (!nodes_[i].alive) continue;
        for (ValueId v : nodes_[i].inputs)
            if (v != kNone && value(v).producer != kNone) ++missing[i];
        if (!missing[i]) ready.push(static_cast<NodeId>(i));
    }
    std::vector<NodeId> out;
    while (!ready.empty()) {
        const NodeId n = ready.top();
        ready.pop();
        out.push_back(n);
        for (ValueId v : node(n).outputs) {
            if (v == kNone) continue;
            for (NodeId u : value(v).users)
                if (--missing[static_cast<size_t>(u)] == 0) ready.push(u);
        }
    }
    if (static_cast<int>(out.size()) != alive_count()) {
        for (size_t i = 0; i < nodes_.size(); ++i)
            if (nodes_[i].alive && missing[i] > 0)
                fail(ErrorKind::model, "graph.cycle", "the graph has a cycle", "", cat("node '", nodes_[i].name, "'"));
    }
    return out;
}

std::string Graph::unique_name(const std::string& base) const {
    const std::string b = base.empty() ? "v" : base;
    if (!by_name_.contains(b)) return b;
    int& k = next_suffix_[b];
    for (;;) {
        std::string n = cat(b, "_", ++k);
        if (!by_name_.contains(n)) return n;
    }
}
ValueId Graph::find_value(const std::string& n) const {
    const auto it = by_name_.find(n);
    return it == by_name_.end() ? kNone : it->second;
}
void Graph::rename_value(ValueId v, const std::string& n) {
    if (value(v).name == n) return;
    HONE_CHECK(!by_name_.contains(n), n);
    by_name_.erase(value(v).name);
    value(v).name = n;
    by_name_[n] = v;
}

Graph Graph::compacted(const std::vector<NodeId>& in_order) const {
    Graph g;
    g.name = name;
    g.metadata = metadata;
    g.opsets = opsets;
    g.ir_version = ir_version;
    g.producer = producer;
    g.doc = doc;
    g.states = states;
    std::map<ValueId, ValueId> map;
    auto copy_value = [&](ValueId v) {
        if (v == kNone) return kNone;
        const auto it = map.find(v);
        if (it != map.end()) return it->second;
        const Value& old = value(v);
        const ValueId n = g.add_value(old.name, old.type);
        g.value(n).constant = old.constant;
        map[v] = n;
        return n;
    };
    for (ValueId v : inputs) g.inputs.push_back(copy_value(v));
    for (NodeId id : in_order.empty() ? order() : in_order) {
        Node n = node(id);
        for (ValueId& v : n.inputs) v = copy_value(v);
        for (ValueId& v : n.outputs) v = copy_value(v);
        g.add_node_with(std::move(n));
    }
    for (ValueId v : outputs) g.outputs.push_back(copy_value(v));
    return g;
}

void Graph::check_structure() const {
    std::vector<std::vector<NodeId>> users(values_.size());
    for (size_t i = 0; i < nodes_.size(); ++i) {
        const Node& n = nodes_[i];
        if (!n.alive) continue;
        for (ValueId v : n.inputs)
            if (v != kNone) users[check(v, values_.size())].push_back(static_cast<NodeId>(i));
        for (ValueId v : n.outputs)
            if (v != kNone) HONE_CHECK(value(v).producer == static_cast<NodeId>(i), "producer of ", value(v).name);
    }
    for (size_t i = 0; i < values_.size(); ++i) {
        std::vector<NodeId> a = values_[i].users, b = users[i];
        std::sort(a.begin(), a.end());
        std::sort(b.begin(), b.end());
        HONE_CHECK(a == b, "users of ", values_[i].name);
        const NodeId p = values_[i].producer;
        HONE_CHECK(p == kNone || (node(p).alive && !values_[i].is_constant()), "value ", values_[i].name);
        const bool exists = p != kNone || values_[i].is_constant() || is_input(static_cast<ValueId>(i));
        HONE_CHECK(exists || (b.empty() && !is_output(static_cast<ValueId>(i))), "nothing makes ", values_[i].name);
        HONE_CHECK(find_value(values_[i].name) == static_cast<ValueId>(i), "name ", values_[i].name);
    }
    order();
}

std::string to_text(const Attribute& a) {
    struct {
        std::string operator()(int64_t v) const { return std::to_string(v); }
        std::string operator()(float v) const { return cat(static_cast<double>(v)); }
        std::string operator()(const std::string& v) const { return "\"" + v + "\""; }
        std::string operator()(const Tensor& t) const {
            std::string s = cat(dtype_name(t.dtype()), to_text(t.dims()));
            if (t.count() > 8 || t.dtype() == DType::string) return s;
            std::vector<std::string> parts;
            for (int64_t i = 0; i < t.count(); ++i) parts.push_back(cat(t.at(i)));
            return s + "{" + join(parts, ",") + "}";
        }
        std::string operator()(const std::shared_ptr<const Graph>& g) const {
            return g ? cat("graph ", g->name, " of ", g->alive_count(), " nodes") : "graph null";
        }
        std::string operator()(const std::vector<int64_t>& v) const { return to_text(Dims(v)); }
        std::string operator()(const std::vector<float>& v) const {
            std::vector<std::string> p;
            for (float f : v) p.push_back(cat(static_cast<double>(f)));
            return "[" + join(p, ",") + "]";
        }
        std::string operator()(const std::vector<std::string>& v) const { return "[" + join(v, ",") + "]"; }
    } visitor;
    return std::visit(visitor, a);
}

std::string to_text(const Graph& g) {
    std::string s = cat("graph ", g.name, " (");
    std::vector<std::string> parts;
    for (ValueId v : g.inputs) parts.push_back(cat("%", g.value(v).name, ": ", to_text(g.value(v).type)));
    s += join(parts, ", ") + ") {\n";
    auto use = [&](ValueId v) -> std::string {
        if (v == kNone) return "-";
        const Value& val = g.value(v);
        return val.is_constant() ? cat("%", val.name, "=", to_text(Attribute(val.constant))) : "%" + val.name;
    };
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        parts.clear();
        for (ValueId v : n.outputs) parts.push_back(v == kNone ? "-" : cat("%", g.value(v).name, ": ", to_text(g.value(v).type)));
        s += "  " + join(parts, ", ") + " = " + (n.domain.empty() ? "" : n.domain + ".") + n.op + "(";
        parts.clear();
        for (ValueId v : n.inputs) parts.push_back(use(v));
        s += join(parts, ", ") + ")";
        if (!n.attributes.empty()) {
            parts.clear();
            for (const auto& [k, a] : n.attributes) parts.push_back(cat(k, "=", to_text(a)));
            s += " {" + join(parts, ", ") + "}";
        }
        if (!n.origins.empty() && !(n.origins.size() == 1 && n.origins[0] == n.name)) s += "  # " + join(n.origins, " + ");
        s += "\n";
    }
    parts.clear();
    for (ValueId v : g.outputs) parts.push_back(use(v));
    return s + "} -> " + join(parts, ", ") + "\n";
}

}  // namespace hone
