// SPDX-License-Identifier: Apache-2.0
// The body of attention_scalar.cc, attention_avx2.cc and attention_avx512.cc.
// See kernel/vector/kernels.inl.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>

#include "kernel/attention/attention.h"

namespace hone::attention {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"

HONE_INLINE int64_t padded(int64_t n) { return (n + W - 1) / W * W; }

/// c[r][0..columns * W) = sum over k of a[r * a_row + k * a_column] * b[k * b_row + ...].
template <int rows, int columns>
HONE_INLINE void tile(const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, int64_t inner, float* c, int64_t c_row) {
    V acc[rows][columns];
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < columns; ++j) acc[r][j] = set1(0);
    for (int64_t k = 0; k < inner; ++k) {
        V w[columns];
        for (int j = 0; j < columns; ++j) w[j] = load(b + k * b_row + j * W);
        for (int r = 0; r < rows; ++r) {
            const V x = set1(a[r * a_row + k * a_column]);
            for (int j = 0; j < columns; ++j) acc[r][j] = fma(x, w[j], acc[r][j]);
        }
    }
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < columns; ++j) store(c + r * c_row + j * W, acc[r][j]);
}
constexpr int kColumns = W == 16 ? 4 : 2;
/// All columns (a multiple of W) of `rows` rows.
template <int rows>
void product(const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row, int64_t inner, float* c, int64_t c_row, int64_t columns) {
    int64_t j = 0;
    for (; j + kColumns * W <= columns; j += kColumns * W) tile<rows, kColumns>(a, a_row, a_column, b + j, b_row, inner, c + j, c_row);
    switch ((columns - j) / W) {
        case 3: return tile<rows, kColumns == 4 ? 3 : 1>(a, a_row, a_column, b + j, b_row, inner, c + j, c_row);
        case 2: return tile<rows, kColumns == 4 ? 2 : 1>(a, a_row, a_column, b + j, b_row, inner, c + j, c_row);
        case 1: return tile<rows, 1>(a, a_row, a_column, b + j, b_row, inner, c + j, c_row);
        default: return;
    }
}

/// p = exp(scale * p + mask - largest) over n scores; gives 1 / sum.
float softmax_row(float* p, const float* mask, int64_t mask_step, float scale, int64_t n) {
    const V s = set1(scale);
    V high = set1(-kInfinity);
    for (int64_t j = 0; j < n; j += W) {
        V v = load(p + j) * s;
        const int64_t left = n - j;
        if (mask) {
            if (mask_step == 0) v = v + set1(*mask);
            else if (mask_step == 1) v = v + (left >= W ? load(mask + j) : load_n(mask + j, left));
            else {
                float m[W] = {};
                for (int64_t i = 0; i < W && i < left; ++i) m[i] = mask[(j + i) * mask_step];
                v = v + load(m);
            }
        }
        store(p + j, v);
        high = vmax(left >= W ? v : load_n(p + j, left, -kInfinity), high);
    }
    const V largest = set1(max_of(high));
    V sum = set1(0);
    for (int64_t j = 0; j < n; j += W) {
        const V e = vexp(load(p + j) - largest);
        store(p + j, e);
        sum = sum + (n - j >= W ? e : load_n(p + j, n - j));
    }
    return 1 / sum_of(sum);
}

/// Keys as [depth][padded keys], values as [keys][padded value_depth].
void pack(const Spec& s, const float* k, const float* v, float* keys, float* values) {
    const int64_t wide = padded(s.keys), deep = padded(s.value_depth);
    for (int64_t d = 0; d < s.depth; ++d) {
        for (int64_t j = 0; j < s.keys; ++j) keys[d * wide + j] = k[j * s.k.row + d * s.k.column];
        for (int64_t j = s.keys; j < wide; ++j) keys[d * wide + j] = 0;
    }
    for (int64_t j = 0; j < s.keys; ++j) {
        for (int64_t d = 0; d < s.value_depth; ++d) values[j * deep + d] = v[j * s.v.row + d * s.v.column];
        for (int64_t d = s.value_depth; d < deep; ++d) values[j * deep + d] = 0;
    }
}

template <int rows>
void block(const Spec& s, const float* q, const float* keys, const float* values, const float* mask, float* y, int64_t first, float* scores) {
    const int64_t wide = padded(s.keys), deep = padded(s.value_depth);
    float* result = scores + kRows * wide;
    float scale[rows];
    product<rows>(q + first * s.q.row, s.q.row, s.q.column, keys, wide, s.depth, scores, wide, wide);
    for (int r = 0; r < rows; ++r)
        scale[r] = softmax_row(scores + r * wide, mask ? mask + (first + r) * s.mask.row : nullptr, s.mask.column, s.scale, s.keys);
    product<rows>(scores, wide, 1, values, deep, s.keys, result, deep, deep);
    for (int r = 0; r < rows; ++r) {
        float* to = y + (first + r) * s.y.row;
        const V f = set1(scale[r]);
        int64_t d = 0;
        for (; d + W <= s.value_depth; d += W) store(to + d, load(result + r * deep + d) * f);
        if (d < s.value_depth) store_n(to + d, load(result + r * deep + d) * f, s.value_depth - d);
    }
}
void rows(const Spec& s, const float* q, const float* keys, const float* values, const float* mask, float* y, int64_t begin, int64_t end, float* scores) {
    int64_t t = begin;
    for (; t + kRows <= end; t += kRows) block<kRows>(s, q, keys, values, mask, y, t, scores);
    switch (end - t) {
        case 5: return block<5>(s, q, keys, values, mask, y, t, scores);
        case 4: return block<4>(s, q, keys, values, mask, y, t, scores);
        case 3: return block<3>(s, q, keys, values, mask, y, t, scores);
        case 2: return block<2>(s, q, keys, values, mask, y, t, scores);
        case 1: return block<1>(s, q, keys, values, mask, y, t, scores);
        default: return;
    }
}

constexpr HeadTable kHeads = {W, pack, rows};
}  // namespace
}  // namespace hone::attention
