// SPDX-License-Identifier: Apache-2.0
// Batch normalisation with what follows it in one pass, and the way back with the activation's gradient in both passes.

/// A vector of f32 or bf16, widened.
template <class T>
HONE_INLINE V widened(const void* p, int64_t at, int64_t lanes) {
    if constexpr (sizeof(T) == 4) {
        return load_at(static_cast<const float*>(p) + at, lanes);
    } else {
        const uint16_t* from = static_cast<const uint16_t*>(p) + at;
#if defined(__AVX512F__)
        if (lanes >= W)
            return reinterpret_cast<V>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))), 16));
#endif
        uint32_t bits[W] = {};
        for (int64_t i = 0; i < (lanes < W ? lanes : W); ++i) bits[i] = static_cast<uint32_t>(from[i]) << 16;
        V v;
        __builtin_memcpy(&v, bits, sizeof v);
        return v;
    }
}
template <class T>
HONE_INLINE void narrowed(void* p, int64_t at, V v, int64_t lanes) {
    if constexpr (sizeof(T) == 4) {
        float* to = static_cast<float*>(p) + at;
        lanes < W ? store_n(to, v, lanes) : store(to, v);
    } else {
        uint16_t* to = static_cast<uint16_t*>(p) + at;
#if defined(__AVX512F__)
        if (lanes >= W) {
            const __m512i u = reinterpret_cast<__m512i>(v), odd = _mm512_and_epi32(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
            const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
            const __m512i quiet = _mm512_or_epi32(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(0x40));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, is_nan(v), quiet)));
            return;
        }
#endif
        uint32_t bits[W];
        __builtin_memcpy(bits, &v, sizeof v);
        for (int64_t i = 0; i < (lanes < W ? lanes : W); ++i) {
            const uint32_t u = bits[i], rounded = (u + 0x7fffu + ((u >> 16) & 1)) >> 16;
            to[i] = static_cast<uint16_t>((u & 0x7fffffffu) > 0x7f800000u ? (u >> 16) | 0x40 : rounded);
        }
    }
}

/// A number a channel, from channel c on.
HONE_INLINE V number(const BatchNormRange& r, const float* p, int64_t c, int64_t lanes) { return r.plane ? set1(*p) : load_at(p + c, lanes); }

/// Vectors of channels, f(c, lanes); then the rest.
template <class F>
HONE_INLINE void each_vector(const BatchNormRange& r, F f) {
    int64_t c = 0;
    for (; c + W <= r.channels; c += W) f(c, static_cast<int64_t>(W));
    if (c < r.channels) f(c, r.channels - c);
}

template <class T>
void batch_norm_apply(const BatchNormRange& r) {
    const V zero = set1(0);
    for (int64_t row = 0; row < r.rows; ++row)
        each_vector(r, [&](int64_t c, int64_t lanes) {
            const int64_t at = row * r.channels + c;
            V v = fma(widened<T>(r.x, at, lanes), number(r, r.slope, c, lanes), number(r, r.bias, c, lanes));
            if (r.residual) v = v + widened<T>(r.residual, at, lanes);
            if (r.relu) v = vmax(zero, v);
            narrowed<T>(r.out, at, v, lanes);
        });
}

template <class T>
HONE_INLINE V gradient_at(const BatchNormRange& r, int64_t at, int64_t lanes, V x, V slope, V bias) {
    V g = widened<T>(r.dy, at, lanes);
    if (r.dy2) g = g + widened<T>(r.dy2, at, lanes);
    if (!r.relu) return g;
    const V zero = set1(0);
    return select(gt(r.y ? widened<T>(r.y, at, lanes) : fma(x, slope, bias), zero), g, zero);
}

template <class T>
void batch_norm_sums(const BatchNormRange& r) {
    const V none = set1(0);
    const bool computes = r.relu && !r.y;
    const auto add = [&](GradientSums& s, int64_t c, int64_t at, int64_t lanes) {
        V x = widened<T>(r.x, at, lanes);
        const V shift = number(r, r.shift, c, lanes);
        const V g = gradient_at<T>(r, at, lanes, x, computes ? number(r, r.slope, c, lanes) : none, computes ? number(r, r.bias, c, lanes) : none);
        if (r.masked) narrowed<T>(r.masked, at, g, lanes);
        V d = x - shift;
        if (lanes < W) {  // lanes that are not there count nothing
            float f[W];
            store(f, d);
            for (int64_t i = lanes; i < W; ++i) f[i] = 0;
            d = load(f);
        }
        s.add(d, g);
    };
    if (r.plane) {
        for (int64_t run = 0; run < r.channels; run += kRun * W) {
            GradientSums s;
            for (int64_t i = run; i < r.channels && i < run + kRun * W; i += W) add(s, 0, i, r.channels - i < W ? r.channels - i : W);
            for (int k = 0; k < GradientSums::count; ++k) r.sums[k * r.stride] += static_cast<double>(sum_of(s.s[k]));
        }
        return;
    }
    for (int64_t row = 0; row < r.rows; row += kRun) {
        const int64_t end = r.rows < row + kRun ? r.rows : row + kRun;
        int64_t c = 0;
        for (; c + 4 * W <= r.channels; c += 4 * W) {  // several cache lines of a row at once
            GradientSums s[4];
            for (int64_t i = row; i < end; ++i)
                for (int k = 0; k < 4; ++k) add(s[k], c + k * W, i * r.channels + c + k * W, W);
            for (int k = 0; k < 4; ++k)
                for (int j = 0; j < GradientSums::count; ++j) add_to(r.sums + j * r.stride + c + k * W, s[k].s[j], W);
        }
        for (; c < r.channels; c += W) {
            const int64_t lanes = r.channels - c < W ? r.channels - c : W;
            GradientSums s;
            for (int64_t i = row; i < end; ++i) add(s, c, i * r.channels + c, lanes);
            for (int j = 0; j < GradientSums::count; ++j) add_to(r.sums + j * r.stride + c, s.s[j], lanes);
        }
    }
}

template <class T>
void batch_norm_gradient(const BatchNormRange& r) {
    const V none = set1(0);
    const bool computes = r.relu && !r.y;
    for (int64_t row = 0; row < r.rows; ++row)
        each_vector(r, [&](int64_t c, int64_t lanes) {
            const int64_t at = row * r.channels + c;
            const V x = widened<T>(r.x, at, lanes);
            const V g = gradient_at<T>(r, at, lanes, x, computes ? number(r, r.slope, c, lanes) : none, computes ? number(r, r.bias, c, lanes) : none);
            const V a = number(r, r.k, c, lanes), b = number(r, r.k + r.stride, c, lanes), k = number(r, r.k + 2 * r.stride, c, lanes);
            narrowed<T>(r.out, at, fma(a, g, fma(b, x, k)), lanes);
        });
}
