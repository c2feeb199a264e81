// SPDX-License-Identifier: Apache-2.0
// Softmax, normalisation, per-channel affine maps, reductions and argmax.

struct SumOp {
    static constexpr float start = 0;
    static HONE_INLINE V apply(V s, V x) { return s + x; }
    static HONE_INLINE float fold(V v) { return sum_of(v); }
};
struct SquareOp {
    static constexpr float start = 0;
    static HONE_INLINE V apply(V s, V x) { return fma(x, x, s); }
    static HONE_INLINE float fold(V v) { return sum_of(v); }
};
struct MaxOp {
    static constexpr float start = -kInfinity;
    static HONE_INLINE V apply(V s, V x) { return vmax(x, s); }
    static HONE_INLINE float fold(V v) { return max_of(v); }
};
struct MinOp {
    static constexpr float start = kInfinity;
    static HONE_INLINE V apply(V s, V x) { return vmin(x, s); }
    static HONE_INLINE float fold(V v) { return min_of(v); }
};
/// How two partial results join: a sum of squares is joined by adding.
template <class Op>
HONE_INLINE V combine(V a, V b) { return Op::apply(a, b); }
template <>
HONE_INLINE V combine<SquareOp>(V a, V b) { return a + b; }

template <class Op>
HONE_INLINE float reduce_row(const float* x, int64_t n) {
    V s0 = set1(Op::start), s1 = s0, s2 = s0, s3 = s0;
    int64_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        s0 = Op::apply(s0, load(x + i));
        s1 = Op::apply(s1, load(x + i + W));
        s2 = Op::apply(s2, load(x + i + 2 * W));
        s3 = Op::apply(s3, load(x + i + 3 * W));
    }
    for (; i + W <= n; i += W) s0 = Op::apply(s0, load(x + i));
    if (i < n) s1 = Op::apply(s1, load_n(x + i, n - i, Op::start));
    return Op::fold(combine<Op>(combine<Op>(s0, s1), combine<Op>(s2, s3)));
}
template <class Op, bool mean>
void reduce_last(const float* x, float* y, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r) {
        const float s = reduce_row<Op>(x + r * cols, cols);
        y[r] = mean ? s / static_cast<float>(cols) : s;
    }
}

/// `block` vectors wide; sums go in runs of 64 rows, so that the error does not grow with the axis.
template <class Op, int block>
HONE_INLINE void reduce_columns(const float* x, int64_t axis, int64_t stride, int64_t lanes, V* total) {
    for (int k = 0; k < block; ++k) total[k] = set1(Op::start);
    for (int64_t begin = 0; begin < axis; begin += 64) {
        const int64_t end = begin + 64 < axis ? begin + 64 : axis;
        V s[block];
        for (int k = 0; k < block; ++k) s[k] = set1(Op::start);
        for (int64_t t = begin; t < end; ++t)
            for (int k = 0; k < block; ++k) {
                const float* p = x + t * stride + k * W;
                s[k] = Op::apply(s[k], lanes < W ? load_n(p, lanes) : load(p));
            }
        for (int k = 0; k < block; ++k) total[k] = combine<Op>(total[k], s[k]);
    }
}
template <class Op, bool mean>
void reduce_middle(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner) {
    if (inner == 1) return reduce_last<Op, mean>(x, y, outer, axis);
    const V count = set1(static_cast<float>(axis));
    for (int64_t o = 0; o < outer; ++o) {
        const float* row = x + o * axis * inner;
        float* out = y + o * inner;
        V s[4];
        int64_t i = 0;
        for (; i + 4 * W <= inner; i += 4 * W) {
            reduce_columns<Op, 4>(row + i, axis, inner, W, s);
            for (int k = 0; k < 4; ++k) store(out + i + k * W, mean ? s[k] / count : s[k]);
        }
        for (; i + W <= inner; i += W) {
            reduce_columns<Op, 1>(row + i, axis, inner, W, s);
            store(out + i, mean ? s[0] / count : s[0]);
        }
        if (i < inner) {
            reduce_columns<Op, 1>(row + i, axis, inner, inner - i, s);
            store_n(out + i, mean ? s[0] / count : s[0], inner - i);
        }
    }
}

