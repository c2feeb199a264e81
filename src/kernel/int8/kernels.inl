// SPDX-License-Identifier: Apache-2.0
// The body of int8_avx2.cc and int8_avx512.cc: tiles of outputs by vpmaddwd on 16-bit words, whose sums of two products
// of bytes are exact for every weight (vpmaddubsw would saturate). The whole depth is added up in registers.
// int8_avx512vnni.cc defines HONE_BYTES: bytes by vpdpbusd.

#if defined(HONE_BYTES)
typedef uint8_t Source;
constexpr int kGroup = 4;
#else
typedef int16_t Source;
constexpr int kGroup = 2;
#endif

#if defined(__AVX512F__)
constexpr int kMostRows = 12;
typedef __m512i Words;
#if defined(HONE_BYTES)
HONE_INLINE Words weights_of(const int8_t* p) { return _mm512_loadu_si512(p); }
HONE_INLINE I add_products(I acc, Words a, Words b) {
    return reinterpret_cast<I>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(acc), a, b));
}
#else
HONE_INLINE Words weights_of(const int8_t* p) { return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
HONE_INLINE I add_products(I acc, Words a, Words b) {
    return reinterpret_cast<I>(_mm512_add_epi32(reinterpret_cast<__m512i>(acc), _mm512_madd_epi16(a, b)));
}
#endif
HONE_INLINE Words group_of(const Source* p) {
    int32_t v;
    __builtin_memcpy(&v, p, 4);
    return _mm512_set1_epi32(v);
}
HONE_INLINE V bytes_to_float(const void* p, bool is_signed, int64_t lanes) {
    const __m128i b = _mm_maskz_loadu_epi8(static_cast<__mmask16>(lanes >= W ? 0xffff : (1 << lanes) - 1), p);
    return _mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(b) : _mm512_cvtepu8_epi32(b));
}
HONE_INLINE void store_bytes(void* p, I v, int64_t lanes) {
    const __m128i b = _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v));
    if (lanes >= W) return _mm_storeu_si128(static_cast<__m128i*>(p), b);
    _mm_mask_storeu_epi8(p, static_cast<__mmask16>((1 << lanes) - 1), b);
}
HONE_INLINE void store_both(void* p, I a, I b) {
    const __m512i words = _mm512_packs_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)), bytes = _mm512_packus_epi16(words, words);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 0, 4, 8, 12, 1, 5, 9, 13);
    _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, bytes)));
}
#else
constexpr int kMostRows = 6;
typedef __m256i Words;
HONE_INLINE Words weights_of(const int8_t* p) { return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
HONE_INLINE Words group_of(const Source* p) {
    int32_t v;
    __builtin_memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}
HONE_INLINE I add_products(I acc, Words a, Words b) {
    return reinterpret_cast<I>(_mm256_add_epi32(reinterpret_cast<__m256i>(acc), _mm256_madd_epi16(a, b)));
}
HONE_INLINE V bytes_to_float(const void* p, bool is_signed, int64_t lanes) {
    uint64_t b = 0;
    if (lanes >= W) __builtin_memcpy(&b, p, 8);
    else
        for (int64_t i = 0; i < lanes; ++i) b |= static_cast<uint64_t>(static_cast<const uint8_t*>(p)[i]) << (8 * i);
    const __m128i v = _mm_cvtsi64_si128(static_cast<long long>(b));
    return _mm256_cvtepi32_ps(is_signed ? _mm256_cvtepi8_epi32(v) : _mm256_cvtepu8_epi32(v));
}
HONE_INLINE void store_bytes(void* p, I v, int64_t lanes) {
    const __m256i low = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), _mm256_set1_epi32(0x0c080400));
    const uint64_t b = static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1))));
    if (lanes >= W) {
        __builtin_memcpy(p, &b, 8);
        return;
    }
    for (int64_t i = 0; i < lanes; ++i) static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(b >> (8 * i));
}
HONE_INLINE void store_both(void* p, I a, I b) {
    const __m256i words = _mm256_packs_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b));  // a0 b0 a1 b1, four each
    const __m256i order = _mm256_permute4x64_epi64(words, 0xd8);
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm_packus_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1)));
}
#endif
constexpr int kWidth = 2 * W;

