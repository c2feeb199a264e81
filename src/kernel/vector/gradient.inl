// SPDX-License-Identifier: Apache-2.0
// Gradients of normalisation, softmax and cross-entropy, and the two terms of log(sum(exp)).

/// `n` lanes of a row, W or the rest of it.
HONE_INLINE V get_lanes(const float* p, int64_t n, float fill = 0) { return n < W ? load_n(p, n, fill) : load(p); }
HONE_INLINE void put_lanes(float* p, V v, int64_t n) {
    if (n < W) store_n(p, v, n);
    else store(p, v);
}
HONE_INLINE int64_t lanes_left(int64_t n) { return n < W ? n : W; }

void layer_norm_grad(const float* dy, const float* x, const float* scale, float epsilon, bool centred, float* dx, float* dscale,
                     float* dbias, int64_t rows, int64_t cols) {
    const float n = static_cast<float>(cols);
    for (int64_t r = 0; r < rows; ++r, x += cols, dy += cols, dx += cols) {
        const float mean = centred ? reduce_row<SumOp>(x, cols) / n : 0;
        const V m = set1(mean), f = set1(1 / root(spread(x, mean, cols) / n + epsilon));
        V sum = set1(0), along = set1(0);
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            const V d = get_lanes(dy + i, k), h = (get_lanes(x + i, k, mean) - m) * f;
            const V g = scale ? d * get_lanes(scale + i, k) : d;
            sum += g;
            along = fma(g, h, along);
            if (!dscale) continue;
            put_lanes(dscale + i, fma(d, h, get_lanes(dscale + i, k)), k);
            put_lanes(dbias + i, d + get_lanes(dbias + i, k), k);
        }
        const V a = set1(centred ? sum_of(sum) / n : 0), b = set1(sum_of(along) / n);
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            const V d = get_lanes(dy + i, k), h = (get_lanes(x + i, k, mean) - m) * f;
            const V g = scale ? d * get_lanes(scale + i, k) : d;
            put_lanes(dx + i, (g - a - h * b) * f, k);
        }
    }
}

void log_sum_exp(const float* x, float* top, float* log_sum, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r, x += cols) {
        top[r] = reduce_row<MaxOp>(x, cols);
        const V most = set1(top[r]);
        V sum = set1(0);
        for (int64_t i = 0; i < cols; i += W) sum += vexp(get_lanes(x + i, lanes_left(cols - i), -kInfinity) - most);
        log_sum[r] = vlog(set1(sum_of(sum)))[0];
    }
}
void log_sum_exp_middle(const float* x, float* top, float* log_sum, int64_t outer, int64_t axis, int64_t inner) {
    if (inner == 1) return log_sum_exp(x, top, log_sum, outer, axis);
    for (int64_t o = 0; o < outer; ++o, x += axis * inner, top += inner, log_sum += inner)
        for (int64_t i = 0; i < inner; i += W) {
            const int64_t k = lanes_left(inner - i);
            V most = set1(-kInfinity), sum = set1(0);
            for (int64_t t = 0; t < axis; ++t) most = vmax(get_lanes(x + t * inner + i, k), most);
            for (int64_t t = 0; t < axis; ++t) sum += vexp(get_lanes(x + t * inner + i, k) - most);
            put_lanes(top + i, most, k);
            put_lanes(log_sum + i, vlog(sum), k);
        }
}

void cross_entropy_grad(const float* x, const int32_t* labels, const float* weights, float* dx, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r, x += cols, dx += cols) {
        if (labels[r] < 0) {
            for (int64_t i = 0; i < cols; i += W) put_lanes(dx + i, set1(0), lanes_left(cols - i));
            continue;
        }
        const V top = set1(reduce_row<MaxOp>(x, cols));
        V sum = set1(0);
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            const V e = vexp(get_lanes(x + i, k, -kInfinity) - top);
            sum += e;
            put_lanes(dx + i, e, k);
        }
        const V scale = set1(weights[r] / sum_of(sum));
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            put_lanes(dx + i, get_lanes(dx + i, k) * scale, k);
        }
        dx[labels[r]] -= weights[r];
    }
}
void cross_entropy_grad_middle(const float* x, const int32_t* labels, const float* weights, float* dx, int64_t outer, int64_t axis,
                               int64_t inner) {
    if (inner == 1) return cross_entropy_grad(x, labels, weights, dx, outer, axis);
    for (int64_t o = 0; o < outer; ++o, x += axis * inner, dx += axis * inner, labels += inner, weights += inner)
        for (int64_t i = 0; i < inner; i += W) {
            const int64_t k = lanes_left(inner - i);
            V top = set1(-kInfinity), sum = set1(0);
            for (int64_t t = 0; t < axis; ++t) top = vmax(get_lanes(x + t * inner + i, k), top);
            for (int64_t t = 0; t < axis; ++t) {
                const V e = vexp(get_lanes(x + t * inner + i, k) - top);
                sum += e;
                put_lanes(dx + t * inner + i, e, k);
            }
            const V scale = get_lanes(weights + i, k) / sum;
            for (int64_t t = 0; t < axis; ++t) put_lanes(dx + t * inner + i, get_lanes(dx + t * inner + i, k) * scale, k);
            for (int64_t j = 0; j < k; ++j) {
                if (labels[i + j] >= 0) dx[labels[i + j] * inner + i + j] -= weights[i + j];
                else
                    for (int64_t t = 0; t < axis; ++t) dx[t * inner + i + j] = 0;
            }
        }
}

template <bool log>
HONE_INLINE V softmax_slope(V dy, V y, V sum) { return log ? dy - vexp(y) * sum : y * (dy - sum); }
template <bool log>
void softmax_grad(const float* dy, const float* y, float* dx, int64_t rows, int64_t cols) {
    for (int64_t r = 0; r < rows; ++r, dy += cols, y += cols, dx += cols) {
        V total = set1(0);
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            const V d = get_lanes(dy + i, k);
            total = log ? total + d : fma(d, get_lanes(y + i, k), total);
        }
        const V sum = set1(sum_of(total));
        for (int64_t i = 0; i < cols; i += W) {
            const int64_t k = lanes_left(cols - i);
            put_lanes(dx + i, softmax_slope<log>(get_lanes(dy + i, k), get_lanes(y + i, k), sum), k);
        }
    }
}
template <bool log>
void softmax_grad_middle(const float* dy, const float* y, float* dx, int64_t outer, int64_t axis, int64_t inner) {
    if (inner == 1) return softmax_grad<log>(dy, y, dx, outer, axis);
    for (int64_t o = 0; o < outer; ++o, dy += axis * inner, y += axis * inner, dx += axis * inner)
        for (int64_t i = 0; i < inner; i += W) {
            const int64_t k = lanes_left(inner - i);
            V sum = set1(0);
            for (int64_t at = i; at < axis * inner; at += inner) {
                const V d = get_lanes(dy + at, k);
                sum = log ? sum + d : fma(d, get_lanes(y + at, k), sum);
            }
            for (int64_t at = i; at < axis * inner; at += inner)
                put_lanes(dx + at, softmax_slope<log>(get_lanes(dy + at, k), get_lanes(y + at, k), sum), k);
        }
}
