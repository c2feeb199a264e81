// SPDX-License-Identifier: Apache-2.0
// MatMul, MatMulInteger and QLinearMatMul with numpy's broadcasting of batch dims and 1-D operands.
#include "op/matmul.h"

#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

/// Operands as at least 2-D: a 1-D left one is a row, a 1-D right one a column.
Shape as_left(Shape s) {
    if (s.size() == 1) s.insert(s.begin(), 1);
    return s;
}
Shape as_right(Shape s) {
    if (s.size() == 1) s.push_back(1);
    return s;
}
Shape batch_of(const Shape& s) { return {s.begin(), s.end() - 2}; }

void infer_as(InferContext& c, size_t ai, size_t bi, DType type) {
    require_rank(c, ai, 1, 1000);
    require_rank(c, bi, 1, 1000);
    if (!c.rank_known(ai) || !c.rank_known(bi)) return c.set(0, type);
    const Shape a = as_left(c.shape(ai)), b = as_right(c.shape(bi));
    agree(c, a.back(), b[b.size() - 2], cat("the inner dims of ", to_text(c.shape(ai)), " and ", to_text(c.shape(bi))).c_str());
    Shape s = broadcast(c, batch_of(a), batch_of(b));
    if (c.shape(ai).size() > 1) s.push_back(a[a.size() - 2]);
    if (c.shape(bi).size() > 1) s.push_back(b.back());
    c.set(0, type, s);
}

/// y = a * b, batch by batch.
template <class T>
std::vector<T> batched(const Dims& ad, const std::vector<T>& a, const Dims& bd, const std::vector<T>& b, const Dims& yd) {
    const Dims da = dims_of(as_left(shape_of(ad))), db = dims_of(as_right(shape_of(bd)));
    const int64_t m = da[da.size() - 2], k = da.back(), n = db.back();
    Dims batch = yd;
    batch.resize(yd.size() - (ad.size() > 1) - (bd.size() > 1));
    std::vector<T> y(static_cast<size_t>(count_of(yd)));
    if (y.empty() || k == 0) return y;
    const Dims ab(da.begin(), da.end() - 2), bb(db.begin(), db.end() - 2);
    walk(batch, {broadcast_strides(ab, batch), broadcast_strides(bb, batch)}, [&](int64_t i, const int64_t* at) {
        multiply(a.data() + at[0] * m * k, b.data() + at[1] * k * n, y.data() + i * m * n, m, k, n);
    });
    return y;
}

void infer_matmul(InferContext& c) { infer_as(c, 0, 1, require_type(c, {0, 1}, is_number, "a number type")); }
template <class T>
void run_matmul_as(RefContext& c) {
    assign(c.out[0], batched(c.in[0].dims(), values<T>(c.in[0]), c.in[1].dims(), values<T>(c.in[1]), c.out[0].dims()));
}
void run_matmul(RefContext& c) {
    if (is_float(c.in[0].dtype())) run_matmul_as<double>(c);
    else run_matmul_as<int64_t>(c);
}

Cost cost_at(const CostContext& c, size_t ai) {
    Cost cost;
    if (c.out[0].fixed() && c.in[ai].fixed())
        cost.macs = static_cast<double>(count_of(dims_of(c.out[0].shape))) *
                    static_cast<double>(c.in[ai].shape.back().value);
    return cost;
}
Cost cost_matmul(const CostContext& c) { return cost_at(c, 0); }

/// da = dy b', db = a' dy. Where the right operand is one matrix, its batch is rows of the left one: two plain products.
void gradient_matmul(GradientContext& c) {
    Builder& b = c.b;
    const Dims a_dims = b.dims(c.x(0)), b_dims = b.dims(c.x(1));
    const Dims left = dims_of(as_left(shape_of(a_dims))), right = dims_of(as_right(shape_of(b_dims)));
    const int64_t k = left.back(), n = right.back(), rows = count_between(left, 0, left.size() - 1);
    if (count_between(right, 0, right.size() - 2) == 1) {
        const ValueId dy = b.reshape(c.dy(), {rows, n});
        if (c.wants(0)) c.give(0, b.reshape(b.node("Gemm", {dy, b.reshape(c.x(1), {k, n})}, {{"transB", int64_t{1}}}), a_dims));
        if (c.wants(1)) c.give(1, b.reshape(b.node("Gemm", {b.reshape(c.x(0), {rows, k}), dy}, {{"transA", int64_t{1}}}), b_dims));
        return;
    }
    Dims y = b.dims(c.y());
    y.resize(y.size() - (a_dims.size() > 1) - (b_dims.size() > 1));
    y.insert(y.end(), {left[left.size() - 2], n});
    const ValueId dy = b.reshape(c.dy(), y);
    if (c.wants(0)) c.give(0, b.reshape(b.sum_to(b.matmul(dy, b.swap_last(b.reshape(c.x(1), right))), left), a_dims));
    if (c.wants(1)) c.give(1, b.reshape(b.sum_to(b.matmul(b.swap_last(b.reshape(c.x(0), left)), dy), right), b_dims));
}

