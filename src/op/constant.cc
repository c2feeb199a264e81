// SPDX-License-Identifier: Apache-2.0
// Constant and operators that make a tensor from little: ConstantOfShape, Shape, Size, Range, EyeLike, Trilu, OneHot.
#include <algorithm>
#include <cmath>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

/// The value, whichever attribute gives it.
Tensor constant_value(const OpContext& c) {
    if (c.node.attributes.size() != 1)
        c.refuse(cat("has ", number(c.node.attributes.size()), " attributes; expected exactly one value"));
    if (c.has("value")) return c.tensor("value");
    if (c.has("value_float")) return Tensor::scalar_f32(c.real("value_float"));
    if (c.has("value_floats")) return Tensor::of_f32(c.reals("value_floats"));
    if (c.has("value_int")) return Tensor::scalar_i64(c.integer("value_int"));
    if (c.has("value_ints")) return Tensor::of_i64(c.integers("value_ints"));
    if (c.has("value_string")) return Tensor::of_strings({c.text("value_string")}, {});
    if (c.has("sparse_value")) c.unsupported("has a sparse value");
    const std::vector<std::string>& texts = c.texts("value_strings");
    return Tensor::of_strings(texts, {static_cast<int64_t>(texts.size())});
}
void infer_constant(InferContext& c) {
    const Tensor t = constant_value(c);
    c.set(0, t.dtype(), shape_of(t.dims()));
}
void run_constant(RefContext& c) { copy_all(constant_value(c), c.out[0]); }
/// value_* are of 12; before it only `value`.
int downgrade_constant(Graph& g, NodeId n, int to) {
    Attributes& a = g.node(n).attributes;
    if (to >= 12 || a.contains("value") || a.contains("sparse_value")) return to;
    const Tensor t = constant_value({*find_op("", "Constant"), g.node(n)});
    a.clear();
    a["value"] = t;
    return to;
}

void infer_constant_of_shape(InferContext& c) {
    const DType t = c.has("value") ? c.tensor("value").dtype() : DType::f32;
    if (c.has("value") && c.tensor("value").count() != 1) c.refuse("attribute 'value' is not one element");
    if (const auto dims = known_integers(c, 0)) {
        for (int64_t d : *dims)
            if (d < 0) c.refuse(cat("the shape has entry ", d));
        return c.set(0, t, shape_of(*dims));
    }
    const auto rank = known_length(c, 0);
    if (rank && *rank > 1000) c.refuse(cat("a rank of ", *rank));
    if (rank)
        c.set(0, t, Shape(static_cast<size_t>(*rank)));
    else
        c.set(0, t);
}
void run_constant_of_shape(RefContext& c) {
    if (c.has("value")) copy_strided(c.tensor("value"), 0, Dims(c.out[0].rank(), 0), c.out[0]);
}

struct ShapeSlice {
    int64_t start, end;
};
ShapeSlice shape_slice(const OpContext& c, int64_t rank) {
    const auto bound = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
    const int64_t start = bound(c.integer("start")), end = bound(c.has("end") ? c.integer("end") : rank);
    return {start, std::max(start, end)};
}
void infer_shape(InferContext& c) {
    if (!c.rank_known(0)) return c.set(0, DType::i64, Shape(1));
    const ShapeSlice s = shape_slice(c, static_cast<int64_t>(c.shape(0).size()));
    c.set(0, DType::i64, {s.end - s.start});
}
void run_shape(RefContext& c) {
    const ShapeSlice s = shape_slice(c, static_cast<int64_t>(c.in[0].rank()));
    for (int64_t i = s.start; i < s.end; ++i) c.out[0].set_int(i - s.start, c.in[0].dim(static_cast<size_t>(i)));
}
int downgrade_shape(Graph& g, NodeId n, int to) {
    if (to >= 15) return to;
    if (integer_or(g.node(n), "start", 0) != 0 || g.node(n).attributes.contains("end")) return 15;
    drop_attribute(g, n, "start");
    return to;
}
void infer_size(InferContext& c) { c.set(0, DType::i64, {}); }
void run_size(RefContext& c) { c.out[0].set_int(0, c.in[0].count()); }

