// SPDX-License-Identifier: Apache-2.0
// Concat, Split and Tile.
#include <algorithm>

#include "op/elements.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

void infer_concat(InferContext& c) {
    DType t = DType::undefined;
    bool ranks = false;
    Shape y;
    for (size_t i = 0; i < c.inputs(); ++i) {
        if (!c.given(i)) c.refuse(cat("input ", number(i), " is omitted"));
        const DType ti = require_type(c, {i}, is_any, "any type");
        if (t == DType::undefined) t = ti;
        if (ti != DType::undefined && ti != t)
            c.refuse(cat("input ", number(i), " is ", dtype_name(ti), "; expected ", dtype_name(t)));
        if (c.rank_known(i)) y = Shape(c.shape(i).size()), ranks = true;
    }
    if (!ranks) return c.set(0, t);
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.size())));
    int64_t sum = 0;
    for (size_t i = 0; i < c.inputs(); ++i) {
        if (!c.rank_known(i)) {
            sum = -1;
            continue;
        }
        const Shape& x = c.shape(i);
        if (x.size() != y.size())
            c.refuse(cat("input ", number(i), " is ", to_text(x), "; expected rank ", number(y.size())));
        for (size_t d = 0; d < y.size(); ++d)
            if (d != axis) y[d] = agree(c, y[d], x[d], "dims of the inputs");
        sum = sum < 0 || !x[axis].known() ? -1 : checked_add(sum, x[axis].value);
    }
    if (sum >= 0)
        y[axis] = sum;
    else if (c.inputs() == 1)
        y[axis] = c.shape(0)[axis];
    c.set(0, t, y);
}
void run_concat(RefContext& c) {
    Tensor& y = c.out[0];
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.rank())));
    const int64_t outer = count_between(y.dims(), 0, axis), row = count_between(y.dims(), axis, y.rank());
    int64_t at = 0;
    for (const Tensor& x : c.in) {
        const int64_t part = count_between(x.dims(), axis, x.rank());
        for (int64_t o = 0; o < outer; ++o) copy_elements(x, o * part, y, o * row + at, part);
        at += part;
    }
}
void upgrade_concat(Graph& g, NodeId n, int from) {
    if (from < 4) g.node(n).attributes.emplace("axis", int64_t{1});
}
int downgrade_concat(Graph& g, NodeId n, int to) {
    const int64_t axis = integer_or(g.node(n), "axis", 0);
    if (to >= 11 || axis >= 0) return to;
    const TypeInfo& t = g.value(g.node(n).in(0)).type;
    if (!t.rank_known) return 11;
    g.node(n).attributes["axis"] = axis + static_cast<int64_t>(t.shape.size());
    return to;
}

/// Sizes along the axis, where they can be told: the split input, or equal chunks with a smaller last one.
std::optional<Dims> split_sizes(const InferContext& c, const Dim& length) {
    const auto parts = static_cast<int64_t>(c.node.outputs.size());
    if (c.given(1)) {
        const auto sizes = known_integers(c, 1);
        if (!sizes) return std::nullopt;
        if (static_cast<int64_t>(sizes->size()) != parts)
            c.refuse(
                cat("splits into ", number(sizes->size()), " sizes; expected one for each of ", parts, " outputs"));
        int64_t sum = 0;
        for (int64_t s : *sizes) {
            if (s < 0) c.refuse(cat("a split size is ", s));
            sum = checked_add(sum, s);
        }
        if (length.known() && sum != length.value)
            c.refuse(cat("the split sizes add up to ", sum, "; the axis has ", length.value));
        return sizes;
    }
    if (c.has("num_outputs") && c.integer("num_outputs") != parts)
        c.refuse(cat("num_outputs is ", c.integer("num_outputs"), "; the node has ", parts));
    if (!length.known()) return std::nullopt;
    const int64_t chunk = length.value / parts + (length.value % parts != 0);
    Dims sizes;
    for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<int64_t>(length.value - i * chunk, 0, chunk));
    return sizes;
}
void infer_split(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    if (!c.rank_known(0)) {
        for (size_t i = 0; i < c.out.size(); ++i) c.set(i, c.dtype(0));
        return;
    }
    Shape y = c.shape(0);
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.size())));
    const auto sizes = split_sizes(c, y[axis]);
    for (size_t i = 0; i < c.out.size(); ++i) {
        y[axis] = sizes ? Dim((*sizes)[i]) : c.out.size() == 1 ? y[axis] : Dim();
        c.set(i, c.dtype(0), y);
    }
}
void run_split(RefContext& c) {
    const Tensor& x = c.in[0];
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
    const int64_t outer = count_between(x.dims(), 0, axis), row = count_between(x.dims(), axis, x.rank());
    const int64_t inner = count_between(x.dims(), axis + 1, x.rank()), parts = static_cast<int64_t>(c.out.size());
    const int64_t chunk = x.dim(axis) / parts + (x.dim(axis) % parts != 0);
    int64_t at = 0;
    for (size_t i = 0; i < c.out.size(); ++i) {
        const int64_t size = c.given(1) ? c.in[1].at_int(static_cast<int64_t>(i))
                                        : std::clamp<int64_t>(x.dim(axis) - static_cast<int64_t>(i) * chunk, 0, chunk);
        for (int64_t o = 0; c.wanted(i) && o < outer; ++o)
            copy_elements(x, o * row + at * inner, c.out[i], o * size * inner, size * inner);
        at += size;
    }
}
void upgrade_split(Graph& g, NodeId n, int from) {
    if (from < 13) integers_to_input(g, n, "split", 1);
    if (from < 18 && !has_input(g, n, 1))
        g.node(n).attributes["num_outputs"] = static_cast<int64_t>(g.node(n).outputs.size());
}
int downgrade_split(Graph& g, NodeId n, int to) {
    if (to >= 18) return to;
    const auto parts = static_cast<int64_t>(g.node(n).outputs.size());
    if (!has_input(g, n, 1)) {  // equal parts: uneven ones are of 18
        const TypeInfo& t = g.value(g.node(n).in(0)).type;
        int64_t axis = integer_or(g.node(n), "axis", 0);
        if (!t.rank_known) return 18;
        if (axis < 0) axis += static_cast<int64_t>(t.shape.size());
        const Dim& d = t.shape[static_cast<size_t>(axis)];
        if (!d.known()) return 18;
        if (d.value % parts) {
            Dims sizes;
            const int64_t chunk = d.value / parts + 1;
            for (int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<int64_t>(d.value - i * chunk, 0, chunk));
            put_input(g, n, 1, constant_for(g, n, "split", Tensor::of_i64(sizes)));
        }
    }
    drop_attribute(g, n, "num_outputs");
    if (to >= 13) return to;
    return input_to_integers(g, n, 1, "split") ? to : 13;
}