HONE_INLINE void finish(const Epilogue& e, I acc, int at, void* y, const void* residual, int64_t lanes) {
    V p = to_float(acc) * load(e.scales + at);
    const int64_t n = lanes - at;
    if (n <= 0) return;
    const int bytes = e.out == Out::f32 ? 4 : 1;
    if (e.residual) {
        const char* r = static_cast<const char*>(residual) + at * bytes;
        V v;
        if (e.out == Out::f32) v = n >= W ? load(reinterpret_cast<const float*>(r)) : load_n(reinterpret_cast<const float*>(r), n);
        else v = bytes_to_float(r, e.residual_signed, n);
        p = fma_exact(set1(e.residual_scale), v, p);
    }
    if (e.clamp) p = vmin(vmax(p, set1(e.low)), set1(e.high));
    char* to = static_cast<char*>(y) + at * bytes;
    if (e.out == Out::f32) {
        if (e.leaky) p = select(gt(set1(0), p), p * set1(e.slope), p);
        if (n >= W) store(reinterpret_cast<float*>(to), p);
        else store_n(reinterpret_cast<float*>(to), p, n);
        return;
    }
    store_bytes(to, to_int(p) + set1i(e.zero), n);
}

__attribute__((noinline)) void finish_any(const Tile& t, const Epilogue& e, const I* acc, int64_t count) {
    for (int64_t m = 0; m < count; ++m) {
        char* y = static_cast<char*>(t.y) + m * t.stride;
        const char* r = t.residual ? static_cast<const char*>(t.residual) + m * t.stride : nullptr;
        finish(e, acc[2 * m], 0, y, r, t.lanes);
        finish(e, acc[2 * m + 1], W, y, r, t.lanes);
    }
}

/// Whole panels of u8 without a residual, which is nearly all.
template <int M>
HONE_INLINE void finish_bytes(const Tile& t, const Epilogue& e, I (&acc)[M][2]) {
    const V m0 = load(e.scales), m1 = load(e.scales + W), low = set1(e.low), high = set1(e.high);
    const I zero = set1i(e.zero);
    char* y = static_cast<char*>(t.y);
#pragma GCC unroll 12
    for (int m = 0; m < M; ++m, y += t.stride) {
        const I q0 = to_int(vmin(vmax(to_float(acc[m][0]) * m0, low), high)) + zero;
        const I q1 = to_int(vmin(vmax(to_float(acc[m][1]) * m1, low), high)) + zero;
        store_both(y, q0, q1);
    }
}

template <int M>
__attribute__((noinline)) void tile_of(const Tile& t, const Epilogue& e) {
    I acc[M][2];
    const I b0 = loadi(e.bias), b1 = loadi(e.bias + W);
    for (int m = 0; m < M; ++m) acc[m][0] = b0, acc[m][1] = b1;
    const int8_t* w = t.w;
    for (int64_t r = 0; r < t.run_count; ++r) {
        const Source* x[M];
        for (int m = 0; m < M; ++m) x[m] = static_cast<const Source*>(t.rows[m]) + (t.offset + t.runs[r]);
        for (int64_t k = 0; k < kGroup * t.pairs; k += kGroup, w += kGroup * kWidth) {
            const Words w0 = weights_of(w), w1 = weights_of(w + kGroup * W);
            for (int m = 0; m < M; ++m) {
                const Words a = group_of(x[m] + k);
                acc[m][0] = add_products(acc[m][0], a, w0);
                acc[m][1] = add_products(acc[m][1], a, w1);
            }
        }
    }
    if (e.out == Out::u8 && !e.residual && t.lanes >= kWidth) return finish_bytes<M>(t, e, acc);
    I kept[M][2];
    for (int m = 0; m < M; ++m)
        for (int v = 0; v < 2; ++v) kept[m][v] = acc[m][v];
    finish_any(t, e, &kept[0][0], M);
}

void tile(const Tile& t, const Epilogue& e, int64_t count) {
    switch (count) {
        case 1: return tile_of<1>(t, e);
        case 2: return tile_of<2>(t, e);
        case 3: return tile_of<3>(t, e);
        case 4: return tile_of<4>(t, e);
        case 5: return tile_of<5>(t, e);
        case 6: return tile_of<6>(t, e);
#if defined(__AVX512F__)
        case 7: return tile_of<7>(t, e);
        case 8: return tile_of<8>(t, e);
        case 9: return tile_of<9>(t, e);
        case 10: return tile_of<10>(t, e);
        case 11: return tile_of<11>(t, e);
        case 12: return tile_of<12>(t, e);
#endif
        default: return;
    }
}

template <class T>
void widen(const T* x, int32_t zero, int16_t* y, int64_t n) {
    const auto z = static_cast<int16_t>(zero);
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<int16_t>(x[i] - z);
}

constexpr Table kTable = {kWidth, kMostRows, tile, widen<uint8_t>, widen<int8_t>};
