// SPDX-License-Identifier: Apache-2.0
// int8: quantise, dequantise, residual sum and gated product, table lookup; bf16 and f16.

#if defined(__AVX512F__)
HONE_INLINE I load_q(const uint8_t* p) {
    return reinterpret_cast<I>(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
HONE_INLINE I load_q(const int8_t* p) {
    return reinterpret_cast<I>(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
/// The low byte of each lane; the value is in range of the type already.
HONE_INLINE void store_q(uint8_t* p, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v)));
}
#elif defined(__AVX2__)
HONE_INLINE I load_q(const uint8_t* p) {
    return reinterpret_cast<I>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
HONE_INLINE I load_q(const int8_t* p) {
    return reinterpret_cast<I>(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
HONE_INLINE void store_q(uint8_t* p, I v) {
    const __m256i bytes = _mm256_set1_epi32(0x0c080400);
    const __m256i low = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), bytes);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p),
                     _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}
#else
HONE_INLINE I load_q(const uint8_t* p) { return I{p[0], p[1], p[2], p[3]}; }
HONE_INLINE I load_q(const int8_t* p) { return I{p[0], p[1], p[2], p[3]}; }
HONE_INLINE void store_q(uint8_t* p, I v) {
    for (int i = 0; i < W; ++i) p[i] = static_cast<uint8_t>(v[i]);
}
#endif
HONE_INLINE void store_q(int8_t* p, I v) { store_q(reinterpret_cast<uint8_t*>(p), v); }
HONE_INLINE I load_q(const int32_t* p) { return loadi(p); }
template <class T>
HONE_INLINE I load_q(const T* p, int64_t n) {
    if (n >= W) return load_q(p);
    T t[W] = {};
    for (int64_t i = 0; i < n; ++i) t[i] = p[i];
    return load_q(t);
}
template <class T>
HONE_INLINE void store_q(T* p, I v, int64_t n) {
    if (n >= W) return store_q(p, v);
    T t[W];
    store_q(t, v);
    for (int64_t i = 0; i < n; ++i) p[i] = t[i];
}

template <class T>
struct Range;
template <>
struct Range<uint8_t> {
    static constexpr int32_t low = 0, high = 255;
};
template <>
struct Range<int8_t> {
    static constexpr int32_t low = -128, high = 127;
};
/// saturate(round_half_even(v) + zero) of T: clamping before rounding is the same, as the limits are integers.
template <class T>
struct Saturate {
    V low, high;
    I zero;
    HONE_INLINE Saturate(int32_t z, bool relu = false) {
        const int32_t l = Range<T>::low - z;
        low = set1(static_cast<float>(relu && l < 0 ? 0 : l));
        high = set1(static_cast<float>(Range<T>::high - z));
        zero = set1i(z);
    }
    HONE_INLINE I operator()(V v) const { return to_int(vmin(vmax(v, low), high)) + zero; }
};

template <class T>
void quantize(const float* x, float scale, int32_t zero, void* y, int64_t n) {
    T* q = static_cast<T*>(y);
    const Saturate<T> saturate(zero);
    const V s = set1(scale);
    int64_t i = 0;
    for (; i + W <= n; i += W) store_q(q + i, saturate(load(x + i) / s));
    if (i < n) store_q(q + i, saturate(load_n(x + i, n - i) / s), n - i);
}
template <class T>
void dequantize(const void* x, float scale, int32_t zero, float* y, int64_t n) {
    const T* q = static_cast<const T*>(x);
    const V s = set1(scale);
    const I z = set1i(zero);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, to_float(load_q(q + i) - z) * s);
    if (i < n) store_n(y + i, to_float(load_q(q + i, n - i) - z) * s, n - i);
}
template <class T>
void dequantize_last(const void* x, const float* scale, const int32_t* zero, float* y, int64_t rows, int64_t channels) {
    const T* q = static_cast<const T*>(x);
    for (int64_t r = 0; r < rows; ++r, q += channels, y += channels)
        for (int64_t i = 0; i < channels; i += W) {
            const int64_t n = channels - i;
            const bool full = n >= W;
            I v = load_q(q + i, n);
            if (zero) v = v - (full ? loadi(zero + i) : loadi_n(zero + i, n));
            const V d = to_float(v) * (full ? load(scale + i) : load_n(scale + i, n));
            if (full) store(y + i, d);
            else store_n(y + i, d, n);
        }
}
template <class T>
void dequantize_middle(const void* x, const float* scale, const int32_t* zero, float* y, int64_t outer,
                       int64_t channels, int64_t inner) {
    if (inner == 1) return dequantize_last<T>(x, scale, zero, y, outer, channels);
    const T* q = static_cast<const T*>(x);
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t c = 0; c < channels; ++c, q += inner, y += inner)
            dequantize<T>(q, scale[c], zero ? zero[c] : 0, y, inner);
}
template <class T>
void requantize(const int32_t* x, const float* scale, int64_t scale_count, int32_t zero, void* y, int64_t rows,
                int64_t channels) {
    T* q = static_cast<T*>(y);
    const Saturate<T> saturate(zero);
    const bool one = scale_count == 1;
    if (one) {
        channels *= rows;
        rows = 1;
    }
    for (int64_t r = 0; r < rows; ++r, x += channels, q += channels)
        for (int64_t i = 0; i < channels; i += W) {
            const int64_t n = channels - i;
            const bool full = n >= W;
            const V s = one ? set1(*scale) : full ? load(scale + i) : load_n(scale + i, n);
            store_q(q + i, saturate(to_float(full ? loadi(x + i) : loadi_n(x + i, n)) * s), n);
        }
}
template <class T>
void sum_middle(const void* x, int32_t* y, int64_t outer, int64_t axis, int64_t inner) {
    const T* q = static_cast<const T*>(x);
    for (int64_t o = 0; o < outer; ++o, q += axis * inner, y += inner) {
        if (inner == 1) {
            I s = set1i(0), s1 = s;
            int64_t t = 0;
            for (; t + 2 * W <= axis; t += 2 * W) {
                s += load_q(q + t);
                s1 += load_q(q + t + W);
            }
            for (; t < axis; t += W) s += load_q(q + t, axis - t);
            int32_t lanes[W], total = 0;
            storei(lanes, s + s1);
            for (int i = 0; i < W; ++i) total += lanes[i];
            *y = total;
            continue;
        }
        int64_t i = 0;
        for (; i + 4 * W <= inner; i += 4 * W) {
            I s0 = set1i(0), s1 = s0, s2 = s0, s3 = s0;
            for (int64_t t = 0; t < axis; ++t) {
                const T* p = q + t * inner + i;
                s0 += load_q(p);
                s1 += load_q(p + W);
                s2 += load_q(p + 2 * W);
                s3 += load_q(p + 3 * W);
            }
            storei(y + i, s0);
            storei(y + i + W, s1);
            storei(y + i + 2 * W, s2);
            storei(y + i + 3 * W, s3);
        }
        for (; i < inner; i += W) {
            const int64_t n = inner - i;
            I s = set1i(0);
            for (int64_t t = 0; t < axis; ++t) s += load_q(q + t * inner + i, n);
            if (n >= W) storei(y + i, s);
            else storei_n(y + i, s, n);
        }
    }
}