bool is_range_type(DType t) { return is_float(t) || t == DType::i16 || t == DType::i32 || t == DType::i64; }
int64_t range_length(const InferContext& c, const Tensor& start, const Tensor& limit, const Tensor& delta) {
    if (is_float(start.dtype())) {
        const double n = std::ceil((limit.at(0) - start.at(0)) / delta.at(0));
        if (std::isnan(n) || n > 1e15)
            c.refuse(cat("start ", start.at(0), ", limit ", limit.at(0), ", delta ", delta.at(0), " give no length"));
        return n < 0 ? 0 : static_cast<int64_t>(n);
    }
    const int64_t a = start.at_int(0), b = limit.at_int(0), d = delta.at_int(0);
    if (d == 0) c.refuse("delta is 0");
    if (d > 0 ? b <= a : b >= a) return 0;
    const uint64_t span = d > 0 ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
                                : static_cast<uint64_t>(a) - static_cast<uint64_t>(b);
    const uint64_t step = d > 0 ? static_cast<uint64_t>(d) : 0 - static_cast<uint64_t>(d);
    const uint64_t n = (span - 1) / step + 1;
    if (n > uint64_t{1} << 62) c.refuse("the range is too long");
    return static_cast<int64_t>(n);
}
void infer_range(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_range_type, "f32, f64, i16, i32 or i64");
    for (size_t i : {0, 1, 2}) require_one(c, i, "a bound");
    const Tensor *start = c.value(0), *limit = c.value(1), *delta = c.value(2);
    if (start && limit && delta)
        c.set(0, t, {range_length(c, *start, *limit, *delta)});
    else
        c.set(0, t, Shape(1));
}
void run_range(RefContext& c) {
    Tensor& y = c.out[0];
    if (is_float(y.dtype())) {
        for (int64_t i = 0; i < y.count(); ++i) y.set(i, c.in[0].at(0) + static_cast<double>(i) * c.in[2].at(0));
        return;
    }
    const auto a = static_cast<uint64_t>(c.in[0].at_int(0)), d = static_cast<uint64_t>(c.in[2].at_int(0));
    for (int64_t i = 0; i < y.count(); ++i) y.set_int(i, static_cast<int64_t>(a + static_cast<uint64_t>(i) * d));
}

void infer_eye_like(InferContext& c) {
    require_rank(c, 0, 2, 2);
    DType t = c.dtype(0);
    if (c.has("dtype")) {
        t = static_cast<DType>(c.integer("dtype"));
        if (!is_number_or_bool(t)) c.unsupported(cat("makes element type ", c.integer("dtype")));
    } else if (t != DType::undefined && !is_number_or_bool(t))
        c.refuse(cat("input 0 is ", dtype_name(t), "; expected a number"));
    if (c.rank_known(0))
        c.set(0, t, c.shape(0));
    else
        c.set(0, t, Shape(2));
}
void run_eye_like(RefContext& c) {
    const int64_t rows = c.out[0].dim(0), columns = c.out[0].dim(1), k = c.integer("k");
    if (k <= -rows || k >= columns) return;
    for (int64_t r = std::max<int64_t>(0, -k); r < rows && r + k < columns; ++r)
        c.out[0].set_int(r * columns + r + k, 1);
}

void infer_trilu(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_one(c, 1, "k");
    require_type_of(c, 1, is_index, "i64");
    require_rank(c, 0, 2, 1000);
    c.set_like(0, 0);
}
void run_trilu(RefContext& c) {
    const Tensor& x = c.in[0];
    if (x.count() == 0) return;
    const int64_t rows = x.dim(x.rank() - 2), columns = x.dim(x.rank() - 1);
    const int64_t k = std::clamp<int64_t>(c.given(1) ? c.in[1].at_int(0) : 0, -rows - 1, columns + 1);
    const bool upper = c.integer("upper") != 0;
    for (int64_t r = 0; r < x.count() / columns; ++r) {
        const int64_t diagonal = r % rows + k;  // upper keeps columns >= diagonal, lower <= diagonal
        const int64_t begin = upper ? std::clamp<int64_t>(diagonal, 0, columns) : 0;
        const int64_t end = upper ? columns : std::clamp<int64_t>(diagonal + 1, 0, columns);
        copy_elements(x, r * columns + begin, c.out[0], r * columns + begin, end - begin);
    }
}

