// SPDX-License-Identifier: Apache-2.0
// ScatterElements (before opset 11: Scatter) and ScatterND with their reductions. Every index is checked.
#include <algorithm>
#include <cmath>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

enum class Reduction { none, add, mul, min, max };
Reduction reduction(const OpContext& c) {
    const std::string& r = c.text("reduction");
    static const char* const names[] = {"none", "add", "mul", "min", "max"};
    for (int i = 0; i < 5; ++i)
        if (r == names[i]) return static_cast<Reduction>(i);
    c.refuse(cat("attribute 'reduction' is '", r, "'; expected none, add, mul, min or max"));
}

/// y[at] = combine(y[at], update[i]).
void combine(const OpContext& c, Reduction r, const Tensor& update, int64_t i, Tensor& y, int64_t at) {
    if (r == Reduction::none) return copy_elements(update, i, y, at, 1);
    if (is_float(y.dtype())) {
        const double a = y.at(at), b = update.at(i);
        const double extreme = std::isnan(a)         ? a
                               : std::isnan(b)       ? b
                               : r == Reduction::min ? std::fmin(a, b)
                                                     : std::fmax(a, b);
        return y.set(at, r == Reduction::add ? a + b : r == Reduction::mul ? a * b : extreme);
    }
    if (!is_number_or_bool(y.dtype())) c.refuse(cat("a reduction of ", dtype_name(y.dtype())));
    const int64_t a = y.at_int(at), b = update.at_int(i);
    const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
    const bool less = y.dtype() == DType::u64 ? ub < ua : b < a;
    switch (r) {
        case Reduction::add: return y.set_int(at, static_cast<int64_t>(ua + ub));
        case Reduction::mul: return y.set_int(at, static_cast<int64_t>(ua * ub));
        case Reduction::min: return y.set_int(at, less ? b : a);
        default: return y.set_int(at, less ? a : b);
    }
}

void infer_common(InferContext& c) {
    const DType t = require_type(c, {0, 2}, is_any, "any type");
    require_type_of(c, 1, is_index, "i32 or i64");
    require_rank(c, 0, 1, 1000);
    if (reduction(c) != Reduction::none && t != DType::undefined && !is_number_or_bool(t))
        c.refuse(cat("a reduction of ", dtype_name(t)));
    if (c.rank_known(0))
        c.set(0, t, c.shape(0));
    else
        c.set(0, t);
}

void infer_scatter_elements(InferContext& c) {
    infer_common(c);
    if (c.rank_known(0)) {
        const size_t rank = c.shape(0).size();
        const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(rank)));
        require_rank(c, 1, rank, rank);
        for (size_t d = 0; c.rank_known(1) && d < rank; ++d)
            if (d != axis && c.shape(1)[d].known() && c.shape(0)[d].known() &&
                c.shape(1)[d].value > c.shape(0)[d].value)
                c.refuse(cat("indices ", to_text(c.shape(1)), " are larger than the data ", to_text(c.shape(0))));
    }
    if (c.rank_known(1)) require_shape(c, 2, c.shape(1), "the updates");
}
void run_scatter_elements(RefContext& c) {
    const Tensor &x = c.in[0], &indices = c.in[1];
    copy_all(x, c.out[0]);
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
    const Reduction r = reduction(c);
    Dims strides = strides_of(x.dims());
    const int64_t along = strides[axis];
    strides[axis] = 0;
    walk(indices.dims(), {strides}, [&](int64_t i, const int64_t* at) {
        combine(c, r, c.in[2], i, c.out[0], at[0] + checked_index(c, indices.at_int(i), x.dim(axis)) * along);
    });
}

void infer_scatter_nd(InferContext& c) {
    infer_common(c);
    require_rank(c, 1, 1, 1000);
    if (!c.rank_known(0) || !c.rank_known(1) || !c.shape(1).back().known()) return;
    const Shape &x = c.shape(0), &indices = c.shape(1);
    const int64_t depth = indices.back().value;
    if (depth < 1 || depth > static_cast<int64_t>(x.size()))
        c.refuse(cat("indices of ", depth, " numbers into data ", to_text(x)));
    Shape updates(indices.begin(), indices.end() - 1);
    updates.insert(updates.end(), x.begin() + depth, x.end());
    require_shape(c, 2, updates, "the updates");
}
void run_scatter_nd(RefContext& c) {
    const Tensor &x = c.in[0], &indices = c.in[1];
    copy_all(x, c.out[0]);
    const Reduction r = reduction(c);
    const int64_t depth = indices.dims().back();
    const int64_t slice = count_between(x.dims(), static_cast<size_t>(depth), x.rank());
    const Dims strides = strides_of(x.dims());
    for (int64_t i = 0; i < indices.count() / depth; ++i) {
        int64_t at = 0;
        for (int64_t d = 0; d < depth; ++d)
            at += checked_index(c, indices.at_int(i * depth + d), x.dim(static_cast<size_t>(d))) *
                  strides[static_cast<size_t>(d)];
        if (r == Reduction::none)
            copy_elements(c.in[2], i * slice, c.out[0], at, slice);
        else
            for (int64_t k = 0; k < slice; ++k) combine(c, r, c.in[2], i * slice + k, c.out[0], at + k);
    }
}

