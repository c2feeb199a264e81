// SPDX-License-Identifier: Apache-2.0
// The gradient of a max pool, a vector of channels at a time: which tap was the greatest is found again from x.

/// Offsets, in positions, of the window's taps that are inside; how many.
HONE_INLINE int64_t taps_of(const PoolWindow& w, const int64_t* o, int64_t* taps) {
    int64_t n = 0;
    for (int64_t k0 = 0; k0 < w.kernel[0]; ++k0) {
        const int64_t i0 = o[0] * w.stride[0] - w.pad[0] + k0 * w.dilation[0];
        if (i0 < 0 || i0 >= w.in[0]) continue;
        for (int64_t k1 = 0; k1 < w.kernel[1]; ++k1) {
            const int64_t i1 = o[1] * w.stride[1] - w.pad[1] + k1 * w.dilation[1];
            if (i1 < 0 || i1 >= w.in[1]) continue;
            for (int64_t k2 = 0; k2 < w.kernel[2]; ++k2) {
                const int64_t i2 = o[2] * w.stride[2] - w.pad[2] + k2 * w.dilation[2];
                if (i2 >= 0 && i2 < w.in[2]) taps[n++] = (i0 * w.in[1] + i1) * w.in[2] + i2;
            }
        }
    }
    return n;
}

HONE_INLINE void scatter(const int64_t* taps, int64_t n, const float* dy, const float* x, float* dx, int64_t channels, int64_t lanes) {
    V best = lanes < W ? load_n(x + taps[0] * channels, lanes) : load(x + taps[0] * channels), at = set1(0);
    for (int64_t k = 1; k < n; ++k) {
        const float* p = x + taps[k] * channels;
        const V v = lanes < W ? load_n(p, lanes) : load(p), index = set1(static_cast<float>(k));
        const V here = select(is_nan(best), at, select(is_nan(v), index, select(gt(v, best), index, at)));
        best = select(is_nan(best), best, select(is_nan(v), v, select(gt(v, best), v, best)));
        at = here;
    }
    const V g = lanes < W ? load_n(dy, lanes) : load(dy), half = set1(0.5f), zero = set1(0);
    for (int64_t k = 0; k < n; ++k) {
        float* p = dx + taps[k] * channels;
        const V part = select(gt(half, vabs(at - set1(static_cast<float>(k)))), g, zero);
        if (lanes < W) store_n(p, load_n(p, lanes) + part, lanes);
        else store(p, load(p) + part);
    }
}

void max_pool_gradient(const PoolWindow& w, const float* dy, const float* x, float* dx, int64_t channels, int64_t begin, int64_t end) {
    const int64_t positions = w.in[0] * w.in[1] * w.in[2];
    for (int64_t i = 0; i < positions; ++i)
        for (int64_t c = begin; c < end; ++c) dx[i * channels + c] = 0;
    int64_t taps[kMostTaps];
    int64_t o[3];
    for (o[0] = 0; o[0] < w.out[0]; ++o[0])
        for (o[1] = 0; o[1] < w.out[1]; ++o[1])
            for (o[2] = 0; o[2] < w.out[2]; ++o[2], dy += channels) {
                const int64_t n = taps_of(w, o, taps);
                if (n == 0) continue;
                int64_t c = begin;
                for (; c + W <= end; c += W) scatter(taps, n, dy + c, x + c, dx + c, channels, W);
                if (c < end) scatter(taps, n, dy + c, x + c, dx + c, channels, end - c);
            }
}
