// SPDX-License-Identifier: Apache-2.0
// u8 x s8 by vpdpbusd: four rows of the source are interleaved channel by channel, so that one instruction adds four
// taps of a column. The interleaved columns of a tile serve every output that looks at them.

struct B64 {
    using R = __m512i;
    using F = __m512;
    static constexpr int width = 64;
    HONE_INLINE static R load(const void* p, __mmask16) { return _mm512_loadu_si512(p); }
    HONE_INLINE static R vector(const void* p) { return _mm512_loadu_si512(p); }
    HONE_INLINE static void keep(void* p, R v) { _mm512_store_si512(p, v); }
    HONE_INLINE static R lo8(R a, R b) { return _mm512_unpacklo_epi8(a, b); }
    HONE_INLINE static R hi8(R a, R b) { return _mm512_unpackhi_epi8(a, b); }
    HONE_INLINE static R lo16(R a, R b) { return _mm512_unpacklo_epi16(a, b); }
    HONE_INLINE static R hi16(R a, R b) { return _mm512_unpackhi_epi16(a, b); }
    HONE_INLINE static R dot(R acc, R x, R w) { return _mm512_dpbusd_epi32(acc, x, w); }
    HONE_INLINE static F set(float f) { return _mm512_set1_ps(f); }
    HONE_INLINE static R seti(int32_t i) { return _mm512_set1_epi32(i); }
    HONE_INLINE static F scaled(R acc, const float* m, F low, F high) {
        return _mm512_min_ps(_mm512_max_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(acc), _mm512_loadu_ps(m)), low), high);
    }
    HONE_INLINE static R rule(R acc, const float* m, F low, F high, R zero) { return _mm512_add_epi32(_mm512_cvtps_epi32(scaled(acc, m, low, high)), zero); }
    HONE_INLINE static void keep(float* p, F v) { _mm512_store_ps(p, v); }
    HONE_INLINE static R pack(R a, R b, R c, R d) { return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)); }
    HONE_INLINE static void store(void* p, R v, __mmask16) { _mm512_storeu_si512(p, v); }
};
struct B32 {
    using R = __m256i;
    using F = __m256;
    static constexpr int width = 32;
    HONE_INLINE static R load(const void* p, __mmask16) { return _mm256_loadu_si256(static_cast<const R*>(p)); }
    HONE_INLINE static R vector(const void* p) { return _mm256_loadu_si256(static_cast<const R*>(p)); }
    HONE_INLINE static void keep(void* p, R v) { _mm256_store_si256(static_cast<R*>(p), v); }
    HONE_INLINE static R lo8(R a, R b) { return _mm256_unpacklo_epi8(a, b); }
    HONE_INLINE static R hi8(R a, R b) { return _mm256_unpackhi_epi8(a, b); }
    HONE_INLINE static R lo16(R a, R b) { return _mm256_unpacklo_epi16(a, b); }
    HONE_INLINE static R hi16(R a, R b) { return _mm256_unpackhi_epi16(a, b); }
    HONE_INLINE static R dot(R acc, R x, R w) { return _mm256_dpbusd_epi32(acc, x, w); }
    HONE_INLINE static F set(float f) { return _mm256_set1_ps(f); }
    HONE_INLINE static R seti(int32_t i) { return _mm256_set1_epi32(i); }
    HONE_INLINE static F scaled(R acc, const float* m, F low, F high) {
        return _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(m)), low), high);
    }
    HONE_INLINE static R rule(R acc, const float* m, F low, F high, R zero) { return _mm256_add_epi32(_mm256_cvtps_epi32(scaled(acc, m, low, high)), zero); }
    HONE_INLINE static void keep(float* p, F v) { _mm256_store_ps(p, v); }
    HONE_INLINE static R pack(R a, R b, R c, R d) { return _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d)); }
    HONE_INLINE static void store(void* p, R v, __mmask16) { _mm256_storeu_si256(static_cast<R*>(p), v); }
};
struct B16 {
    using R = __m128i;
    using F = __m128;
    static constexpr int width = 16;
    HONE_INLINE static R load(const void* p, __mmask16 k) { return _mm_maskz_loadu_epi8(k, p); }
    HONE_INLINE static R vector(const void* p) { return _mm_loadu_si128(static_cast<const R*>(p)); }
    HONE_INLINE static void keep(void* p, R v) { _mm_store_si128(static_cast<R*>(p), v); }
    HONE_INLINE static R lo8(R a, R b) { return _mm_unpacklo_epi8(a, b); }
    HONE_INLINE static R hi8(R a, R b) { return _mm_unpackhi_epi8(a, b); }
    HONE_INLINE static R lo16(R a, R b) { return _mm_unpacklo_epi16(a, b); }
    HONE_INLINE static R hi16(R a, R b) { return _mm_unpackhi_epi16(a, b); }
    HONE_INLINE static R dot(R acc, R x, R w) { return _mm_dpbusd_epi32(acc, x, w); }
    HONE_INLINE static F set(float f) { return _mm_set1_ps(f); }
    HONE_INLINE static R seti(int32_t i) { return _mm_set1_epi32(i); }
    HONE_INLINE static F scaled(R acc, const float* m, F low, F high) {
        return _mm_min_ps(_mm_max_ps(_mm_mul_ps(_mm_cvtepi32_ps(acc), _mm_loadu_ps(m)), low), high);
    }
    HONE_INLINE static R rule(R acc, const float* m, F low, F high, R zero) { return _mm_add_epi32(_mm_cvtps_epi32(scaled(acc, m, low, high)), zero); }
    HONE_INLINE static void keep(float* p, F v) { _mm_store_ps(p, v); }
    HONE_INLINE static R pack(R a, R b, R c, R d) { return _mm_packus_epi16(_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)); }
    HONE_INLINE static void store(void* p, R v, __mmask16 k) {
        if (k == 0xffff) return _mm_storeu_si128(static_cast<R*>(p), v);
        _mm_mask_storeu_epi8(p, k, v);
    }
};