void argmax_last(const float* x, int64_t* y, int64_t rows, int64_t cols, bool last_index) {
    for (int64_t r = 0; r < rows; ++r, x += cols) {
        const V best = set1(reduce_row<MaxOp>(x, cols));
        int64_t found = 0;
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t n = cols - i;
            uint32_t bits = equal_bits(n < W ? load_n(x + i, n) : load(x + i), best);
            if (n < W) bits &= (1u << n) - 1;
            if (!bits) continue;
            found = i + (last_index ? 31 - __builtin_clz(bits) : __builtin_ctz(bits));
            if (!last_index) break;
        }
        y[r] = found;
    }
}
void argmax_middle(const float* x, int64_t* y, int64_t outer, int64_t axis, int64_t inner, bool last_index) {
    if (inner == 1) return argmax_last(x, y, outer, axis, last_index);
    for (int64_t o = 0; o < outer; ++o, x += axis * inner, y += inner)
        for (int64_t i = 0; i < inner; i += W) {
            const int64_t n = inner - i < W ? inner - i : W;
            V best = set1(-kInfinity);
            I at = set1i(0);
            for (int64_t t = 0; t < axis; ++t) {
                const float* p = x + t * inner + i;
                const V v = n < W ? load_n(p, n) : load(p);
                const M m = last_index ? ge(v, best) : gt(v, best);
                best = select(m, v, best);
                at = select(m, set1i(static_cast<int32_t>(t)), at);
            }
            int32_t lanes[W];
            storei(lanes, at);
            for (int64_t k = 0; k < n; ++k) y[i + k] = lanes[k];
        }
}

template <bool log>
void softmax(const float* x, float* y, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
        const V top = set1(reduce_row<MaxOp>(x, cols));
        V sum = set1(0);
        int64_t i = 0;
        for (; i + W <= cols; i += W) {
            const V e = vexp(load(x + i) - top);
            sum += e;
            if (!log) store(y + i, e);
        }
        if (i < cols) {
            const V e = vexp(load_n(x + i, cols - i, -kInfinity) - top);
            // Where every score is -inf the filled lanes would hide nothing: the row is NaN either way.
            sum += e;
            if (!log) store_n(y + i, e, cols - i);
        }
        const V total = set1(sum_of(sum));
        const V shift = vlog(total), scale = set1(1) / total;
        for (i = 0; i + W <= cols; i += W) store(y + i, log ? load(x + i) - top - shift : load(y + i) * scale);
        if (i < cols) {
            const int64_t n = cols - i;
            store_n(y + i, log ? load_n(x + i, n) - top - shift : load_n(y + i, n) * scale, n);
        }
    }
}
template <bool log>
void softmax_middle(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner, int64_t begin, int64_t end) {
    if (inner == 1 && end > begin) return softmax<log>(x, y, outer, axis);
    for (int64_t o = 0; o < outer; ++o, x += axis * inner, y += axis * inner)
        for (int64_t i = begin; i < end; i += W) {
            const int64_t n = end - i < W ? end - i : W;
            const auto get = [n](const float* p) __attribute__((always_inline)) {
                return n < W ? load_n(p, n) : load(p);
            };
            const auto put = [n](float* p, V v) __attribute__((always_inline)) {
                if (n < W) store_n(p, v, n);
                else store(p, v);
            };
            V top = set1(-kInfinity), sum = set1(0);
            for (int64_t t = 0; t < axis; ++t) top = vmax(get(x + t * inner + i), top);
            for (int64_t t = 0; t < axis; ++t) {
                const V e = vexp(get(x + t * inner + i) - top);
                sum += e;
                if (!log) put(y + t * inner + i, e);
            }
            const V shift = vlog(sum), scale = set1(1) / sum;
            for (int64_t t = 0; t < axis; ++t) {
                const int64_t at = t * inner + i;
                put(y + at, log ? get(x + at) - top - shift : get(y + at) * scale);
            }
        }
}

