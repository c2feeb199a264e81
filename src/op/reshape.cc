// SPDX-License-Identifier: Apache-2.0
// Reshape, Flatten, Squeeze and Unsqueeze: the same elements under other dims.
#include <algorithm>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void run_copy(RefContext& c) {
    if (c.in[0].count() != c.out[0].count())
        c.refuse(
            cat("an input ", to_text(c.in[0].dims()), " does not have the elements of ", to_text(c.out[0].dims())));
    copy_all(c.in[0], c.out[0]);
}
void gradient_copy(GradientContext& c) { c.give(0, c.b.reshape(c.dy(), c.b.dims(c.x()))); }

/// Product of the known dims, and the one unknown dim when there is exactly one.
struct Factors {
    int64_t known = 1;
    int unknown = 0;
    Dim last;
    void add(const Dim& d) {
        if (d.known())
            known = checked_mul(known, d.value);
        else
            ++unknown, last = d;
    }
};

/// The dim of -1: what the input has and the output does not. Dims that are copied cancel even when symbolic.
Dim rest(const InferContext& c, const Shape& x, const Dims& shape, const Shape& y, bool allow_zero) {
    Factors in, out;
    for (size_t i = 0; i < x.size(); ++i)
        if (allow_zero || i >= shape.size() || shape[i] != 0) in.add(x[i]);
    for (size_t i = 0; i < shape.size(); ++i)
        if (shape[i] > 0 || (allow_zero && shape[i] == 0) || (shape[i] == 0 && i >= x.size())) out.add(y[i]);
    if (in.unknown == 0) {
        if (out.known == 0) {  // an empty input: what is left is 0 elements
            if (in.known) c.refuse(cat("an input ", to_text(x), " does not reshape to ", to_text(shape)));
            return 0;
        }
        if (in.known % out.known) c.refuse(cat("an input ", to_text(x), " does not reshape to ", to_text(shape)));
        return in.known / out.known;
    }
    if (in.unknown == 1 && in.known == out.known) return in.last;
    return {};
}

void infer_reshape(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const bool allow_zero = c.integer("allowzero") != 0;
    const DType t = c.dtype(0);
    const auto shape = known_integers(c, 1);
    if (!shape) {
        const auto rank = known_length(c, 1);
        if (rank && *rank > 1000) c.refuse(cat("a rank of ", *rank));
        return rank ? c.set(0, t, Shape(static_cast<size_t>(*rank))) : c.set(0, t);
    }
    Shape y(shape->size());
    int open = -1;
    for (size_t i = 0; i < y.size(); ++i) {
        const int64_t v = (*shape)[i];
        if (v < -1) c.refuse(cat("the shape has entry ", v));
        if (v == -1 && open >= 0) c.refuse("the shape has more than one -1");
        if (v == -1)
            open = static_cast<int>(i);
        else if (v > 0 || allow_zero)
            y[i] = v;
        else if (c.rank_known(0)) {
            if (i >= c.shape(0).size())
                c.refuse(cat("the shape copies dim ", number(i), " of an input ", to_text(c.shape(0))));
            y[i] = c.shape(0)[i];
        }
    }
    if (c.rank_known(0)) {
        if (open >= 0) y[static_cast<size_t>(open)] = rest(c, c.shape(0), *shape, y, allow_zero);
        if (is_static(c.shape(0)) && is_static(y) && count_of(dims_of(y)) != count_of(dims_of(c.shape(0))))
            c.refuse(cat("an input ", to_text(c.shape(0)), " does not reshape to ", to_text(y)));
    }
    c.set(0, t, y);
}
void upgrade_reshape(Graph& g, NodeId n, int from) {
    if (from < 5) integers_to_input(g, n, "shape", 1);
}
int downgrade_reshape(Graph& g, NodeId n, int to) {
    if (to >= 14) return to;
    if (integer_or(g.node(n), "allowzero", 0)) {
        const Tensor* shape = constant_input(g, n, 1);
        const Dims dims = shape ? shape->to_i64() : Dims{0};
        if (std::count(dims.begin(), dims.end(), 0)) return 14;
    }
    drop_attribute(g, n, "allowzero");
    return to;
}

void infer_flatten(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    if (!c.rank_known(0)) return c.set(0, c.dtype(0), Shape(2));
    const Shape& x = c.shape(0);
    const auto rank = static_cast<int64_t>(x.size());
    int64_t axis = c.integer("axis");
    if (axis < -rank || axis > rank) c.refuse(cat("axis ", axis, " is outside a tensor of rank ", rank));
    if (axis < 0) axis += rank;
    c.set(0, c.dtype(0), {product(x, 0, static_cast<size_t>(axis)), product(x, static_cast<size_t>(axis), x.size())});
}
int downgrade_flatten(Graph& g, NodeId n, int to) {
    const int64_t axis = integer_or(g.node(n), "axis", 1);
    if (to >= 11 || axis >= 0) return to;
    const TypeInfo& t = g.value(g.node(n).in(0)).type;
    if (!t.rank_known) return 11;
    g.node(n).attributes["axis"] = axis + static_cast<int64_t>(t.shape.size());
    return to;
}

