// SPDX-License-Identifier: Apache-2.0
// One vector of floats (V) or int32 (I) of the instruction set that this source is compiled for: 4, 8 or 16 lanes.
// Included inside an anonymous namespace, after <immintrin.h>; uses no standard library (architecture, decision 13).

#define HONE_INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif
typedef float V __attribute__((vector_size(4 * W)));
typedef int32_t I __attribute__((vector_size(4 * W)));

constexpr float kInfinity = __builtin_inff();

#if defined(__AVX512F__)
HONE_INLINE V set1(float f) { return _mm512_set1_ps(f); }
HONE_INLINE I set1i(int32_t i) { return reinterpret_cast<I>(_mm512_set1_epi32(i)); }
HONE_INLINE V load(const float* p) { return _mm512_loadu_ps(p); }
HONE_INLINE void store(float* p, V v) { _mm512_storeu_ps(p, v); }
HONE_INLINE __mmask16 first(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
/// The first n (< W) lanes; the others hold `fill`.
HONE_INLINE V load_n(const float* p, int64_t n, float fill = 0) {
    return _mm512_mask_loadu_ps(_mm512_set1_ps(fill), first(n), p);
}
HONE_INLINE void store_n(float* p, V v, int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
HONE_INLINE I loadi(const int32_t* p) { return reinterpret_cast<I>(_mm512_loadu_si512(p)); }
HONE_INLINE I loadi_n(const int32_t* p, int64_t n) {
    return reinterpret_cast<I>(_mm512_maskz_loadu_epi32(first(n), p));
}
HONE_INLINE void storei(int32_t* p, I v) { _mm512_storeu_si512(p, reinterpret_cast<__m512i>(v)); }
HONE_INLINE void storei_n(int32_t* p, I v, int64_t n) {
    _mm512_mask_storeu_epi32(p, first(n), reinterpret_cast<__m512i>(v));
}
HONE_INLINE V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
HONE_INLINE V fma_exact(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
/// a > b ? a : b, so b where either is NaN; likewise vmin.
HONE_INLINE V vmax(V a, V b) { return _mm512_max_ps(a, b); }
HONE_INLINE V vmin(V a, V b) { return _mm512_min_ps(a, b); }
HONE_INLINE V vsqrt(V a) { return _mm512_sqrt_ps(a); }
HONE_INLINE V vround(V a) { return _mm512_roundscale_ps(a, 8); }
HONE_INLINE V vfloor(V a) { return _mm512_roundscale_ps(a, 9); }
HONE_INLINE V vceil(V a) { return _mm512_roundscale_ps(a, 10); }
HONE_INLINE I to_int(V a) { return reinterpret_cast<I>(_mm512_cvtps_epi32(a)); }
HONE_INLINE V to_float(I a) { return _mm512_cvtepi32_ps(reinterpret_cast<__m512i>(a)); }
HONE_INLINE uint32_t equal_bits(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
/// p * 2^n, n integral in [-252, 252].
HONE_INLINE V scale2(V p, V n) { return _mm512_scalef_ps(p, n); }
typedef __mmask16 M;
HONE_INLINE M gt(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
HONE_INLINE M ge(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }
HONE_INLINE M is_nan(V a) { return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q); }
HONE_INLINE V select(M m, V a, V b) { return _mm512_mask_blend_ps(m, b, a); }
HONE_INLINE I select(M m, I a, I b) {
    return reinterpret_cast<I>(_mm512_mask_blend_epi32(m, reinterpret_cast<__m512i>(b), reinterpret_cast<__m512i>(a)));
}
HONE_INLINE float sum_of(V v) { return _mm512_reduce_add_ps(v); }
HONE_INLINE float max_of(V v) { return _mm512_reduce_max_ps(v); }
HONE_INLINE float min_of(V v) { return _mm512_reduce_min_ps(v); }

#elif defined(__AVX2__)
HONE_INLINE V set1(float f) { return _mm256_set1_ps(f); }
HONE_INLINE I set1i(int32_t i) { return reinterpret_cast<I>(_mm256_set1_epi32(i)); }
HONE_INLINE V load(const float* p) { return _mm256_loadu_ps(p); }
HONE_INLINE void store(float* p, V v) { _mm256_storeu_ps(p, v); }
HONE_INLINE __m256i first(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
HONE_INLINE V load_n(const float* p, int64_t n, float fill = 0) {
    const __m256i m = first(n);
    return _mm256_blendv_ps(_mm256_set1_ps(fill), _mm256_maskload_ps(p, m), _mm256_castsi256_ps(m));
}
HONE_INLINE void store_n(float* p, V v, int64_t n) { _mm256_maskstore_ps(p, first(n), v); }
HONE_INLINE I loadi(const int32_t* p) {
    return reinterpret_cast<I>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
HONE_INLINE I loadi_n(const int32_t* p, int64_t n) { return reinterpret_cast<I>(_mm256_maskload_epi32(p, first(n))); }
HONE_INLINE void storei(int32_t* p, I v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(v));
}
HONE_INLINE void storei_n(int32_t* p, I v, int64_t n) {
    _mm256_maskstore_epi32(p, first(n), reinterpret_cast<__m256i>(v));
}
HONE_INLINE V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
HONE_INLINE V fma_exact(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
HONE_INLINE V vmax(V a, V b) { return _mm256_max_ps(a, b); }
HONE_INLINE V vmin(V a, V b) { return _mm256_min_ps(a, b); }
HONE_INLINE V vsqrt(V a) { return _mm256_sqrt_ps(a); }
HONE_INLINE V vround(V a) { return _mm256_round_ps(a, 8); }
HONE_INLINE V vfloor(V a) { return _mm256_round_ps(a, 9); }
HONE_INLINE V vceil(V a) { return _mm256_round_ps(a, 10); }
HONE_INLINE I to_int(V a) { return reinterpret_cast<I>(_mm256_cvtps_epi32(a)); }
HONE_INLINE V to_float(I a) { return _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(a)); }
HONE_INLINE uint32_t equal_bits(V a, V b) {
    return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ)));
}

#else
HONE_INLINE V set1(float f) { return _mm_set1_ps(f); }
HONE_INLINE I set1i(int32_t i) { return reinterpret_cast<I>(_mm_set1_epi32(i)); }
HONE_INLINE V load(const float* p) { return _mm_loadu_ps(p); }
HONE_INLINE void store(float* p, V v) { _mm_storeu_ps(p, v); }
HONE_INLINE V load_n(const float* p, int64_t n, float fill = 0) {
    V v = set1(fill);
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
    return v;
}
HONE_INLINE void store_n(float* p, V v, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
HONE_INLINE I loadi(const int32_t* p) {
    return reinterpret_cast<I>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
HONE_INLINE I loadi_n(const int32_t* p, int64_t n) {
    I v = set1i(0);
    for (int64_t i = 0; i < n; ++i) v[i] = p[i];
    return v;
}
HONE_INLINE void storei(int32_t* p, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(v));
}
HONE_INLINE void storei_n(int32_t* p, I v, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
/// Two roundings here, one where the machine has fma; fma_exact rounds once everywhere.
HONE_INLINE V fma(V a, V b, V c) { return a * b + c; }
HONE_INLINE V fma_exact(V a, V b, V c) {
    V r;
    for (int i = 0; i < W; ++i) r[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return r;
}
HONE_INLINE V vmax(V a, V b) { return _mm_max_ps(a, b); }
HONE_INLINE V vmin(V a, V b) { return _mm_min_ps(a, b); }
HONE_INLINE V vsqrt(V a) { return _mm_sqrt_ps(a); }
HONE_INLINE I to_int(V a) { return reinterpret_cast<I>(_mm_cvtps_epi32(a)); }
HONE_INLINE V to_float(I a) { return _mm_cvtepi32_ps(reinterpret_cast<__m128i>(a)); }
HONE_INLINE V vround(V a) {
    const I sign = set1i(static_cast<int32_t>(0x80000000u));
    const I bits = reinterpret_cast<I>(a) & ~sign;
    const V magic = set1(8388608.0f);
    const V m = reinterpret_cast<V>(bits);
    const V r = (m + magic) - magic;
    const I small = m < magic;
    const I rounded = reinterpret_cast<I>(r) | (reinterpret_cast<I>(a) & sign);
    return reinterpret_cast<V>((rounded & small) | (reinterpret_cast<I>(a) & ~small));
}
/// -0 and the sign of results that are 0 are kept by taking the sign of `a` back.
HONE_INLINE V with_sign_of(V r, V a) {
    const I sign = set1i(static_cast<int32_t>(0x80000000u));
    return reinterpret_cast<V>((reinterpret_cast<I>(r) & ~sign) | (reinterpret_cast<I>(a) & sign));
}
HONE_INLINE V vfloor(V a) {
    const V r = vround(a);
    const I over = r > a;
    return r - reinterpret_cast<V>(over & reinterpret_cast<I>(set1(1)));
}
HONE_INLINE V vceil(V a) {
    const V r = vround(a);
    const I under = r < a;
    return with_sign_of(r + reinterpret_cast<V>(under & reinterpret_cast<I>(set1(1))), a);
}
HONE_INLINE uint32_t equal_bits(V a, V b) { return static_cast<uint32_t>(_mm_movemask_ps(_mm_cmpeq_ps(a, b))); }
#endif

#if !defined(__AVX512F__)
HONE_INLINE V scale2(V p, V n) {
    const I k = to_int(n), half = k >> 1;
    const V a = reinterpret_cast<V>((half + 127) << 23), b = reinterpret_cast<V>((k - half + 127) << 23);
    return p * a * b;
}
typedef I M;
HONE_INLINE M gt(V a, V b) { return a > b; }
HONE_INLINE M ge(V a, V b) { return a >= b; }
HONE_INLINE M is_nan(V a) { return a != a; }
HONE_INLINE I select(M m, I a, I b) { return (a & m) | (b & ~m); }
#if defined(__AVX2__)
HONE_INLINE V select(M m, V a, V b) { return _mm256_blendv_ps(b, a, reinterpret_cast<V>(m)); }
#else
HONE_INLINE V select(M m, V a, V b) {
    return reinterpret_cast<V>(select(m, reinterpret_cast<I>(a), reinterpret_cast<I>(b)));
}
#endif
HONE_INLINE float sum_of(V v) {
    float a[W];
    store(a, v);
    for (int w = W / 2; w > 0; w /= 2)
        for (int i = 0; i < w; ++i) a[i] += a[i + w];
    return a[0];
}
HONE_INLINE float max_of(V v) {
    float m = v[0];
    for (int i = 1; i < W; ++i) m = v[i] > m ? v[i] : m;
    return m;
}
HONE_INLINE float min_of(V v) {
    float m = v[0];
    for (int i = 1; i < W; ++i) m = v[i] < m ? v[i] : m;
    return m;
}
#endif

HONE_INLINE V vabs(V a) { return reinterpret_cast<V>(reinterpret_cast<I>(a) & set1i(0x7fffffff)); }
HONE_INLINE V sign_bit(V a) {
    return reinterpret_cast<V>(reinterpret_cast<I>(a) & set1i(static_cast<int32_t>(0x80000000u)));
}
HONE_INLINE V bit_or(V a, V b) { return reinterpret_cast<V>(reinterpret_cast<I>(a) | reinterpret_cast<I>(b)); }