/// Sum of (x - mean)^2.
HONE_INLINE float spread(const float* x, float mean, int64_t n) {
    const V m = set1(mean);
    V s0 = set1(0), s1 = s0;
    int64_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
        const V a = load(x + i) - m, b = load(x + i + W) - m;
        s0 = fma(a, a, s0);
        s1 = fma(b, b, s1);
    }
    for (; i < n; i += W) {
        const V a = (n - i < W ? load_n(x + i, n - i, mean) : load(x + i)) - m;
        s0 = fma(a, a, s0);
    }
    return sum_of(s0 + s1);
}
HONE_INLINE float root(float f) {
    const V v = vsqrt(set1(f));
    return v[0];
}

/// y = (x - mean) * factor [* scale] [+ bias].
HONE_INLINE void normalise(const float* x, float mean, float factor, const float* scale, const float* bias, float* y,
                           int64_t n) {
    const V m = set1(mean), f = set1(factor);
    int64_t i = 0;
    for (; i + W <= n; i += W) {
        V v = (load(x + i) - m) * f;
        if (scale) v = v * load(scale + i);
        if (bias) v = v + load(bias + i);
        store(y + i, v);
    }
    if (i < n) {
        const int64_t k = n - i;
        V v = (load_n(x + i, k) - m) * f;
        if (scale) v = v * load_n(scale + i, k);
        if (bias) v = v + load_n(bias + i, k);
        store_n(y + i, v, k);
    }
}
void layer_norm(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t rows,
                int64_t cols) {
    const float n = static_cast<float>(cols);
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
        const float mean = reduce_row<SumOp>(x, cols) / n;
        normalise(x, mean, 1 / root(spread(x, mean, cols) / n + epsilon), scale, bias, y, cols);
    }
}
void rms_norm(const float* x, const float* scale, float epsilon, float* y, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
        const float square = reduce_row<SquareOp>(x, cols) / static_cast<float>(cols);
        normalise(x, 0, 1 / root(square + epsilon), scale, nullptr, y, cols);
    }
}
void group_norm(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t n,
                int64_t channels, int64_t inner, int64_t groups) {
    const int64_t width = groups ? channels / groups : 0, count = width * inner;
    for (int64_t s = 0; s < n; ++s)
        for (int64_t g = 0; g < groups; ++g, x += count, y += count) {
            const float mean = reduce_row<SumOp>(x, count) / static_cast<float>(count);
            const float factor = 1 / root(spread(x, mean, count) / static_cast<float>(count) + epsilon);
            for (int64_t c = 0; c < width; ++c) {
                const V m = set1(mean), f = set1(factor * (scale ? scale[g * width + c] : 1));
                const V b = set1(bias ? bias[g * width + c] : 0);
                const float* p = x + c * inner;
                float* q = y + c * inner;
                int64_t i = 0;
                for (; i + W <= inner; i += W) store(q + i, fma(load(p + i) - m, f, b));
                if (i < inner) store_n(q + i, fma(load_n(p + i, inner - i) - m, f, b), inner - i);
            }
        }
}

void affine_last(const float* x, const float* scale, const float* bias, float* y, int64_t rows, int64_t channels,
                 bool relu) {
    const V low = set1(relu ? 0 : -kInfinity);
    for (int64_t r = 0; r < rows; ++r, x += channels, y += channels) {
        int64_t i = 0;
        for (; i + W <= channels; i += W)
            store(y + i, vmax(low, fma(load(x + i), load(scale + i), load(bias + i))));
        if (i < channels) {
            const int64_t k = channels - i;
            store_n(y + i, vmax(low, fma(load_n(x + i, k), load_n(scale + i, k), load_n(bias + i, k))), k);
        }
    }
}
void affine_middle(const float* x, const float* scale, const float* bias, float* y, int64_t outer, int64_t channels,
                   int64_t inner, bool relu) {
    if (inner == 1) return affine_last(x, scale, bias, y, outer, channels, relu);
    const V low = set1(relu ? 0 : -kInfinity);
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t c = 0; c < channels; ++c, x += inner, y += inner) {
            const V s = set1(scale[c]), b = set1(bias[c]);
            int64_t i = 0;
            for (; i + W <= inner; i += W) store(y + i, vmax(low, fma(load(x + i), s, b)));
            if (i < inner) store_n(y + i, vmax(low, fma(load_n(x + i, inner - i), s, b)), inner - i);
        }
}
