// SPDX-License-Identifier: Apache-2.0
// Weights in s8, rows in 16-bit fixed point split into bytes (cell.h): two VPDPBUSD for four k, sums exact in int32.
// Included by cells.inl.

constexpr Form kForm = Form::s8;
constexpr int kRows = 3;

/// v in steps, rounded; high bytes at `at`, low bytes `stride` further.
HONE_INLINE void put_steps(uint16_t* row, int64_t stride, int64_t at, V v) {
    v = vmin(set1(32767), vmax(set1(-32768), v));
    const __m512i u = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_set1_epi32(32768));
    uint8_t* bytes = reinterpret_cast<uint8_t*>(row);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + at), _mm512_cvtepi32_epi8(_mm512_srli_epi32(u, 8)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes + stride + at), _mm512_cvtepi32_epi8(u));
}
HONE_INLINE void put_narrow(uint16_t* row, int64_t stride, int64_t at, V v) { put_steps(row, stride, at, v * set1(32767)); }

template <int rows, int gates>
HONE_INLINE void multiply(const Rows& left, int64_t first, const Matrix& right, int64_t block, V (&acc)[rows][gates]) {
    const int64_t quads = (right.inner + 3) / 4;
    const uint8_t* a = reinterpret_cast<const uint8_t*>(left.narrow + first * left.stride);
    const int8_t* w = static_cast<const int8_t*>(right.weights) + block * quads * gates * W * 4;
    __m512i high[rows][gates], low[rows][gates];
    for (int m = 0; m < rows; ++m)
        for (int g = 0; g < gates; ++g) {
            high[m][g] = _mm512_loadu_si512(right.offsets + (block * gates + g) * W);
            low[m][g] = _mm512_setzero_si512();
        }
    for (int64_t k = 0; k < quads; ++k) {
        __m512i b[gates];
        for (int g = 0; g < gates; ++g) b[g] = _mm512_loadu_si512(w + (k * gates + g) * W * 4);
        for (int m = 0; m < rows; ++m) {
            int32_t h, l;
            __builtin_memcpy(&h, a + 2 * m * left.stride + 4 * k, 4);
            __builtin_memcpy(&l, a + (2 * m + 1) * left.stride + 4 * k, 4);
            const __m512i vh = _mm512_set1_epi32(h), vl = _mm512_set1_epi32(l);
            for (int g = 0; g < gates; ++g) {
                high[m][g] = _mm512_dpbusd_epi32(high[m][g], vh, b[g]);
                low[m][g] = _mm512_dpbusd_epi32(low[m][g], vl, b[g]);
            }
        }
    }
    for (int m = 0; m < rows; ++m) {
        const V step = set1(left.scales ? left.scales[first + m] : 1.0f / 32767);
        for (int g = 0; g < gates; ++g) {
            const V sum = fma(_mm512_cvtepi32_ps(high[m][g]), set1(256), _mm512_cvtepi32_ps(low[m][g]));
            acc[m][g] = fma(sum, step * load(right.scales + (block * gates + g) * W), acc[m][g]);
        }
    }
}

/// A row that is not finite gets a scale of NaN, as its products have.
void narrow(const float* x, int64_t rows, int64_t inner, int64_t x_stride, uint16_t* out, int64_t stride, float* scales) {
    for (int64_t r = 0; r < rows; ++r) {
        const float* row = x + r * x_stride;
        V largest = set1(0), poison = set1(0);
        const auto at = [&](int64_t i) __attribute__((always_inline)) {
            const int64_t left = inner - i;
            return left >= W ? load(row + i) : left > 0 ? load_n(row + i, left) : set1(0);
        };
        if (scales)
            for (int64_t i = 0; i < inner; i += W) {
                const V v = at(i);
                largest = vmax(vabs(v), largest);
                poison = fma(v, set1(0), poison);
            }
        const float top = scales ? max_of(largest) : 1;
        const V factor = set1(top > 0 ? 32767 / top : 0);
        for (int64_t i = 0; i < stride; i += W) put_steps(out + r * stride, stride, i, at(i) * factor);
        if (scales) scales[r] = top / 32767 + sum_of(poison);
    }
}
constexpr auto kNarrow = narrow;
