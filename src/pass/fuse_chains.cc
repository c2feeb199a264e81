// SPDX-License-Identifier: Apache-2.0
// Elementwise operators that feed one another become one hone.Chain: a tree whose inner values nobody else reads, all of
// the dims of its result. What is broadcast enters as an input. Of 16-bit floats the body computes in f32 between casts:
// what stays inside a chain is not rounded to 16 bits, and one operator is a chain already.
#include <algorithm>
#include <map>
#include <set>

#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
/// A chain's tiles and its inputs share the first cache.
constexpr size_t kMostNodes = 32, kMostInputs = 16;

bool chainable(const Graph& g, NodeId id, DType type) {
    const Node& n = g.node(id);
    if (!vector_elementwise(g, n, type) || n.outputs.size() != 1) return false;
    const TypeInfo& y = g.value(n.out()).type;
    return y.fixed() && y.dtype == type && count_of(dims_of(y.shape)) > 0;
}
ValueId cast_to(Graph& g, ValueId v, DType type, const std::vector<std::string>& origins) {
    const NodeId c = g.add_node("", "Cast", {v}, 1, {{"to", static_cast<int64_t>(type)}}, g.value(v).name + ":cast", origins);
    TypeInfo t = g.value(v).type;
    t.dtype = type;
    g.value(g.node(c).out()).type = t;
    return g.node(c).out();
}
Tensor widened(const Tensor& t) { return is_narrow_float(t.dtype()) ? t.cast(DType::f32) : t; }
/// The values that `n` computes with; the limits of a Clip are constants of its own.
std::vector<ValueId> operands(const Node& n) {
    if (n.op == "Clip") return {n.in(0)};
    return n.inputs;
}

bool fuse(Graph& g, NodeId root, std::set<NodeId>& taken) {
    std::vector<NodeId> group = {root};
    const DType type = g.value(g.node(root).out()).type.dtype;
    const bool narrow = type != DType::f32;
    const auto in_group = [&](NodeId n) { return std::find(group.begin(), group.end(), n) != group.end(); };
    const auto inputs_of = [&] {
        std::vector<ValueId> in;
        for (NodeId n : group)
            for (ValueId v : operands(g.node(n)))
                if ((g.value(v).producer == kNone || !in_group(g.value(v).producer)) && std::find(in.begin(), in.end(), v) == in.end()) in.push_back(v);
        return in;
    };
    for (bool grown = true; grown;) {
        grown = false;
        for (ValueId v : inputs_of()) {
            const NodeId p = g.value(v).producer;
            if (p == kNone || taken.contains(p) || group.size() == kMostNodes || !chainable(g, p, type) || g.is_output(v) || !same_fixed_shape(g, v, g.node(root).out())) continue;
            const std::vector<NodeId>& users = g.value(v).users;
            if (!std::all_of(users.begin(), users.end(), in_group)) continue;
            group.push_back(p);
            if (inputs_of().size() > kMostInputs) group.pop_back();
            else grown = true;
            if (grown) break;
        }
    }
    if (group.size() < 2 && !narrow) return false;
    taken.insert(group.begin(), group.end());
    std::vector<NodeId> ordered;
    for (NodeId n : g.order())
        if (in_group(n)) ordered.push_back(n);
    auto body = std::make_shared<Graph>();
    body->name = g.node(root).name;
    std::map<ValueId, ValueId> in_body;
    std::vector<ValueId> inputs = inputs_of();
    for (ValueId& v : inputs) {
        const ValueId outer = v;
        if (narrow && !same_fixed_shape(g, v, g.node(root).out())) {  // what is broadcast is small: cast before the chain
            const Value value = g.value(v);
            v = value.is_constant() ? g.add_constant(value.name + ":f32", widened(value.constant)) : cast_to(g, v, DType::f32, g.node(root).origins);
        }
        const Value& value = g.value(v);
        in_body[outer] = body->add_input(value.name, value.is_constant() ? TypeInfo::of(value.constant) : value.type);
    }
    for (NodeId id : ordered) {
        const Node& n = g.node(id);
        std::vector<ValueId> in;
        for (ValueId v : n.inputs) {
            if (v != kNone && !in_body.contains(v)) in_body[v] = body->add_constant(g.value(v).name, widened(g.value(v).constant));
            if (v != kNone && is_narrow_float(body->value(in_body[v]).type.dtype)) in_body[v] = cast_to(*body, in_body[v], DType::f32, n.origins);
            in.push_back(v == kNone ? kNone : in_body[v]);
        }
        const NodeId copy = body->add_node(n.domain, n.op, in, 1, n.attributes, n.name, n.origins);
        in_body[n.out()] = body->node(copy).out();
        TypeInfo t = g.value(n.out()).type;
        t.dtype = DType::f32;
        body->value(body->node(copy).out()).type = t;
    }
    const ValueId y = g.node(root).out();
    body->outputs = {narrow ? cast_to(*body, in_body[y], type, g.node(root).origins) : in_body[y]};
    const NodeId chain = g.add_node("hone", "Chain", inputs, 1, {{"body", std::shared_ptr<const Graph>(body)}}, g.node(root).name + ":chain", join_origins(g, ordered));
    g.value(g.node(chain).out()).type = g.value(y).type;
    g.replace_uses(y, g.node(chain).out());
    return true;
}
}  // namespace

bool fuse_chains(Graph& g, const PassOptions&) {
    bool any = false;
    std::set<NodeId> taken;
    std::vector<NodeId> order = g.order();
    std::reverse(order.begin(), order.end());
    for (NodeId id : order)
        for (DType type : {DType::f32, DType::bf16, DType::f16})
            if (!taken.contains(id) && chainable(g, id, type)) any |= fuse(g, id, taken);
    if (any) remove_dead(g);
    return any;
}

}  // namespace hone::passes
