// SPDX-License-Identifier: Apache-2.0
// Matrix products by oneDNN: constant weights packed once (hone.Gemm, hone.QGemm), both operands at run time (MatMul).
#include <algorithm>

#include "plan/onednn_step.h"

namespace hone::lower {

namespace {

void constant_weights(const LowerContext& c, std::vector<Candidate>& list) {
    const bool int8 = c.node.op == "QGemm";
    const Tensor* w = c.constant(1);
    const Tensor* b = c.constant(2);
    if (!w || (c.given(2) && !b) || count_of(c.in(0)) == 0 || count_of(c.out()) == 0) return;
    const OpContext op = c.op();
    onednn::MatmulSpec s;
    s.src = c.in_dtype(0);
    s.weights = w->dtype();
    s.dst = c.out_dtype();
    const bool floats = s.src == s.weights && (s.src == DType::f32 || s.src == DType::bf16);
    if (!floats && !int8) return;
    const Dims a = c.in(0);
    s.transpose_weights = op.integer("transB") != 0;
    s.k = a.back();
    s.m = count_of(Dims(a.begin(), a.end() - 1));
    s.n = w->dim(s.transpose_weights ? 0 : 1);
    s.threads = c.threads;
    s.variant = c.variant;
    s.packed = onednn_packed(c.packed);
    const size_t residual = int8 ? 4 : 3;
    if (!onednn_epilogue(op, c.given(residual), s.epilogue)) return;
    if (int8) {
        const Tensor* m = c.constant(3);
        if (!m) return;
        s.scales.assign(m->data<float>(), m->data<float>() + m->count());
        s.src_zero_point = static_cast<int>(op.integer("x_zero_point"));
        s.dst_zero_point = static_cast<int>(op.integer("y_zero_point"));
        s.epilogue.residual_scale = op.real("residual_scale");
    }
    if (c.given(residual) && c.in_dtype(residual) != s.dst) return;
    Tensor bias;
    if (b) bias = int8 ? *b : b->cast(DType::f32);
    s.bias = bias.defined() ? bias.dtype() : DType::undefined;
    const CurvedActivation curved = take_curved(s.epilogue, s.dst, s.m * s.n);
    const Tensor weights = *w;
    const int r = c.given(residual) ? static_cast<int>(residual) : -1;
    Candidate k;
    k.name = "onednn_matmul";
    k.isa = Isa::avx2;
    k.variants = 2;
    if (r >= 0) k.in_place = {r};
    k.packed = int8 ? std::vector<int>{1, 2, 3} : std::vector<int>{1, 2};
    k.make = [s, weights, bias, r, curved](Layout) {
        return then_activation(onednn_step(onednn::make_matmul(s, weights.raw(), bias.defined() ? bias.raw() : nullptr), r), curved);
    };
    list.push_back(std::move(k));
}

/// Both operands are given at run time. `residual` and `bias`: inputs of the node, or -1.
void with_computed_weights(const LowerContext& c, onednn::MatmulSpec s, int residual, int bias, std::vector<Candidate>& list) {
    s.constant_weights = false;
    s.threads = c.threads;
    s.variant = c.variant;
    Candidate k;
    k.name = "onednn_matmul";
    k.isa = Isa::avx2;
    k.variants = 2;
    if (residual >= 0) k.in_place = {residual};
    k.make = [=](Layout) { return onednn_step(onednn::make_matmul(s, nullptr, nullptr), residual, 1, bias); };
    list.push_back(std::move(k));
}

/// f32, or bf16 with sums in f32 that are delivered in either.
bool set_types(const LowerContext& c, onednn::MatmulSpec& s) {
    s.src = s.weights = c.in_dtype(0);
    s.dst = c.out_dtype();
    return c.in_dtype(1) == s.src && (s.src == DType::f32 || s.src == DType::bf16) && (s.dst == s.src || s.dst == DType::f32);
}

void runtime_weights(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims a = c.in(0), b = c.in(1), y = c.out();
    onednn::MatmulSpec s;
    if (!set_types(c, s) || a.size() < 2 || b.size() < 2 || count_of(y) == 0 || a.back() == 0) return;
    s.m = a[a.size() - 2];
    s.k = a.back();
    s.n = b.back();
    const size_t rank = std::max(a.size(), b.size()) - 2;
    if (rank + 2 != y.size()) return;
    s.batch = Dims(y.begin(), y.end() - 2);
    auto leading = [&](const Dims& d) {
        Dims out(rank, 1);
        std::copy(d.begin(), d.end() - 2, out.end() - static_cast<long>(d.size() - 2));
        return out;
    };
    s.src_batch = leading(a);
    s.weight_batch = leading(b);
    with_computed_weights(c, s, -1, -1, list);
}

/// Gemm of two matrices that are computed; C a row, or of the result's dims.
void runtime_gemm(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims a = c.in(0), b = c.in(1), y = c.out();
    onednn::MatmulSpec s;
    if (!set_types(c, s) || a.size() != 2 || b.size() != 2 || count_of(y) == 0 || count_of(a) == 0) return;
    const OpContext op = c.op();
    const float alpha = op.real("alpha"), beta = c.given(2) ? op.real("beta") : 0;
    s.transpose_src = op.integer("transA") != 0;
    s.transpose_weights = op.integer("transB") != 0;
    s.m = y[0];
    s.k = a[s.transpose_src ? 0 : 1];
    s.n = y[1];
    if (alpha != 1) s.scales = {alpha};
    int bias = -1, residual = -1;
    if (c.given(2) && beta != 0) {
        const Dims d = c.in(2);
        const bool row = count_of(d) == s.n && (d.size() == 1 || d[0] == 1);
        if (row && alpha == 1 && beta == 1) bias = 2, s.bias = c.in_dtype(2);
        else if (d == y && c.in_dtype(2) == s.dst) residual = 2, s.epilogue.residual = true, s.epilogue.residual_scale = beta;
        else return;
    }
    with_computed_weights(c, s, residual, bias, list);
}

}  // namespace

void gemm(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "Product") c.in(0).size() == 2 && c.in(1).size() == 2 ? runtime_gemm(c, list) : runtime_weights(c, list);
    else if (c.node.domain == "hone") constant_weights(c, list);
    else if (c.node.op == "MatMul") runtime_weights(c, list);
    else if (c.node.op == "Gemm") runtime_gemm(c, list);
    if (c.variant == 0 && c.node.op == "QGemm") int8_gemm(c, list);
}

}  // namespace hone::lower