/// Indices without a reduction must differ (the standard). Products may have factors that are 0; extremes that several
/// elements have share the gradient in equal parts.
void gradient_scatter(GradientContext& c) {
    Builder& b = c.b;
    const bool nd = std::string_view(c.op.name) == "ScatterND";
    const Attributes along = nd ? Attributes{} : Attributes{{"axis", c.integer("axis")}};
    const auto at_places = [&](ValueId v) { return b.node(nd ? "GatherND" : "GatherElements", {v, c.x(1)}, along); };
    const auto scatter = [&](ValueId data, ValueId updates, const char* how) {
        Attributes a = along;
        a["reduction"] = std::string(how);
        return b.node(c.op.name, {data, c.x(1), updates}, a);
    };
    const ValueId x = c.x(0), u = c.x(2), dy = c.dy();
    const Reduction r = reduction(c);
    if (r == Reduction::none) {
        if (c.wants(0)) c.give(0, scatter(dy, b.filled(u, 0), "none"));
        if (c.wants(2)) c.give(2, at_places(dy));
        return;
    }
    if (r == Reduction::add) {
        c.give(0, dy);
        if (c.wants(2)) c.give(2, at_places(dy));
        return;
    }
    const DType t = b.dtype(x);
    if (r == Reduction::mul) {  // the product of the others: of all that are not 0, unless another is 0
        const auto zero = [&](ValueId v) { return b.equal(v, b.like(v, 0)); };
        const auto nonzero = [&](ValueId v) { return b.where(zero(v), b.like(v, 1), v); };
        const ValueId zeros_x = b.cast(zero(x), t), zeros_u = b.cast(zero(u), t), xs = nonzero(x), us = nonzero(u);
        const ValueId zeros = scatter(zeros_x, zeros_u, "add"), product = b.mul(dy, scatter(xs, us, "mul"));
        if (c.wants(0)) c.give(0, b.keep(b.equal(zeros, zeros_x), b.div(product, xs)));
        if (c.wants(2)) c.give(2, b.keep(b.equal(at_places(zeros), zeros_u), b.div(at_places(product), us)));
        return;
    }
    const ValueId takes_x = b.cast(b.equal(x, c.y()), t), takes_u = b.cast(b.equal(u, at_places(c.y())), t);
    const ValueId part = b.div(dy, scatter(takes_x, takes_u, "add"));
    if (c.wants(0)) c.give(0, b.mul(part, takes_x));
    if (c.wants(2)) c.give(2, b.mul(at_places(part), takes_u));
}

int downgrade_reduction(Graph& g, NodeId n, int to) {
    const std::string r = text_or(g.node(n), "reduction", "none");
    if (to >= 18 || (to >= 16 && r != "min" && r != "max")) return to;
    if (r != "none") return r == "min" || r == "max" ? 18 : 16;
    drop_attribute(g, n, "reduction");
    if (to < 11 && g.node(n).op == "ScatterElements") g.node(n).op = "Scatter";
    return to;
}
void upgrade_scatter(Graph& g, NodeId n, int) { g.node(n).op = "ScatterElements"; }
void infer_scatter(InferContext& c) { c.refuse("Scatter is of opsets 9 and 10; later it is ScatterElements"); }

AttrSpec reduction_attribute() { return {"reduction", AttrKind::text, std::string("none")}; }
AttrSpec axis_attribute() { return {"axis", AttrKind::integer, int64_t{0}}; }

}  // namespace

std::vector<OpDecl> scatter() {
    return {
        {.name = "ScatterElements",
         .min_inputs = 3,
         .max_inputs = 3,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {axis_attribute(), reduction_attribute()},
         .infer = infer_scatter_elements,
         .reference = run_scatter_elements,
         .gradient = gradient_scatter,
         .downgrade = downgrade_reduction,
         .since = 11},
        {.name = "ScatterND",
         .min_inputs = 3,
         .max_inputs = 3,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {reduction_attribute()},
         .infer = infer_scatter_nd,
         .reference = run_scatter_nd,
         .gradient = gradient_scatter,
         .downgrade = downgrade_reduction,
         .since = 11},
        {.name = "Scatter",
         .min_inputs = 3,
         .max_inputs = 3,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {axis_attribute()},
         .infer = infer_scatter,
         .reference = nullptr,
         .upgrade = upgrade_scatter,
         .since = 9},
    };
}

}  // namespace hone::ops
