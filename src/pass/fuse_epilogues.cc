// SPDX-License-Identifier: Apache-2.0
// Conv, Gemm and MatMul with constant weights become hone.Conv and hone.Gemm and take in what follows them: a constant
// bias Add, a residual Add of the same shape, an activation.
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
NodeId replace(Graph& g, NodeId old, const char* op, std::vector<ValueId> inputs, Attributes attributes) {
    const Node n = g.node(old);
    const NodeId fresh = g.add_node("hone", op, std::move(inputs), 1, std::move(attributes), n.name + ":fused", n.origins);
    g.value(g.node(fresh).out()).type = g.value(n.out()).type;
    g.replace_uses(n.out(), g.node(fresh).out());
    g.remove_node(old);
    return fresh;
}

/// The bias of a Gemm as [n], or null when it does not broadcast over rows.
std::optional<Tensor> row_bias(const Tensor& c, int64_t n) {
    if (c.dtype() != DType::f32 || c.rank() > 2 || (c.rank() == 2 && c.dim(0) != 1)) return std::nullopt;
    if (c.count() == n) return c.reshaped({n});
    if (c.count() != 1) return std::nullopt;
    Tensor t = Tensor::zeros(DType::f32, {n});
    for (int64_t i = 0; i < n; ++i) t.set(i, c.at(0));
    return t;
}

NodeId to_fused(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const ValueId x = n.in(0), w = n.in(1);
    if (n.outputs.size() != 1 || x == kNone || g.value(x).type.dtype != DType::f32 || !g.value(x).type.fixed()) return kNone;
    const Tensor* weights = constant_of(g, w);
    if (!weights) return kNone;
    if (n.is("Conv")) {
        if (n.in(2) != kNone && !constant_of(g, n.in(2))) return kNone;
        return replace(g, id, "Conv", {x, w, n.in(2), kNone}, n.attributes);
    }
    if (weights->rank() != 2 || g.value(x).type.shape.empty()) return kNone;
    if (n.is("MatMul")) return replace(g, id, "Gemm", {x, w, kNone, kNone}, {});
    if (!n.is("Gemm") || int_attribute(n, "transA", 0) || real_attribute(n, "alpha", 1) != 1) return kNone;
    const int64_t trans = int_attribute(n, "transB", 0);
    ValueId bias = kNone;
    if (n.in(2) != kNone) {
        const Tensor* c = constant_of(g, n.in(2));
        if (!c || real_attribute(n, "beta", 1) != 1) return kNone;
        const auto row = row_bias(*c, weights->dim(trans ? 0 : 1));
        if (!row) return kNone;
        bias = g.add_constant(g.value(n.in(2)).name + ":row", *row);
    }
    return replace(g, id, "Gemm", {x, w, bias, kNone}, {{"transB", trans}});
}

/// Takes the Add that follows as bias or residual. True when it did.
bool take_add(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const NodeId add_id = g.sole_user(n.out());
    if (add_id == kNone || !g.node(add_id).is("Add") || n.attributes.contains("activation")) return false;
    const Node add = g.node(add_id);
    if (add.in(0) == add.in(1)) return false;
    const ValueId r = add.in(0) == n.out() ? add.in(1) : add.in(0);
    const Tensor* c = constant_of(g, r);
    if (c && n.op == "Gemm" && n.in(2) == kNone && n.in(3) == kNone) {
        const Tensor& w = g.value(n.in(1)).constant;
        const auto bias = c->rank() == 1 ? row_bias(*c, w.dim(int_attribute(n, "transB", 0) ? 0 : 1)) : std::nullopt;
        if (!bias || !same_fixed_shape(g, n.out(), add.out())) return false;
        g.set_input(id, 2, g.add_constant(g.value(r).name + ":row", *bias));
    } else {
        if (c || n.in(3) != kNone || !same_fixed_shape(g, n.out(), r)) return false;
        // Where both sides could take the Add, the later one does: its other side is ready by then.
        const NodeId rival = g.value(r).producer;
        if (rival != kNone && g.node(rival).domain == "hone" && g.node(rival).op == n.op && g.sole_user(r) == add_id &&
            g.node(rival).in(3) == kNone && !g.node(rival).attributes.contains("activation") && rival > id)
            return false;
        g.set_input(id, 3, r);
    }
    g.node(id).origins = join_origins(g, {id, add_id});
    g.replace_uses(add.out(), n.out());
    g.remove_node(add_id);
    return true;
}

bool take_activation(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const NodeId user = g.sole_user(n.out());
    if (user == kNone || n.attributes.contains("activation")) return false;
    const auto act = activation_of(g, g.node(user));
    if (!act) return false;
    if (g.node(user).in(0) != n.out()) return false;
    Node& me = g.node(id);
    me.attributes["activation"] = act->name;
    me.attributes["alpha"] = act->alpha;
    me.attributes["beta"] = act->beta;
    me.origins = join_origins(g, {id, user});
    g.replace_uses(g.node(user).out(), n.out());
    g.remove_node(user);
    return true;
}
}  // namespace

bool fuse_epilogues(Graph& g, const PassOptions&) {
    bool any = false;
    std::vector<NodeId> fused;
    for (NodeId id : g.order()) {
        NodeId f = id;
        if (g.node(id).domain != "hone") f = to_fused(g, id);
        else if (g.node(id).op != "Conv" && g.node(id).op != "Gemm") f = kNone;
        if (f == kNone) continue;
        any |= f != id;
        fused.push_back(f);
    }
    for (NodeId f : fused) {
        while (take_add(g, f)) any = true;
        any |= take_activation(g, f);
    }
    return any;
}

}  // namespace hone::passes