void infer_one_hot(InferContext& c) {
    require_type_of(c, 0, is_number, "a number");
    require_type_of(c, 1, is_number, "a number");
    require_one(c, 1, "the depth");
    require_type_of(c, 2, is_any, "any type");
    require_shape(c, 2, {2}, "the values");
    const DType t = c.dtype(2);
    if (!c.rank_known(0)) return c.set(0, t);
    Shape y = c.shape(0);
    const int64_t axis = normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.size()) + 1);
    Dim depth;
    if (const Tensor* d = c.value(1)) {
        if (d->at_int(0) < 0) c.refuse(cat("the depth is ", d->at_int(0)));
        depth = d->at_int(0);
    }
    y.insert(y.begin() + axis, depth);
    c.set(0, t, y);
}
void run_one_hot(RefContext& c) {
    Tensor& y = c.out[0];
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.rank())));
    const int64_t depth = y.dim(axis), inner = count_between(y.dims(), axis + 1, y.rank());
    for (int64_t i = 0; i < y.count(); ++i) copy_elements(c.in[2], 0, y, i, 1);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        int64_t hot = c.in[0].at_int(i);
        if (hot < 0) hot += depth;
        if (hot < 0 || hot >= depth) continue;  // the standard: no element is on
        copy_elements(c.in[2], 1, y, (i / inner * depth + hot) * inner + i % inner, 1);
    }
}

void gradient_trilu(GradientContext& c) {
    std::vector<ValueId> in = c.node.inputs;
    in[0] = c.dy();
    c.give(0, c.b.node("Trilu", in, c.node.attributes));
}
/// To the values [off, on]: the sums of dy where an element is off and on.
void gradient_one_hot(GradientContext& c) {
    if (!c.wants(2)) return;
    Builder& b = c.b;
    Tensor bools = Tensor::zeros(DType::boolean, {2});
    bools.set_int(1, 1);
    const ValueId on = b.node("OneHot", {c.x(0), c.x(1), b.constant(bools)}, c.node.attributes), zero = b.like(c.dy(), 0);
    const ValueId sum_off = b.sum(b.where(on, zero, c.dy()), {}, false), sum_on = b.sum(b.where(on, c.dy(), zero), {}, false);
    c.give(2, b.concat({b.reshape(sum_off, {1}), b.reshape(sum_on, {1})}, 0));
}

OpDecl op(const char* name, int inputs, void (*infer)(InferContext&), void (*reference)(RefContext&), int since,
          std::vector<AttrSpec> attributes = {}) {
    return {.name = name,
            .min_inputs = inputs,
            .max_inputs = inputs,
            .min_outputs = 1,
            .max_outputs = 1,
            .attributes = std::move(attributes),
            .infer = infer,
            .reference = reference,
            .since = since};
}

}  // namespace

std::vector<OpDecl> constant() {
    OpDecl value = op("Constant", 0, infer_constant, run_constant, 1,
                      {{"value", AttrKind::tensor},
                       {"value_float", AttrKind::real},
                       {"value_floats", AttrKind::reals},
                       {"value_int", AttrKind::integer},
                       {"value_ints", AttrKind::integers},
                       {"value_string", AttrKind::text},
                       {"value_strings", AttrKind::texts},
                       {"sparse_value", AttrKind::tensor}});
    value.downgrade = downgrade_constant;
    OpDecl shape = op("Shape", 1, infer_shape, run_shape, 1,
                      {{"start", AttrKind::integer, int64_t{0}}, {"end", AttrKind::integer}});
    shape.downgrade = downgrade_shape;
    OpDecl trilu = op("Trilu", 1, infer_trilu, run_trilu, 14, {{"upper", AttrKind::integer, int64_t{1}}});
    trilu.max_inputs = 2;
    trilu.gradient = gradient_trilu;
    OpDecl range = op("Range", 3, infer_range, run_range, 11);
    // `stash_type`, of 27, is the precision in which half floats are counted; hone counts in double.
    range.upgrade = [](Graph& g, NodeId n, int from) {
        if (from >= 27) drop_attribute(g, n, "stash_type");
    };
    OpDecl eye = op("EyeLike", 1, infer_eye_like, run_eye_like, 9, {{"dtype", AttrKind::integer}, {"k", AttrKind::integer, int64_t{0}}});
    eye.flat = true;
    OpDecl one_hot = op("OneHot", 3, infer_one_hot, run_one_hot, 9, {{"axis", AttrKind::integer, int64_t{-1}}});
    one_hot.gradient = gradient_one_hot;
    return {
        value,
        shape,
        range,
        trilu,
        op("ConstantOfShape", 1, infer_constant_of_shape, run_constant_of_shape, 9, {{"value", AttrKind::tensor}}),
        op("Size", 1, infer_size, run_size, 1),
        eye,
        one_hot,
    };
}

}  // namespace hone::ops
