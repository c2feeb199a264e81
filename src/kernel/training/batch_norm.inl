// SPDX-License-Identifier: Apache-2.0
// Sums over a batch and the gradient through its mean and variance.

constexpr int64_t kRun = 64;  ///< rows, or vectors of a plane, summed in float

HONE_INLINE V load_at(const float* p, int64_t lanes, float fill = 0) { return lanes < W ? load_n(p, lanes, fill) : load(p); }
HONE_INLINE void add_to(double* to, V v, int64_t lanes) {
    float f[W];
    store(f, v);
    for (int64_t i = 0; i < lanes; ++i) to[i] += static_cast<double>(f[i]);
}

struct MomentSums {
    static constexpr int count = 2;
    V s[2] = {set1(0), set1(0)};
    HONE_INLINE void add(V d, V) {
        s[0] = s[0] + d;
        s[1] = fma(d, d, s[1]);
    }
};
struct GradientSums {
    static constexpr int count = 4;
    V s[4] = {set1(0), set1(0), set1(0), set1(0)};
    HONE_INLINE void add(V d, V dy) {
        s[0] = s[0] + d;
        s[1] = fma(d, d, s[1]);
        s[2] = s[2] + dy;
        s[3] = fma(dy, d, s[3]);
    }
};

/// `block` vectors of channels from `at` on, `rows` (<= kRun) rows.
template <class Sums, int block>
HONE_INLINE void run_columns(const float* dy, const float* x, const float* shift, int64_t rows, int64_t channels, int64_t lanes, double* sums) {
    Sums s[block];
    V from[block];
    for (int k = 0; k < block; ++k) from[k] = load_at(shift + k * W, lanes);
    for (int64_t r = 0; r < rows; ++r)
        for (int k = 0; k < block; ++k) {
            const V d = load_at(x + r * channels + k * W, lanes) - from[k];
            s[k].add(d, Sums::count > 2 ? load_at(dy + r * channels + k * W, lanes) : d);
        }
    for (int k = 0; k < block; ++k)
        for (int i = 0; i < Sums::count; ++i) add_to(sums + i * channels + k * W, s[k].s[i], lanes);
}
template <class Sums>
HONE_INLINE void sums_last(const float* dy, const float* x, const float* shift, int64_t rows, int64_t channels, double* sums) {
    for (int64_t r = 0; r < rows; r += kRun) {
        const int64_t n = rows - r < kRun ? rows - r : kRun, at = r * channels;
        const float* g = Sums::count > 2 ? dy + at : x + at;
        int64_t c = 0;
        for (; c + 4 * W <= channels; c += 4 * W) run_columns<Sums, 4>(g + c, x + at + c, shift + c, n, channels, W, sums + c);
        for (; c + W <= channels; c += W) run_columns<Sums, 1>(g + c, x + at + c, shift + c, n, channels, W, sums + c);
        if (c < channels) run_columns<Sums, 1>(g + c, x + at + c, shift + c, n, channels, channels - c, sums + c);
    }
}
template <class Sums>
HONE_INLINE void sums_plane(const float* dy, const float* x, float shift, int64_t n, double* sums) {
    const V from = set1(shift);
    for (int64_t run = 0; run < n; run += kRun * W) {
        const int64_t end = n - run < kRun * W ? n : run + kRun * W;
        Sums s;
        int64_t i = run;
        for (; i + W <= end; i += W) {
            const V d = load(x + i) - from;
            s.add(d, Sums::count > 2 ? load(dy + i) : d);
        }
        if (i < end) {
            const V d = load_n(x + i, end - i, shift) - from;
            s.add(d, Sums::count > 2 ? load_n(dy + i, end - i) : d);
        }
        for (int k = 0; k < Sums::count; ++k) sums[k] += static_cast<double>(sum_of(s.s[k]));
    }
}

void moments_last(const float* x, const float* shift, int64_t rows, int64_t channels, double* sums) {
    sums_last<MomentSums>(nullptr, x, shift, rows, channels, sums);
}
void moments_plane(const float* x, float shift, int64_t n, double* sums) { sums_plane<MomentSums>(nullptr, x, shift, n, sums); }
void gradient_sums_last(const float* dy, const float* x, const float* shift, int64_t rows, int64_t channels, double* sums) {
    sums_last<GradientSums>(dy, x, shift, rows, channels, sums);
}
void gradient_sums_plane(const float* dy, const float* x, float shift, int64_t n, double* sums) {
    sums_plane<GradientSums>(dy, x, shift, n, sums);
}

void gradient_last(const float* dy, const float* x, const float* a, const float* b, const float* k, float* dx, int64_t rows, int64_t channels) {
    for (int64_t r = 0; r < rows; ++r, dy += channels, x += channels, dx += channels) {
        int64_t c = 0;
        for (; c + W <= channels; c += W) store(dx + c, fma(load(a + c), load(dy + c), fma(load(b + c), load(x + c), load(k + c))));
        const int64_t n = channels - c;
        if (n > 0) store_n(dx + c, fma(load_n(a + c, n), load_n(dy + c, n), fma(load_n(b + c, n), load_n(x + c, n), load_n(k + c, n))), n);
    }
}
void gradient_plane(const float* dy, const float* x, float a, float b, float k, float* dx, int64_t n) {
    const V va = set1(a), vb = set1(b), vk = set1(k);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(dx + i, fma(va, load(dy + i), fma(vb, load(x + i), vk)));
    if (i < n) store_n(dx + i, fma(va, load_n(dy + i, n - i), fma(vb, load_n(x + i, n - i), vk)), n - i);
}