/// Accumulators of four channels a lane of 128 bits, back in the order of the channels.
HONE_INLINE void store_floats(float* y, const float* t, int width, __mmask16 k) {
    for (int lane = 0; lane < width / 16; ++lane)
        for (int v = 0; v < 4; ++v)
            _mm_mask_storeu_ps(y + 16 * lane + 4 * v, static_cast<__mmask8>(k >> (4 * v) & 15), _mm_load_ps(t + v * width / 4 + 4 * lane));
}

template <class B, int K>
void u8_block(const U8Call& a, int64_t n, int64_t oh, int64_t c, __mmask16 k, const int8_t* w, const int32_t* bias, const float* m) {
    using R = typename B::R;
    constexpr int groups = (K + 3) / 4, most = (kTileColumns - 1) * 2 + K;
    alignas(64) uint8_t columns[most * groups * 4 * B::width];
    const Geometry& g = *a.g;
    const uint8_t* rows[4 * groups];
    for (int r = 0; r < 4 * groups; ++r) {
        const int64_t ih = oh * g.stride_h - g.pad_top + r;
        rows[r] = r < K && ih >= 0 && ih < g.h ? a.x + (n * g.h + ih) * g.w * g.c + c : nullptr;
    }
    const uint8_t* pad = a.pad_row + c;
    const auto low = B::set(a.low), high = B::set(a.high);
    const R zero = B::seti(a.y_zero);
    for (int64_t from = 0; from < g.out_w; from += kTileColumns) {
        const int64_t count = g.out_w - from < kTileColumns ? g.out_w - from : kTileColumns;
        const int64_t left = from * g.stride_w - g.pad_left, needed = (count - 1) * g.stride_w + K;
        uint8_t* to = columns;
        for (int64_t i = 0; i < needed; ++i) {
            const int64_t iw = left + i;
            const bool inside = iw >= 0 && iw < g.w;
            for (int q = 0; q < groups; ++q, to += 4 * B::width) {
                R r[4];
                for (int s = 0; s < 4; ++s) r[s] = B::load(inside && rows[4 * q + s] ? rows[4 * q + s] + iw * g.c : pad, k);
                const R l01 = B::lo8(r[0], r[1]), h01 = B::hi8(r[0], r[1]), l23 = B::lo8(r[2], r[3]), h23 = B::hi8(r[2], r[3]);
                B::keep(to, B::lo16(l01, l23));
                B::keep(to + B::width, B::hi16(l01, l23));
                B::keep(to + 2 * B::width, B::lo16(h01, h23));
                B::keep(to + 3 * B::width, B::hi16(h01, h23));
            }
        }
        int64_t y = ((n * g.out_h + oh) * g.out_w + from) * g.c + c;
        const uint8_t* x = columns;
        for (int64_t j = 0; j < count; ++j, y += g.c, x += g.stride_w * groups * 4 * B::width) {
            R acc[4];
            for (int v = 0; v < 4; ++v) acc[v] = B::vector(bias + v * B::width / 4);
#pragma GCC unroll 16
            for (int t = 0; t < K * groups; ++t)
                for (int v = 0; v < 4; ++v) acc[v] = B::dot(acc[v], B::vector(x + (4 * t + v) * B::width), B::vector(w + (4 * t + v) * B::width));
            if (a.y_float) {
                alignas(64) float t[B::width];
                for (int v = 0; v < 4; ++v) B::keep(t + v * B::width / 4, B::scaled(acc[v], m + v * B::width / 4, low, high));
                store_floats(a.y_float + y, t, B::width, k);
                continue;
            }
            for (int v = 0; v < 4; ++v) acc[v] = B::rule(acc[v], m + v * B::width / 4, low, high, zero);
            B::store(a.y + y, B::pack(acc[0], acc[1], acc[2], acc[3]), k);
        }
    }
}

template <class B, int K>
void u8_stripe(const U8Call& a, int64_t begin, int64_t end, int64_t c, __mmask16 k, const int8_t* w, int64_t lane) {
    int64_t n = begin / a.g->out_h, oh = begin % a.g->out_h;
    for (int64_t r = begin; r < end; ++r) {
        u8_block<B, K>(a, n, oh, c, k, w, a.bias + lane, a.scales + lane);
        if (++oh == a.g->out_h) oh = 0, ++n;
    }
}

template <int K>
void u8_rows_of(const U8Call& a, int64_t begin, int64_t end) {
    const int8_t* w = a.w;
    const int64_t channels = a.g->c;
    for (int64_t c = 0, width; c < channels; c += width) {
        const int64_t left = channels - c;
        width = block_channels(left, 64);
        if (width == 64) u8_stripe<B64, K>(a, begin, end, c, 0xffff, w, c);
        else if (width == 32) u8_stripe<B32, K>(a, begin, end, c, 0xffff, w, c);
        else u8_stripe<B16, K>(a, begin, end, c, static_cast<__mmask16>(left >= 16 ? 0xffff : (1 << left) - 1), w, c);
        w += K * ((K + 3) / 4) * 4 * width;
    }
}

void u8_rows(const U8Call& a, int64_t begin, int64_t end) {
    if (a.g->kernel_w == 3) u8_rows_of<3>(a, begin, end);
    else if (a.g->kernel_w == 5) u8_rows_of<5>(a, begin, end);
    else u8_rows_of<7>(a, begin, end);
}