template <class A, class B, class Y>
void q_add_of(const QAdd& s, const void* va, const void* vb, void* vy, int64_t n) {
    const A* a = static_cast<const A*>(va);
    const B* b = static_cast<const B*>(vb);
    Y* y = static_cast<Y*>(vy);
    const Saturate<Y> saturate(s.y_zero, s.relu);
    const V sa = set1(s.a_scale), sb = set1(s.b_scale);
    const I za = set1i(s.a_zero), zb = set1i(s.b_zero);
    int64_t i = 0;
    for (; i + W <= n; i += W) {
        const V p = to_float(load_q(b + i) - zb) * sb;
        store_q(y + i, saturate(fma_exact(sa, to_float(load_q(a + i) - za), p)));
    }
    if (i < n) {
        const V p = to_float(load_q(b + i, n - i) - zb) * sb;
        store_q(y + i, saturate(fma_exact(sa, to_float(load_q(a + i, n - i) - za), p)), n - i);
    }
}
template <class A, class B, class Y>
void q_mul_of(const QMul& s, const void* va, const void* vb, void* vy, int64_t rows, int64_t cols, bool b_repeats) {
    const A* a = static_cast<const A*>(va);
    const B* b = static_cast<const B*>(vb);
    Y* y = static_cast<Y*>(vy);
    const Saturate<Y> saturate(s.y_zero);
    const V m = set1(s.scale);
    const I za = set1i(s.a_zero), zb = set1i(s.b_zero);
    if (!b_repeats) {
        cols *= rows;
        rows = 1;
    }
    for (int64_t r = 0; r < rows; ++r, a += cols, y += cols) {
        int64_t i = 0;
        for (; i + W <= cols; i += W)
            store_q(y + i, saturate(to_float((load_q(a + i) - za) * (load_q(b + i) - zb)) * m));
        if (i < cols) {
            const int64_t n = cols - i;
            store_q(y + i, saturate(to_float((load_q(a + i, n) - za) * (load_q(b + i, n) - zb)) * m), n);
        }
    }
}
/// Calls name<A, B, Y> for the three types in s.
#define HONE_BY_TYPES(name, ...)                                                                              \
    switch ((s.a_type == Int::s8) * 4 + (s.b_type == Int::s8) * 2 + (s.y_type == Int::s8)) {                 \
        case 0: return name<uint8_t, uint8_t, uint8_t>(__VA_ARGS__);                                          \
        case 1: return name<uint8_t, uint8_t, int8_t>(__VA_ARGS__);                                           \
        case 2: return name<uint8_t, int8_t, uint8_t>(__VA_ARGS__);                                           \
        case 3: return name<uint8_t, int8_t, int8_t>(__VA_ARGS__);                                            \
        case 4: return name<int8_t, uint8_t, uint8_t>(__VA_ARGS__);                                           \
        case 5: return name<int8_t, uint8_t, int8_t>(__VA_ARGS__);                                            \
        case 6: return name<int8_t, int8_t, uint8_t>(__VA_ARGS__);                                            \
        default: return name<int8_t, int8_t, int8_t>(__VA_ARGS__);                                            \
    }
