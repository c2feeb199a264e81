// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training takes in the residual's Add and the ReLU that follow it; on the way back the ReLU's
// gradient, with the sum of two branches' gradients, joins the normalisation's. In bf16 it becomes the same operators where
// no ReLU follows: their kernels need no widening. Gradients of convolutions' weights get the activation computed again from
// what was normalised, which is kept anyway: the activation itself need not live from the way forward to the way back.
#include <vector>

#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {
namespace {

ValueId other_input(const Node& add, ValueId v) { return add.in(0) == v ? add.in(1) : add.in(0); }
void copy_type(Graph& g, ValueId to, ValueId from) { g.value(to).type = g.value(from).type; }

/// What a BatchNormalization becomes: y = relu(normalised + residual), or y = normalised where no ReLU follows.
struct Forward {
    NodeId norm, add = kNone, relu = kNone;
    ValueId residual = kNone;
};

/// Add and ReLU behind it, where they are there and nobody else reads what lies between.
void find_followers(const Graph& g, Forward& f) {
    ValueId y = g.node(f.norm).out();
    NodeId next = g.is_output(y) ? kNone : g.sole_user(y), add = kNone;
    ValueId residual = kNone;
    if (next != kNone && g.node(next).is("Add")) {
        residual = other_input(g.node(next), y);
        add = next, y = g.node(next).out();
        if (residual == g.node(f.norm).out() || g.value(residual).is_constant() || !same_fixed_shape(g, residual, y) || g.is_output(y)) return;
        next = g.sole_user(y);
    }
    if (next == kNone || !g.node(next).is("Relu") || g.is_output(g.node(next).out())) return;
    f.add = add, f.relu = next, f.residual = residual;
}

/// A normalisation alone gains where it would be widened: in bf16.
bool find_forward(const Graph& g, NodeId id, Forward& f) {
    const Node& n = g.node(id);
    if (!n.is("BatchNormalization") || !int_attribute(n, "training_mode", 0)) return false;
    for (size_t i = 0; i < 5; ++i) {  // activations may be bf16, parameters and statistics are f32
        const TypeInfo& t = g.value(n.in(i)).type;
        if (!t.fixed() || (t.dtype != DType::f32 && (i || t.dtype != DType::bf16))) return false;
    }
    if (g.value(n.in(0)).type.shape.size() < 2) return false;
    f = {.norm = id};
    find_followers(g, f);
    return f.relu != kNone || (g.value(n.in(0)).type.dtype == DType::bf16 && !g.is_output(n.out()));
}

/// v is computed from `from`, by however many nodes.
bool depends(const Graph& g, ValueId v, ValueId from) {
    std::vector<char> seen(static_cast<size_t>(g.node_count()));
    std::vector<ValueId> open{v};
    while (!open.empty()) {
        const ValueId now = open.back();
        open.pop_back();
        if (now == from) return true;
        const NodeId made = now == kNone ? kNone : g.value(now).producer;
        if (made == kNone || seen[static_cast<size_t>(made)]) continue;
        seen[static_cast<size_t>(made)] = 1;
        const std::vector<ValueId>& in = g.node(made).inputs;
        open.insert(open.end(), in.begin(), in.end());
    }
    return false;
}

/// The three gradients of `grad` are those of `fused`.
void take_outputs(Graph& g, NodeId fused, const Node& grad, ValueId x, ValueId scale) {
    for (size_t i = 0; i < 3; ++i) {
        const ValueId to = g.node(fused).out(i);
        copy_type(g, to, i ? scale : x);
        if (grad.out(i) != kNone) g.replace_uses(grad.out(i), to);
    }
}

/// On the way back the ReLU's gradient joins the normalisation's, where one follows the other.
bool fuse_backward(Graph& g, NodeId back) {
    const Node grad = g.node(back);
    if (!grad.alive || !grad.is("BatchNormGrad", "hone")) return false;
    const ValueId masked = grad.in(0), x = grad.in(1), scale = grad.in(2);
    const TypeInfo &type = g.value(x).type, &small = g.value(scale).type;
    if (!type.fixed() || type.shape.size() < 2 || small.dtype != DType::f32 || (type.dtype != DType::f32 && type.dtype != DType::bf16)) return false;
    const NodeId mask = g.value(masked).producer;
    const bool follows = mask != kNone && g.node(mask).is("ReluGrad", "hone") && g.node(mask).in(0) != g.node(mask).in(1);
    const bool kept = g.value(masked).users.size() > 1 || g.is_output(masked);
    // X, or its scale, may be computed again when that gradient is there (pass/recompute.h).
    if (!follows || (kept && (depends(g, x, masked) || depends(g, scale, masked)))) {
        if (type.dtype != DType::bf16 || grad.outputs.size() < 3) return false;  // as on the way forward
        const NodeId alone = g.add_node("hone", "BatchNormActGrad", grad.inputs, 3, {{"epsilon", real_attribute(grad, "epsilon", 1e-5f)}, {"relu", int64_t{0}}}, grad.name + ":fused", grad.origins);
        take_outputs(g, alone, grad, x, scale);
        g.remove_node(back);
        return true;
    }
    const ValueId a = g.node(mask).in(1);
    // Where X makes the activation without a residual, its sign is computed again; else the activation is read.
    const NodeId made = g.value(a).producer;
    const bool computes = made != kNone && g.node(made).is("BatchNormAct", "hone") && g.node(made).in(0) == x && g.node(made).in(5) == kNone && int_attribute(g.node(made), "relu", 1);
    const ValueId slope = computes ? g.node(made).out(3) : kNone, bias = computes ? g.node(made).out(4) : kNone;
    ValueId dy = g.node(mask).in(0), dy2 = kNone;
    if (const NodeId sum = g.value(dy).producer; sum != kNone && g.node(sum).is("Add") && g.sole_user(dy) == mask && g.node(sum).in(0) != g.node(sum).in(1) &&
                                                 same_fixed_shape(g, g.node(sum).in(0), dy) && same_fixed_shape(g, g.node(sum).in(1), dy) &&
                                                 !depends(g, x, g.node(sum).in(0)) && !depends(g, x, g.node(sum).in(1))) {  // else two would wait where one can
        dy2 = g.node(sum).in(1);
        dy = g.node(sum).in(0);
    }
    Attributes attributes{{"epsilon", real_attribute(grad, "epsilon", 1e-5f)}, {"relu", int64_t{1}}};
    const NodeId fused = g.add_node("hone", "BatchNormActGrad", {dy, x, scale, dy2, computes ? kNone : a, slope, bias},
                                    kept ? 4 : 3, std::move(attributes), grad.name + ":fused", join_origins(g, {mask, back}));
    take_outputs(g, fused, grad, x, scale);
    g.remove_node(back);
    if (kept) {
        const ValueId to = g.node(fused).out(3);
        copy_type(g, to, masked);
        g.replace_uses(masked, to);
    }
    g.remove_node(mask);
    return true;
}

/// It reads its operands on the way forward alone.
bool forward_only(const Node& n) {
    for (const char* op : {"Conv", "Add", "AveragePool", "GlobalAveragePool"})
        if (n.is(op)) return true;
    return n.is("BatchNormAct", "hone");
}

/// Weight gradients read the activation computed again.
bool compute_again(Graph& g, NodeId act) {
    const Node made = g.node(act);
    if (!made.alive || !made.is("BatchNormAct", "hone") || made.in(5) != kNone) return false;
    const ValueId x = made.in(0), a = made.out(0), slope = made.out(3), bias = made.out(4);
    std::vector<NodeId> readers;
    for (NodeId u : g.value(a).users) {
        if (g.is_output(a)) return false;
        if (g.node(u).is("ConvGradWeight", "hone") && g.node(u).in(0) == a && g.node(u).in(1) != a) readers.push_back(u);
        else if (!forward_only(g.node(u))) return false;  // someone else keeps it alive
    }
    for (NodeId u : readers) {
        const NodeId apply = g.add_node("hone", "BatchNormApply", {x, slope, bias}, 1, {{"relu", int_attribute(made, "relu", 1)}}, g.node(u).name + ":again", g.node(u).origins);
        copy_type(g, g.node(apply).out(), a);
        g.set_input(u, 0, g.node(apply).out());
    }
    return !readers.empty();
}

bool fuse_forward(Graph& g, NodeId id) {
    Forward f;
    if (!g.node(id).alive || !find_forward(g, id, f)) return false;
    const Node norm = g.node(id);
    const ValueId old = f.relu == kNone ? norm.out() : g.node(f.relu).out();
    std::vector<NodeId> all{f.norm};
    for (NodeId follower : {f.add, f.relu})
        if (follower != kNone) all.push_back(follower);
    std::vector<ValueId> in(norm.inputs.begin(), norm.inputs.begin() + 5);
    in.push_back(f.residual);
    Attributes attributes{{"epsilon", real_attribute(norm, "epsilon", 1e-5f)}, {"momentum", real_attribute(norm, "momentum", 0.9f)}, {"relu", int64_t{f.relu != kNone}}};
    const NodeId fused = g.add_node("hone", "BatchNormAct", in, 5, std::move(attributes), norm.name + ":fused", join_origins(g, all));
    const Node now = g.node(fused);
    copy_type(g, now.out(0), old);
    for (size_t i = 1; i < 5; ++i) copy_type(g, now.out(i), norm.in(i < 3 ? i + 2 : 1));
    g.replace_uses(old, now.out(0));
    for (size_t i : {1, 2})
        if (i < norm.outputs.size() && norm.out(i) != kNone) g.replace_uses(norm.out(i), now.out(i));
    if (f.relu != kNone) g.remove_node(f.relu);
    if (f.add != kNone) g.remove_node(f.add);
    g.remove_node(f.norm);
    return true;
}

}  // namespace

bool fuse_batch_norm(Graph& g, const PassOptions&) {
    bool any = false;
    for (const auto step : {fuse_forward, fuse_backward, compute_again})
        for (NodeId id : g.order()) any |= step(g, id);
    if (any) remove_dead(g);
    return any;
}

}  // namespace hone::passes
