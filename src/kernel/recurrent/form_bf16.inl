// SPDX-License-Identifier: Apache-2.0
// Weights and rows in bf16, pairs of k in one instruction, sums in fp32. Included by cells.inl.

constexpr Form kForm = Form::bf16;
constexpr int kRows = 6;

HONE_INLINE __m512bh as_pairs(__m512i v) { return reinterpret_cast<__m512bh>(v); }
HONE_INLINE void put_narrow(uint16_t* row, int64_t, int64_t at, V v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + at), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
}

template <int rows, int gates>
HONE_INLINE void multiply(const Rows& left, int64_t first, const Matrix& right, int64_t block, V (&acc)[rows][gates]) {
    constexpr int sets = rows * gates >= 8 ? 1 : rows * gates >= 3 ? 2 : 4;
    const int64_t pairs = (right.inner + 1) / 2;
    const uint16_t* a = left.narrow + first * left.stride;
    const uint16_t* w = static_cast<const uint16_t*>(right.weights) + block * pairs * gates * W * 2;
    V sum[sets][rows][gates];
    for (int s = 0; s < sets; ++s)
        for (int m = 0; m < rows; ++m)
            for (int g = 0; g < gates; ++g) sum[s][m][g] = s ? set1(0) : acc[m][g];
    const auto one = [&](int64_t k, V(&to)[rows][gates]) __attribute__((always_inline)) {
        __m512bh b[gates];
        for (int g = 0; g < gates; ++g) b[g] = as_pairs(_mm512_loadu_si512(w + (k * gates + g) * W * 2));
        for (int m = 0; m < rows; ++m) {
            int32_t pair;
            __builtin_memcpy(&pair, a + m * left.stride + 2 * k, 4);
            const __m512bh v = as_pairs(_mm512_set1_epi32(pair));
            for (int g = 0; g < gates; ++g) to[m][g] = _mm512_dpbf16_ps(to[m][g], v, b[g]);
        }
    };
    int64_t k = 0;
    for (; k + sets <= pairs; k += sets)
        for (int s = 0; s < sets; ++s) one(k + s, sum[s]);
    for (; k < pairs; ++k) one(k, sum[0]);
    for (int m = 0; m < rows; ++m)
        for (int g = 0; g < gates; ++g) {
            acc[m][g] = sum[0][m][g];
            for (int s = 1; s < sets; ++s) acc[m][g] += sum[s][m][g];
        }
}

void narrow(const float* x, int64_t rows, int64_t inner, int64_t x_stride, uint16_t* out, int64_t stride, float*) {
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < stride; i += W) {
            const int64_t left = inner - i;
            const float* from = x + r * x_stride + i;
            put_narrow(out + r * stride, stride, i, left >= W ? load(from) : left > 0 ? load_n(from, left) : set1(0));
        }
}
constexpr auto kNarrow = narrow;