void q_add(const QAdd& s, const void* a, const void* b, void* y, int64_t n) { HONE_BY_TYPES(q_add_of, s, a, b, y, n) }
void q_mul(const QMul& s, const void* a, const void* b, void* y, int64_t rows, int64_t cols, bool b_repeats) {
    HONE_BY_TYPES(q_mul_of, s, a, b, y, rows, cols, b_repeats)
}
#undef HONE_BY_TYPES

#if defined(__AVX512F__)
__attribute__((target("avx512vbmi"))) int64_t lookup8_vbmi(const uint8_t* table, const uint8_t* x, uint8_t* y,
                                                            int64_t n) {
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    int64_t i = 0;
    for (; i + 64 <= n; i += 64) {
        const __m512i v = _mm512_loadu_si512(x + i);
        const __m512i low = _mm512_permutex2var_epi8(t0, v, t1), high = _mm512_permutex2var_epi8(t2, v, t3);
        _mm512_storeu_si512(y + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high));
    }
    return i;
}
#endif
void lookup8(const uint8_t* table, const uint8_t* x, uint8_t* y, int64_t n) {
    int64_t i = 0;
#if defined(__AVX512F__)
    if (__builtin_cpu_supports("avx512vbmi")) i = lookup8_vbmi(table, x, y, n);
#endif
    for (; i + 8 <= n; i += 8) {
        uint64_t v, r = 0;
        __builtin_memcpy(&v, x + i, 8);
        for (int k = 0; k < 64; k += 8) r |= static_cast<uint64_t>(table[(v >> k) & 255]) << k;
        __builtin_memcpy(y + i, &r, 8);
    }
    for (; i < n; ++i) y[i] = table[x[i]];
}

void f32_to_bf16(const float* x, uint16_t* y, int64_t n) {
    const uint32_t* bits = reinterpret_cast<const uint32_t*>(x);
    for (int64_t i = 0; i < n; ++i) {
        uint32_t u;
        __builtin_memcpy(&u, bits + i, 4);
        const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
        y[i] = static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40 : rounded);
    }
}
void bf16_to_f32(const uint16_t* x, float* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) {
        const uint32_t u = static_cast<uint32_t>(x[i]) << 16;
        __builtin_memcpy(y + i, &u, 4);
    }
}

/// Round to nearest even; NaN keeps its top bits and becomes quiet.
HONE_INLINE uint16_t half_of(float f) {
    uint32_t u;
    __builtin_memcpy(&u, &f, 4);
    const uint32_t sign = (u >> 16) & 0x8000u, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((a >> 13) & 0x3ffu));
    if (a >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);
    if (a < 0x33000001u) return static_cast<uint16_t>(sign);
    const uint32_t e = a >> 23, m = (a & 0x7fffffu) | 0x800000u;
    const uint32_t shift = e < 113 ? 126 - e : 13;
    const uint32_t half = 1u << (shift - 1), q = m >> shift, rest = m & ((1u << shift) - 1);
    const uint32_t base = e < 113 ? q : q + ((e - 113) << 10);
    return static_cast<uint16_t>(sign | (base + (rest > half || (rest == half && (q & 1)))));
}
HONE_INLINE float float_of_half(uint16_t h) {
    uint32_t u = static_cast<uint32_t>(h & 0x8000u) << 16;
    const uint32_t e = (h >> 10) & 31, m = h & 0x3ffu;
    if (e == 31) u |= 0x7f800000u | (m << 13) | (m ? 0x400000u : 0);
    else if (e) u |= ((e + 112) << 23) | (m << 13);
    else if (m) {
        const uint32_t k = 31 - static_cast<uint32_t>(__builtin_clz(m));
        u |= ((k + 103) << 23) | ((m << (23 - k)) & 0x7fffffu);
    }
    float f;
    __builtin_memcpy(&f, &u, 4);
    return f;
}
void f32_to_f16(const float* x, uint16_t* y, int64_t n) {
    int64_t i = 0;
#if defined(__AVX512F__)
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), _mm512_cvtps_ph(load(x + i), 8));
#elif defined(__AVX2__)
    for (; i + 8 <= n; i += 8) _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), _mm256_cvtps_ph(load(x + i), 8));
#endif
    for (; i < n; ++i) y[i] = half_of(x[i]);
}
void f16_to_f32(const uint16_t* x, float* y, int64_t n) {
    int64_t i = 0;
#if defined(__AVX512F__)
    for (; i + 16 <= n; i += 16)
        store(y + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
#elif defined(__AVX2__)
    for (; i + 8 <= n; i += 8) store(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
#endif
    for (; i < n; ++i) y[i] = float_of_half(x[i]);
}