/// Axes of input 1 as flags over `rank` dims; refuses repeated ones.
std::vector<bool> axis_flags(const InferContext& c, const Dims& axes, size_t rank) {
    std::vector<bool> flags(rank);
    for (int64_t a : axes) {
        const auto i = static_cast<size_t>(normal_axis(c, a, static_cast<int64_t>(rank)));
        if (flags[i]) c.refuse(cat("axis ", a, " is given twice"));
        flags[i] = true;
    }
    return flags;
}

void infer_squeeze(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const DType t = c.dtype(0);
    if (!c.rank_known(0)) return c.set(0, t);
    const Shape& x = c.shape(0);
    Shape y;
    if (!c.given(1)) {
        for (const Dim& d : x) {
            if (!d.known()) return c.set(0, t);
            if (d.value != 1) y.push_back(d);
        }
        return c.set(0, t, y);
    }
    const auto axes = known_integers(c, 1);
    if (!axes) {
        const auto n = known_length(c, 1);
        if (n && *n > static_cast<int64_t>(x.size())) c.refuse(cat(*n, " axes of an input ", to_text(x)));
        return n ? c.set(0, t, Shape(x.size() - static_cast<size_t>(*n))) : c.set(0, t);
    }
    const std::vector<bool> gone = axis_flags(c, *axes, x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        if (!gone[i])
            y.push_back(x[i]);
        else if (x[i].known() && x[i].value != 1)
            c.refuse(cat("axis ", number(i), " of an input ", to_text(x), " is not 1"));
    }
    c.set(0, t, y);
}

void infer_unsqueeze(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const auto axes = known_integers(c, 1);
    const auto n = axes ? std::optional(static_cast<int64_t>(axes->size())) : known_length(c, 1);
    if (n && *n > 1000) c.refuse(cat(*n, " axes"));
    if (!c.rank_known(0) || !n) return c.set(0, c.dtype(0));
    Shape y(c.shape(0).size() + static_cast<size_t>(*n));
    if (!axes) return c.set(0, c.dtype(0), y);
    const std::vector<bool> fresh = axis_flags(c, *axes, y.size());
    for (size_t i = 0, from = 0; i < y.size(); ++i) y[i] = fresh[i] ? Dim(1) : c.shape(0)[from++];
    c.set(0, c.dtype(0), y);
}

void upgrade_axes(Graph& g, NodeId n, int from) {
    if (from < 13) integers_to_input(g, n, "axes", 1);
}
int downgrade_axes(Graph& g, NodeId n, int to) {
    if (to >= 13) return to;
    if (!input_to_integers(g, n, 1, "axes")) return 13;
    if (to >= 11) return to;
    const auto it = g.node(n).attributes.find("axes");
    if (it == g.node(n).attributes.end()) return to;
    const Node& node = g.node(n);
    const TypeInfo& t = g.value(node.is("Unsqueeze") ? node.out() : node.in(0)).type;
    for (int64_t& a : std::get<std::vector<int64_t>>(it->second)) {  // negative ones are of 11
        if (a >= 0) continue;
        if (!t.rank_known) return 11;
        a += static_cast<int64_t>(t.shape.size());
    }
    return to;
}

Cost no_cost(const CostContext&) { return {}; }

}  // namespace

std::vector<OpDecl> reshape() {
    return {
        {.name = "Reshape",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"allowzero", AttrKind::integer, int64_t{0}}},
         .infer = infer_reshape,
         .reference = run_copy,
         .cost = no_cost,
         .gradient = gradient_copy,
         .upgrade = upgrade_reshape,
         .downgrade = downgrade_reshape},
        {.name = "Flatten",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"axis", AttrKind::integer, int64_t{1}}},
         .infer = infer_flatten,
         .reference = run_copy,
         .cost = no_cost,
         .gradient = gradient_copy,
         .downgrade = downgrade_flatten},
        {.name = "Squeeze",
         .min_inputs = 1,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_squeeze,
         .reference = run_copy,
         .cost = no_cost,
         .gradient = gradient_copy,
         .upgrade = upgrade_axes,
         .downgrade = downgrade_axes},
        {.name = "Unsqueeze",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_unsqueeze,
         .reference = run_copy,
         .cost = no_cost,
         .gradient = gradient_copy,
         .upgrade = upgrade_axes,
         .downgrade = downgrade_axes},
    };
}

}  // namespace hone::ops
