// SPDX-License-Identifier: Apache-2.0
// u8 x s8 by vpmaddwd on 16-bit words, exact for every weight: two rows of the source are interleaved channel by
// channel, so that one instruction adds two taps of a column.

HONE_INLINE __m256i widened(const uint8_t* p, int64_t lanes) {
    if (lanes >= 16) return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    alignas(16) uint8_t t[16] = {};
    for (int64_t i = 0; i < lanes; ++i) t[i] = p[i];
    return _mm256_cvtepu8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(t)));
}
HONE_INLINE __m256i vector_of(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

template <int K, bool Full>
void u8_block(const U8Call& a, int64_t n, int64_t oh, int64_t c, const int16_t* w, const int32_t* bias, const float* m) {
    constexpr int pairs = (K + 1) / 2, most = (kTileColumns - 1) * 2 + K;
    alignas(32) int16_t columns[most * pairs * 32];
    const Geometry& g = *a.g;
    const int64_t lanes = Full ? 16 : g.c - c;
    const uint8_t* rows[2 * pairs];
    for (int r = 0; r < 2 * pairs; ++r) {
        const int64_t ih = oh * g.stride_h - g.pad_top + r;
        rows[r] = r < K && ih >= 0 && ih < g.h ? a.x + (n * g.h + ih) * g.w * g.c + c : nullptr;
    }
    const V low = set1(a.low), high = set1(a.high), m0 = load(m), m1 = load(m + 8);
    const __m256i zero = _mm256_set1_epi32(a.y_zero), b0 = vector_of(bias), b1 = vector_of(bias + 8);
    const __m256i padded = widened(a.pad_row + c, lanes);
    for (int64_t from = 0; from < g.out_w; from += kTileColumns) {
        const int64_t count = g.out_w - from < kTileColumns ? g.out_w - from : kTileColumns;
        const int64_t left = from * g.stride_w - g.pad_left, needed = (count - 1) * g.stride_w + K;
        int16_t* to = columns;
        for (int64_t i = 0; i < needed; ++i) {
            const int64_t iw = left + i;
            const bool inside = iw >= 0 && iw < g.w;
            for (int q = 0; q < pairs; ++q, to += 32) {
                const uint8_t *p0 = rows[2 * q], *p1 = rows[2 * q + 1];
                const __m256i r0 = inside && p0 ? widened(p0 + iw * g.c, lanes) : padded;
                const __m256i r1 = inside && p1 ? widened(p1 + iw * g.c, lanes) : padded;
                _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_unpacklo_epi16(r0, r1));
                _mm256_store_si256(reinterpret_cast<__m256i*>(to + 16), _mm256_unpackhi_epi16(r0, r1));
            }
        }
        int64_t y = ((n * g.out_h + oh) * g.out_w + from) * g.c + c;
        const int16_t* x = columns;
        for (int64_t j = 0; j < count; ++j, y += g.c, x += g.stride_w * pairs * 32) {
            __m256i s0 = b0, s1 = b1;
#pragma GCC unroll 16
            for (int t = 0; t < K * pairs; ++t) {
                s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(vector_of(x + 32 * t), vector_of(w + 32 * t)));
                s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(vector_of(x + 32 * t + 16), vector_of(w + 32 * t + 16)));
            }
            const V p0 = vmin(vmax(_mm256_cvtepi32_ps(s0) * m0, low), high), p1 = vmin(vmax(_mm256_cvtepi32_ps(s1) * m1, low), high);
            if (a.y_float) {  // of p0 the channels 0 to 3 and 8 to 11, of p1 those between
                const V low_half = _mm256_permute2f128_ps(p0, p1, 0x20), high_half = _mm256_permute2f128_ps(p0, p1, 0x31);
                if (Full) {
                    store(a.y_float + y, low_half);
                    store(a.y_float + y + 8, high_half);
                } else {
                    if (lanes >= 8) store(a.y_float + y, low_half);
                    else store_n(a.y_float + y, low_half, lanes);
                    if (lanes > 8) store_n(a.y_float + y + 8, high_half, lanes - 8);
                }
                continue;
            }
            const __m256i q0 = _mm256_add_epi32(_mm256_cvtps_epi32(p0), zero), q1 = _mm256_add_epi32(_mm256_cvtps_epi32(p1), zero);
            const __m256i words = _mm256_packs_epi32(q0, q1);
            const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
            if (Full) {
                _mm_storeu_si128(reinterpret_cast<__m128i*>(a.y + y), bytes);
            } else {
                alignas(16) uint8_t t[16];
                _mm_store_si128(reinterpret_cast<__m128i*>(t), bytes);
                for (int64_t i = 0; i < lanes; ++i) a.y[y + i] = t[i];
            }
        }
    }
}

template <int K>
void u8_rows_of(const U8Call& a, int64_t begin, int64_t end) {
    const int16_t* w = a.w16;
    for (int64_t c = 0; c < a.g->c; c += 16, w += K * ((K + 1) / 2) * 32) {
        int64_t n = begin / a.g->out_h, oh = begin % a.g->out_h;
        for (int64_t r = begin; r < end; ++r) {
            if (a.g->c - c >= 16) u8_block<K, true>(a, n, oh, c, w, a.bias + c, a.scales + c);
            else u8_block<K, false>(a, n, oh, c, w, a.bias + c, a.scales + c);
            if (++oh == a.g->out_h) oh = 0, ++n;
        }
    }
}

void u8_rows(const U8Call& a, int64_t begin, int64_t end) {
    if (a.g->kernel_w == 3) u8_rows_of<3>(a, begin, end);
    else if (a.g->kernel_w == 5) u8_rows_of<5>(a, begin, end);
    else u8_rows_of<7>(a, begin, end);
}