bool is_8_bit(DType t) { return t == DType::u8 || t == DType::i8; }
bool is_scale(DType t) { return is_float(t) && t != DType::f64; }

/// A row's entry for the left operand (axis m), a column's for the right one.
Dim rows_of(const InferContext& c, size_t i) {
    if (!c.rank_known(i)) return {};
    return c.shape(i).size() > 1 ? c.shape(i)[c.shape(i).size() - 2] : Dim(1);
}
Dim columns_of(const InferContext& c, size_t i) {
    if (!c.rank_known(i)) return {};
    return c.shape(i).size() > 1 ? c.shape(i).back() : Dim(1);
}
/// Zero points and scales of more than one axis are valid ONNX that hone does not do.
void require_vector(const InferContext& c, size_t i, const Dim& n, const char* what) {
    if (!c.given(i) || !c.rank_known(i)) return;
    if (c.shape(i).size() <= 1) return require_one_or(c, i, n, what);
    const Dim count = product(c.shape(i), 0, c.shape(i).size());
    if (count.known() && count.value != 1) c.unsupported(cat(what, " of shape ", to_text(c.shape(i))));
}

std::vector<int64_t> centred(const Tensor& t, const Tensor& zero, bool by_row) {
    std::vector<int64_t> v = values<int64_t>(t);
    if (!zero.defined() || v.empty()) return v;
    const int64_t columns = t.dim(t.rank() - 1), rows = t.rank() > 1 ? t.dim(t.rank() - 2) : 1;
    for (size_t i = 0; i < v.size(); ++i) {
        const auto e = static_cast<int64_t>(i);
        v[i] -= zero.at_int(zero.count() == 1 ? 0 : by_row ? e / columns % rows : e % columns);
    }
    return v;
}

void infer_integer(InferContext& c) {
    require_type(c, {0, 2}, is_8_bit, "u8 or i8");
    require_type(c, {1, 3}, is_8_bit, "u8 or i8");
    require_vector(c, 2, rows_of(c, 0), "the zero point of A");
    require_vector(c, 3, columns_of(c, 1), "the zero point of B");
    infer_as(c, 0, 1, DType::i32);
}
void run_integer(RefContext& c) {
    const Tensor none;
    assign(c.out[0], batched(c.in[0].dims(), centred(c.in[0], c.given(2) ? c.in[2] : none, true), c.in[1].dims(),
                             centred(c.in[1], c.given(3) ? c.in[3] : none, false), c.out[0].dims()));
}

void infer_qlinear(InferContext& c) {
    require_type(c, {0, 2}, is_8_bit, "u8 or i8");
    require_type(c, {3, 5}, is_8_bit, "u8 or i8");
    require_type(c, {1, 4, 6}, is_scale, "f32, f16 or bf16");
    for (size_t i : {1, 2}) require_vector(c, i, rows_of(c, 0), "a scale or zero point of a");
    for (size_t i : {4, 5}) require_vector(c, i, columns_of(c, 3), "a scale or zero point of b");
    for (size_t i : {6, 7}) require_vector(c, i, rows_of(c, 0), "a scale or zero point of y");
    infer_as(c, 0, 3, require_type(c, {7}, is_8_bit, "u8 or i8"));
}
void run_qlinear(RefContext& c) {
    Tensor& out = c.out[0];
    const std::vector<int64_t> y = batched(c.in[0].dims(), centred(c.in[0], c.in[2], true), c.in[3].dims(),
                                           centred(c.in[3], c.in[5], false), out.dims());
    const int64_t columns = c.in[3].rank() > 1 ? c.in[3].dim(c.in[3].rank() - 1) : 1;
    const int64_t rows = c.in[0].rank() > 1 ? c.in[0].dim(c.in[0].rank() - 2) : 1;
    for (size_t i = 0; i < y.size(); ++i) {
        const auto e = static_cast<int64_t>(i);
        const int64_t row = e / columns % rows, column = e % columns;
        const auto pick = [&](size_t k, int64_t at) { return c.in[k].count() == 1 ? 0 : at; };
        const double scale = c.in[1].at(pick(1, row)) * c.in[4].at(pick(4, column));
        out.set_int(e, requantise(y[i], multiplier(scale, c.in[6].at(pick(6, row))), c.in[7].at_int(pick(7, row)), out.dtype()));
    }
}

}  // namespace

std::vector<OpDecl> matmul() {
    return {
        {.name = "MatMul", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_matmul, .reference = run_matmul, .cost = cost_matmul, .gradient = gradient_matmul},
        {.name = "MatMulInteger", .min_inputs = 2, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_integer, .reference = run_integer, .cost = cost_matmul, .tolerance = 0, .since = 10},
        {.name = "QLinearMatMul", .min_inputs = 8, .max_inputs = 8, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_qlinear, .reference = run_qlinear, .cost = cost_matmul, .tolerance = 0, .since = 10},
    };
}

}  // namespace hone::ops
