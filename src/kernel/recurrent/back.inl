// SPDX-License-Identifier: Apache-2.0
// The body of back_*.cc. See kernel/vector/kernels.inl.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/recurrent/back.h"

namespace hone::recurrent {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"

HONE_INLINE V get(const float* p, int64_t n) { return n >= W ? load(p) : load_n(p, n); }
HONE_INLINE void put(float* p, V v, int64_t n) {
    if (n >= W) store(p, v);
    else store_n(p, v, n);
}
/// Calls F::run(step, row, first unit, units) over all rows and vectors of units.
template <class F>
void over(const BackStep& s) {
    for (int64_t row = 0; row < s.rows; ++row) {
        int64_t u = 0;
        for (; u + W <= s.hidden; u += W) F::run(s, row, u, W);
        if (u < s.hidden) F::run(s, row, u, s.hidden - u);
    }
}
/// The gradient that arrives at the state after the step.
HONE_INLINE V arriving(const BackStep& s, int64_t row, int64_t u, int64_t n, bool with_direct) {
    V d = get(s.product + row * s.product_stride + u, n);
    if (with_direct) d += get(s.direct + row * s.hidden + u, n);
    return s.dy ? d + get(s.dy + row * s.hidden + u, n) : d;
}
HONE_INLINE V sigmoid_slope(V y) { return y * (set1(1) - y); }
HONE_INLINE V tanh_slope(V y) { return set1(1) - y * y; }

struct LstmGates {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float* g = s.g + row * 4 * s.hidden + u;
        const int64_t at = row * s.hidden + u, h = s.hidden;
        const V in = vsigmoid(get(g, n)), out = vsigmoid(get(g + h, n)), forget = vsigmoid(get(g + 2 * h, n)), cell = vtanh(get(g + 3 * h, n));
        put(s.c_next + at, fma(forget, get(s.c + at, n), in * cell), n);
        put(g, in, n);
        put(g + h, out, n);
        put(g + 2 * h, forget, n);
        put(g + 3 * h, cell, n);
    }
};
struct Lstm {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float* g = s.g + row * 4 * s.hidden + u;
        const int64_t at = row * s.hidden + u, h = s.hidden;
        const V in = get(g, n), out = get(g + h, n), forget = get(g + 2 * h, n), cell = get(g + 3 * h, n);
        const V dh = arriving(s, row, u, n, false), t = vtanh(get(s.c_next + at, n));
        const V dc = fma(dh * out, tanh_slope(t), get(s.dc + at, n));
        put(g, dc * cell * sigmoid_slope(in), n);
        put(g + h, dh * t * sigmoid_slope(out), n);
        put(g + 2 * h, dc * get(s.c + at, n) * sigmoid_slope(forget), n);
        put(g + 3 * h, dc * in * tanh_slope(cell), n);
        put(s.dc + at, dc * forget, n);
    }
};
template <bool relu>
struct Rnn {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        const V h = get(s.h_next + row * s.hidden + u, n), dh = arriving(s, row, u, n, false);
        put(s.g + row * s.hidden + u, relu ? select(gt(h, set1(0)), dh, set1(0)) : dh * tanh_slope(h), n);
    }
};
struct GruLinear {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float *g = s.g + row * 3 * s.hidden + u, *t = s.s + row * 3 * s.hidden + u;
        const int64_t at = row * s.hidden + u, h = s.hidden;
        const V z = vsigmoid(get(g, n) + get(t, n)), reset = vsigmoid(get(g + h, n) + get(t + h, n)), linear = get(t + 2 * h, n);
        const V candidate = vtanh(fma(reset, linear, get(g + 2 * h, n)));
        const V dh = arriving(s, row, u, n, true);
        const V dz = dh * (get(s.h + at, n) - candidate) * sigmoid_slope(z), dn = dh * (set1(1) - z) * tanh_slope(candidate);
        const V dr = dn * linear * sigmoid_slope(reset);
        put(g, dz, n);
        put(g + h, dr, n);
        put(g + 2 * h, dn, n);
        put(t, dz, n);
        put(t + h, dr, n);
        put(t + 2 * h, dn * reset, n);
        put(s.direct + at, dh * z, n);
    }
};
struct GruReset {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float* g = s.g + row * 3 * s.hidden + u;
        const int64_t at = row * s.hidden + u;
        const V reset = vsigmoid(get(g + s.hidden, n));
        put(g, vsigmoid(get(g, n)), n);
        put(g + s.hidden, reset, n);
        put(s.reset_h + at, reset * get(s.h + at, n), n);
    }
};
struct GruCandidate {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float* g = s.g + row * 3 * s.hidden + u;
        const int64_t at = row * s.hidden + u;
        const V z = get(g, n), candidate = vtanh(get(g + 2 * s.hidden, n)), dh = arriving(s, row, u, n, true);
        put(g, dh * (get(s.h + at, n) - candidate) * sigmoid_slope(z), n);
        put(g + 2 * s.hidden, dh * (set1(1) - z) * tanh_slope(candidate), n);
        put(s.direct + at, dh * z, n);
    }
};
struct GruBackReset {
    static HONE_INLINE void run(const BackStep& s, int64_t row, int64_t u, int64_t n) {
        float* g = s.g + (row * 3 + 1) * s.hidden + u;
        const int64_t at = row * s.hidden + u;
        const V reset = get(g, n), d = get(s.product + row * s.product_stride + u, n);
        put(g, d * get(s.h + at, n) * sigmoid_slope(reset), n);
        put(s.direct + at, fma(d, reset, get(s.direct + at, n)), n);
    }
};

void column_sums(const float* g, int64_t rows, int64_t stride, int64_t columns, float* out) {
    for (int64_t j = 0; j < columns; j += 4 * W) {
        V sum[4];
        int64_t n[4];
        for (int i = 0; i < 4; ++i) {
            n[i] = columns - j - i * W;
            sum[i] = n[i] > 0 ? get(out + j + i * W, n[i]) : set1(0);
        }
        if (n[3] >= W) {
            for (int64_t row = 0; row < rows; ++row)
                for (int i = 0; i < 4; ++i) sum[i] += load(g + row * stride + j + i * W);
        } else {
            for (int64_t row = 0; row < rows; ++row)
                for (int i = 0; i < 4 && n[i] > 0; ++i) sum[i] += get(g + row * stride + j + i * W, n[i]);
        }
        for (int i = 0; i < 4 && n[i] > 0; ++i) put(out + j + i * W, sum[i], n[i]);
    }
}

constexpr BackTable kBack = {over<LstmGates>, over<Lstm>, over<Rnn<false>>, over<Rnn<true>>, over<GruLinear>, over<GruReset>, over<GruCandidate>, over<GruBackReset>, column_sums};
}  // namespace
}  // namespace hone::recurrent
