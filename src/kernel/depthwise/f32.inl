// SPDX-License-Identifier: Apache-2.0
// f32: tiles of up to 8 output columns stay in registers while the taps pass; edges skip the taps that fall outside.

constexpr int kMostColumns = 8;

HONE_INLINE V load_lanes(const float* p, int64_t n) { return n >= W ? load(p) : load_n(p, n); }

/// Columns [first[kw], last[kw]) of a tile see source columns inside the picture at tap kw.
struct Seen {
    int first[64], last[64];
};

/// K: the width of the kernel, or 0 where it is known only at run time.
template <int T, int K>
__attribute__((noinline)) void f32_tile(const F32Call& a, const Seen& seen, const float* x, int64_t kh0, int64_t kh1, float* y, int64_t from, int64_t to) {
    const Geometry& g = *a.g;
    const int64_t step = g.stride_w * g.c, row = g.w * g.c * g.dilation_h, tap = g.c * g.dilation_w;
    const int64_t width = K ? K : g.kernel_w;
    const V low = set1(a.low), high = set1(a.high);
    for (int64_t c = from; c < to; c += W) {
        const int64_t lanes = g.c - c;
        V acc[T];
        const V b = load(a.bias + c);
        for (int j = 0; j < T; ++j) acc[j] = b;
        for (int64_t kh = kh0; kh < kh1; ++kh) {
            const float* p = x + kh * row + c;
            const float* w = a.w + kh * width * a.padded + c;
            for (int64_t kw = 0; kw < width; ++kw, p += tap, w += a.padded) {
                const V v = load(w);
                if (lanes < W) {
                    for (int j = 0; j < T; ++j)
                        if (j >= seen.first[kw] && j < seen.last[kw]) acc[j] = fma(v, load_n(p + j * step, lanes), acc[j]);
                } else if (seen.first[kw] <= 0 && seen.last[kw] >= T) {
                    for (int j = 0; j < T; ++j) acc[j] = fma(v, load(p + j * step), acc[j]);
                } else {
                    for (int j = 0; j < T; ++j)
                        if (j >= seen.first[kw] && j < seen.last[kw]) acc[j] = fma(v, load(p + j * step), acc[j]);
                }
            }
        }
        for (int j = 0; j < T; ++j) {
            V v = acc[j];
            if (a.clamp) v = vmin(high, vmax(low, v));
            if (a.silu) v = vsilu(v);
            if (lanes >= W) store(y + j * g.c + c, v);
            else store_n(y + j * g.c + c, v, lanes);
        }
    }
}

HONE_INLINE int64_t up(int64_t a, int64_t b) { return a <= 0 ? 0 : (a + b - 1) / b; }

/// One tile of columns, channels [from, to), down the rows [begin, end).
template <int T>
void f32_stripe(const F32Call& a, const Seen& seen, int64_t column, int64_t begin, int64_t end, int64_t from, int64_t to) {
    const Geometry& g = *a.g;
    int64_t n = begin / g.out_h, oh = begin % g.out_h;
    for (int64_t r = begin; r < end; ++r) {
        const int64_t top = oh * g.stride_h - g.pad_top;
        const int64_t kh0 = top >= 0 ? 0 : up(-top, g.dilation_h);
        const bool inside = top + (g.kernel_h - 1) * g.dilation_h < g.h;
        const int64_t kh1 = inside ? g.kernel_h : up(g.h - top, g.dilation_h);
        const float* x = a.x + ((n * g.h + top) * g.w + column * g.stride_w - g.pad_left) * g.c;
        (g.kernel_w == 3 ? f32_tile<T, 3> : f32_tile<T, 0>)(a, seen, x, kh0, kh1, a.y + (r * g.out_w + column) * g.c, from, to);
        if (++oh == g.out_h) oh = 0, ++n;
    }
}

/// Stripes of a few channels, so that the rows that two outputs share are still in the first cache.
constexpr int64_t kStripeChannels = 64;

void f32_rows(const F32Call& a, int64_t begin, int64_t end) {
    const Geometry& g = *a.g;
    const int64_t tiles = (g.out_w + kMostColumns - 1) / kMostColumns;
    for (int64_t t = 0; t < tiles; ++t) {
        const int64_t column = g.out_w * t / tiles, count = g.out_w * (t + 1) / tiles - column;
        Seen seen;
        for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
            const int64_t at = column * g.stride_w - g.pad_left + kw * g.dilation_w;
            const int64_t first = up(-at, g.stride_w), last = up(g.w - at, g.stride_w);
            seen.first[kw] = static_cast<int>(first < count ? first : count);
            seen.last[kw] = static_cast<int>(last < count ? last : count);
        }
        for (int64_t c = 0; c < g.c; c += kStripeChannels) {
            const int64_t to = g.c - c < kStripeChannels ? g.c : c + kStripeChannels;
            switch (count) {
                case 1: f32_stripe<1>(a, seen, column, begin, end, c, to); break;
                case 2: f32_stripe<2>(a, seen, column, begin, end, c, to); break;
                case 3: f32_stripe<3>(a, seen, column, begin, end, c, to); break;
                case 4: f32_stripe<4>(a, seen, column, begin, end, c, to); break;
                case 5: f32_stripe<5>(a, seen, column, begin, end, c, to); break;
                case 6: f32_stripe<6>(a, seen, column, begin, end, c, to); break;
                case 7: f32_stripe<7>(a, seen, column, begin, end, c, to); break;
                default: f32_stripe<8>(a, seen, column, begin, end, c, to); break;
            }
        }
    }
}