void infer_tile(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const auto repeats = known_integers(c, 1);
    const auto n = known_length(c, 1);
    if (c.rank_known(0) && n && *n != static_cast<int64_t>(c.shape(0).size()))
        c.refuse(cat(*n, " repeats for an input ", to_text(c.shape(0))));
    if (!c.rank_known(0)) {
        if (n && *n > 1000) c.refuse(cat(*n, " repeats"));
        return n ? c.set(0, c.dtype(0), Shape(static_cast<size_t>(*n))) : c.set(0, c.dtype(0));
    }
    Shape y(c.shape(0).size());
    for (size_t i = 0; repeats && i < y.size(); ++i) {
        const int64_t r = (*repeats)[i];
        if (r < 0) c.refuse(cat("a repeat is ", r));
        if (c.shape(0)[i].known())
            y[i] = checked_mul(c.shape(0)[i].value, r);
        else if (r == 1)
            y[i] = c.shape(0)[i];
        else if (r == 0)
            y[i] = 0;
    }
    c.set(0, c.dtype(0), y);
}
void run_tile(RefContext& c) {
    const Tensor& x = c.in[0];
    Tensor& y = c.out[0];
    if (y.count() == 0) return;
    // Each axis is (repeat, dim) of an output twice as deep; repeats have stride 0.
    Dims deep, strides;
    const Dims own = strides_of(x.dims());
    for (size_t i = 0; i < x.rank(); ++i) {
        deep.insert(deep.end(), {y.dim(i) / x.dim(i), x.dim(i)});
        strides.insert(strides.end(), {0, own[i]});
    }
    Tensor view = y.reshaped(deep);
    copy_strided(x, 0, strides, view);
}
/// Before 6 one axis was repeated: inputs `tiles` and `axis`.
void upgrade_tile(Graph& g, NodeId n, int from) {
    if (from >= 6 || g.node(n).inputs.size() != 3) return;
    const Tensor *tiles = constant_input(g, n, 1), *axis = constant_input(g, n, 2);
    const TypeInfo& x = g.value(g.node(n).inputs[0]).type;
    const std::string at = cat("node '", g.node(n).name, "' (Tile)");
    if (!tiles || !axis || !x.rank_known || tiles->count() != 1 || axis->count() != 1)
        fail(ErrorKind::unsupported, "op.unsupported", "Tile before opset 6 of a tensor of unknown rank or with tiles and axis that are no constants", "", at);
    Dims repeats(x.shape.size(), 1);
    const int64_t a = axis->at_int(0);
    if (a < 0 || a >= static_cast<int64_t>(repeats.size())) fail(ErrorKind::model, "op.invalid", cat("axis ", a, " is outside the input"), "", at);
    repeats[static_cast<size_t>(a)] = tiles->at_int(0);
    omit_input(g, n, 2);
    put_input(g, n, 1, constant_for(g, n, "repeats", Tensor::of_i64(repeats)));
}

}  // namespace

std::vector<OpDecl> concat_split() {
    std::vector<OpDecl> all{
        {.name = "Concat",
         .min_inputs = 1,
         .max_inputs = -1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"axis", AttrKind::integer, std::nullopt, true}},
         .infer = infer_concat,
         .reference = run_concat,
         .upgrade = upgrade_concat,
         .downgrade = downgrade_concat},
        {.name = "Split",
         .min_inputs = 1,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = -1,
         .attributes = {{"axis", AttrKind::integer, int64_t{0}}, {"num_outputs", AttrKind::integer}},
         .infer = infer_split,
         .reference = run_split,
         .upgrade = upgrade_split,
         .downgrade = downgrade_split},
        {.name = "Tile",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_tile,
         .reference = run_tile,
         .upgrade = upgrade_tile},
    };
    attach_rules(all, concat_split_rules());
    return all;
}

}  // namespace hone::ops
