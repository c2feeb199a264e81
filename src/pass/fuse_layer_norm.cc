// SPDX-License-Identifier: Apache-2.0
// Layer normalisation as exporters before opset 17 spell it, (x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale +
// bias over the last axes, becomes LayerNormalization. Runtime only: a written file keeps its opset.
#include "pass/match.h"
#include "pass/list.h"

namespace hone::passes {

namespace {
/// The operand of a two-input node that is a constant, and its index; null when none or both are.
const Tensor* constant_side(const Graph& g, const Node& n, size_t* at) {
    const Tensor *a = constant_of(g, n.in(0)), *b = constant_of(g, n.in(1));
    if ((a != nullptr) == (b != nullptr)) return nullptr;
    *at = a ? 0 : 1;
    return a ? a : b;
}

/// First axis of a ReduceMean over the last axes with kept dims; -1 when it is none.
int64_t trailing_axis(const Graph& g, const Node& n) {
    if (!n.is("ReduceMean") || int_attribute(n, "keepdims", 1) != 1 || !g.value(n.in(0)).type.fixed()) return -1;
    const auto rank = static_cast<int64_t>(g.value(n.in(0)).type.shape.size());
    const Tensor* axes = constant_of(g, n.in(1));
    if (!axes || axes->count() == 0 || rank == 0) return -1;
    std::vector<bool> reduced(static_cast<size_t>(rank));
    for (int64_t i = 0; i < axes->count(); ++i) {
        const int64_t a = axes->at_int(i) + (axes->at_int(i) < 0 ? rank : 0);
        if (a < 0 || a >= rank) return -1;
        reduced[static_cast<size_t>(a)] = true;
    }
    int64_t first = rank;
    while (first > 0 && reduced[static_cast<size_t>(first - 1)]) --first;
    for (int64_t i = 0; i < first; ++i)
        if (reduced[static_cast<size_t>(i)]) return -1;
    return first < rank ? first : -1;
}

/// `c` with as many elements as the normalised axes have, or undefined.
Tensor per_element(const Tensor& c, const Dims& axes) {
    const int64_t n = count_of(axes);
    if (c.dtype() != DType::f32) return {};
    if (c.count() == n) {
        Dims d = c.dims();  // leading ones aside, the shape is that of the axes
        while (d.size() > axes.size() && d.front() == 1) d.erase(d.begin());
        return d == axes ? c.reshaped(axes) : Tensor();
    }
    if (c.count() != 1 || c.rank() > axes.size()) return {};
    Tensor t = Tensor::zeros(DType::f32, axes);
    for (int64_t i = 0; i < n; ++i) t.set(i, c.at(0));
    return t;
}

bool fuse(Graph& g, NodeId div_id) {
    const Node div = g.node(div_id);
    if (!div.is("Div")) return false;
    const ValueId centred = div.in(0), root = div.in(1);
    const NodeId sub_id = g.value(centred).producer, sqrt_id = g.value(root).producer;
    if (sub_id == kNone || sqrt_id == kNone || !g.node(sub_id).is("Sub")) return false;
    const Node sub = g.node(sub_id), sqrt = g.node(sqrt_id);
    if (!sqrt.is("Sqrt") || g.sole_user(root) != div_id) return false;
    const NodeId add_id = g.value(sqrt.in(0)).producer;
    if (add_id == kNone || !g.node(add_id).is("Add") || g.sole_user(sqrt.in(0)) != sqrt_id) return false;
    double epsilon = 0;
    const Node add = g.node(add_id);
    const size_t side = scalar_constant(g, add.in(1), &epsilon) ? 0 : 1;
    if (side == 1 && !scalar_constant(g, add.in(0), &epsilon)) return false;
    const NodeId variance_id = g.value(add.in(side)).producer, mean_id = g.value(sub.in(1)).producer;
    if (variance_id == kNone || mean_id == kNone || g.sole_user(add.in(side)) != add_id) return false;
    const Node variance = g.node(variance_id), mean = g.node(mean_id);
    const int64_t axis = trailing_axis(g, mean);
    if (axis < 0 || axis != trailing_axis(g, variance) || mean.in(0) != sub.in(0) || !same_fixed_shape(g, sub.in(0), centred)) return false;
    const NodeId square_id = g.value(variance.in(0)).producer;
    if (square_id == kNone || g.sole_user(variance.in(0)) != variance_id) return false;
    const Node square = g.node(square_id);
    double two = 0;
    const bool power = square.is("Pow") && scalar_constant(g, square.in(1), &two) && two == 2;
    if (square.in(0) != centred || !(power || (square.is("Mul") && square.in(1) == centred))) return false;

    const Dims dims = dims_of(g.value(sub.in(0)).type.shape), axes(dims.begin() + axis, dims.end());
    std::vector<NodeId> taken = {mean_id, sub_id, square_id, variance_id, add_id, sqrt_id, div_id};
    ValueId result = div.out();
    // Scale, then bias; without a scale the operator needs ones.
    Tensor scale, bias;
    for (Tensor* part : {&scale, &bias}) {
        const NodeId user = g.sole_user(result);
        size_t at = 0;
        if (user == kNone || !g.node(user).is(part == &scale ? "Mul" : "Add")) continue;
        const Tensor* c = constant_side(g, g.node(user), &at);
        const Tensor t = c ? per_element(*c, axes) : Tensor();
        if (!t.defined() || !same_fixed_shape(g, result, g.node(user).out())) continue;
        *part = t;
        taken.push_back(user);
        result = g.node(user).out();
    }
    if (!scale.defined()) {
        scale = Tensor::zeros(DType::f32, axes);
        for (int64_t i = 0; i < scale.count(); ++i) scale.set(i, 1);
    }
    const NodeId fused = g.add_node(
        "", "LayerNormalization",
        {sub.in(0), g.add_constant(div.name + ":scale", scale), bias.defined() ? g.add_constant(div.name + ":bias", bias) : kNone}, 1,
        {{"axis", axis}, {"epsilon", static_cast<float>(epsilon)}}, div.name + ":layer_norm", join_origins(g, taken));
    g.value(g.node(fused).out()).type = g.value(result).type;
    g.replace_uses(result, g.node(fused).out());
    return true;
}
}  // namespace

bool fuse_layer_norm(Graph& g, const PassOptions&) { return rewrite_nodes(g, fuse); }

}  // namespace hone::passes
