// SPDX-License-Identifier: Apache-2.0
// Unary functions, binary functions and their broadcast forms.

template <class F>
void map1(const float* x, float* y, int64_t n, float alpha, float beta) {
    const V a = set1(alpha), b = set1(beta);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, F::apply(load(x + i), a, b));
    if (i < n) store_n(y + i, F::apply(load_n(x + i, n - i), a, b), n - i);
}
#define HONE_UNARY_OP(name, expression)                                          \
    struct name {                                                             \
        static HONE_INLINE V apply(V x, [[maybe_unused]] V a, [[maybe_unused]] V b) { return expression; } \
    };
HONE_UNARY_OP(Relu, vmax(set1(0), x))
HONE_UNARY_OP(LeakyRelu, select(ge(x, set1(0)), x, x * a))
HONE_UNARY_OP(Clip, vmin(b, vmax(a, x)))
HONE_UNARY_OP(Sigmoid, vsigmoid(x))
HONE_UNARY_OP(Tanh, vtanh(x))
HONE_UNARY_OP(Silu, vsilu(x))
HONE_UNARY_OP(HardSigmoid, vmax(set1(0), vmin(set1(1), x * a + b)))
HONE_UNARY_OP(HardSwish, x * vmax(set1(0), vmin(set1(1), x * set1(1.0f / 6) + set1(0.5f))))
HONE_UNARY_OP(Gelu, vgelu(x))
HONE_UNARY_OP(GeluTanh, vgelu_tanh(x))
HONE_UNARY_OP(Erf, verf(x))
HONE_UNARY_OP(Exp, vexp(x))
HONE_UNARY_OP(Log, vlog(x))
HONE_UNARY_OP(Sqrt, vsqrt(x))
HONE_UNARY_OP(Reciprocal, set1(1) / x)
HONE_UNARY_OP(Abs, vabs(x))
HONE_UNARY_OP(Neg, -x)
HONE_UNARY_OP(Floor, vfloor(x))
HONE_UNARY_OP(Ceil, vceil(x))
HONE_UNARY_OP(Round, vround(x))
HONE_UNARY_OP(Softplus, vsoftplus(x))
HONE_UNARY_OP(Elu, select(gt(x, set1(0)), x, a * vexpm1_negative(vmin(set1(0), x))))
HONE_UNARY_OP(Sign, select(gt(x, set1(0)), set1(1), select(gt(set1(0), x), set1(-1), x)))
#undef HONE_UNARY_OP

#define HONE_BINARY_OP(name, expression)                                  \
    struct name {                                                      \
        static HONE_INLINE V apply(V a, V b) { return expression; } \
    };
HONE_BINARY_OP(Add, a + b)
HONE_BINARY_OP(Sub, a - b)
HONE_BINARY_OP(Mul, a* b)
HONE_BINARY_OP(Div, a / b)
HONE_BINARY_OP(Max, select(is_nan(a), a, vmax(a, b)))
HONE_BINARY_OP(Min, select(is_nan(a), a, vmin(a, b)))
HONE_BINARY_OP(Prelu, select(ge(a, set1(0)), a, a* b))
HONE_BINARY_OP(AddRelu, vmax(set1(0), a + b))
HONE_BINARY_OP(MulSigmoid, a / (set1(1) + vexp(-b)))
HONE_BINARY_OP(ReluGradient, select(gt(b, set1(0)), a, set1(0)))
#undef HONE_BINARY_OP
struct Pow {
    static HONE_INLINE V apply(V a, V b) {
        float x[W], e[W];
        store(x, a);
        store(e, b);
        for (int i = 0; i < W; ++i) x[i] = __builtin_powf(x[i], e[i]);
        return load(x);
    }
};

template <class F>
void vector_vector(const float* a, const float* b, float* y, int64_t n) {
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, F::apply(load(a + i), load(b + i)));
    if (i < n) store_n(y + i, F::apply(load_n(a + i, n - i), load_n(b + i, n - i)), n - i);
}
template <class F>
void vector_scalar(const float* a, float b, float* y, int64_t n) {
    const V s = set1(b);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, F::apply(load(a + i), s));
    if (i < n) store_n(y + i, F::apply(load_n(a + i, n - i), s), n - i);
}
struct Square {
    static HONE_INLINE V apply(V x, V, V) { return x * x; }
};
struct Cube {
    static HONE_INLINE V apply(V x, V, V) { return x * x * x; }
};
/// pow of -0 is +0 and of -inf is +inf, unlike sqrt.
struct RootPow {
    static HONE_INLINE V apply(V x, V, V) {
        return select(ge(set1(-kInfinity), x), set1(kInfinity), vsqrt(x + set1(0)));
    }
};
/// The exponents that networks use need no powf.
template <>
void vector_scalar<Pow>(const float* a, float b, float* y, int64_t n) {
    if (b == 2) return map1<Square>(a, y, n, 0, 0);
    if (b == 3) return map1<Cube>(a, y, n, 0, 0);
    if (b == -1) return map1<Reciprocal>(a, y, n, 0, 0);
    if (b == 0.5f) return map1<RootPow>(a, y, n, 0, 0);
    for (int64_t i = 0; i < n; ++i) y[i] = __builtin_powf(a[i], b);
}
template <class F>
void scalar_vector(float a, const float* b, float* y, int64_t n) {
    const V s = set1(a);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(y + i, F::apply(s, load(b + i)));
    if (i < n) store_n(y + i, F::apply(s, load_n(b + i, n - i)), n - i);
}

constexpr int64_t kShortRow = 64, kRowBuffer = 1024;
/// Rows of `inner` against one repeated row r; a short r is first repeated into a buffer. swapped: r op x.
template <class F, bool swapped>
void repeat_row(const float* x, const float* r, float* y, int64_t outer, int64_t inner) {
    float buffer[kRowBuffer];
    int64_t group = 1;
    if (inner > 0 && inner < kShortRow && outer > 1) {
        group = kRowBuffer / inner < outer ? kRowBuffer / inner : outer;
        for (int64_t g = 0; g < group; ++g)
            for (int64_t i = 0; i < inner; ++i) buffer[g * inner + i] = r[i];
        r = buffer;
    }
    for (int64_t o = 0; o < outer; o += group) {
        const int64_t rows = group < outer - o ? group : outer - o;
        if (swapped) vector_vector<F>(r, x + o * inner, y + o * inner, rows * inner);
        else vector_vector<F>(x + o * inner, r, y + o * inner, rows * inner);
    }
}
template <class F>
void row_form(const float* a, const float* b, float* y, int64_t outer, int64_t inner) {
    repeat_row<F, false>(a, b, y, outer, inner);
}
template <class F>
void col_form(const float* a, const float* b, float* y, int64_t outer, int64_t inner) {
    if (inner == 1) return vector_vector<F>(a, b, y, outer);
    for (int64_t o = 0; o < outer; ++o) vector_scalar<F>(a + o * inner, b[o], y + o * inner, inner);
}

template <class F>
void innermost(const float* a, int64_t sa, const float* b, int64_t sb, float* y, int64_t n) {
    if (sa == 1 && sb == 1) return vector_vector<F>(a, b, y, n);
    if (sa == 1 && sb == 0) return vector_scalar<F>(a, *b, y, n);
    if (sa == 0 && sb == 1) return scalar_vector<F>(*a, b, y, n);
    for (int64_t i = 0; i < n; ++i) vector_vector<F>(a + i * sa, b + i * sb, y + i, 1);
}
template <class F>
void broadcast(const Broadcast& s, const float* a, const float* b, float* y, int64_t begin, int64_t end) {
    const int last = s.rank - 1;
    if (begin >= end) return;
    if (last < 0) return vector_vector<F>(a, b, y, end - begin);
    const int64_t n = s.dims[last], sa = s.a_strides[last], sb = s.b_strides[last];
    int64_t index[Broadcast::max_rank] = {}, rest = begin;
    for (int d = last; d >= 0; --d) {
        index[d] = rest % s.dims[d];
        rest /= s.dims[d];
        a += index[d] * s.a_strides[d];
        b += index[d] * s.b_strides[d];
    }
    const bool short_rows = last > 0 && n < kShortRow && sa == 1 && sb == 1;
    const bool b_repeats = short_rows && s.b_strides[last - 1] == 0 && s.a_strides[last - 1] == n;
    const bool a_repeats = short_rows && s.a_strides[last - 1] == 0 && s.b_strides[last - 1] == n;
    for (int64_t i = begin; i < end;) {
        int64_t rows = 1, left = n - index[last];
        if (left > end - i) left = end - i;
        if ((a_repeats || b_repeats) && index[last] == 0 && end - i >= n) {
            rows = s.dims[last - 1] - index[last - 1];
            if (rows > (end - i) / n) rows = (end - i) / n;
            left = rows * n;
            if (b_repeats) repeat_row<F, false>(a, b, y + i, rows, n);
            else repeat_row<F, true>(b, a, y + i, rows, n);
            // Move to the last of these rows, so that the step below ends at the right index.
            index[last - 1] += rows - 1;
            a += (rows - 1) * s.a_strides[last - 1];
            b += (rows - 1) * s.b_strides[last - 1];
        } else {
            innermost<F>(a, sa, b, sb, y + i, left);
        }
        i += left;
        a -= index[last] * sa;
        b -= index[last] * sb;
        index[last] = 0;
        for (int d = last - 1; d >= 0; --d) {
            a += s.a_strides[d];
            b += s.b_strides[d];
            if (++index[d] < s.dims[d]) break;
            a -= index[d] * s.a_strides[d];
            b -= index[d] * s.b_strides[d];
            index[d] = 0;
        }
    }
}
#define HONE_FORMS(F) {vector_vector<F>, vector_scalar<F>, scalar_vector<F>, row_form<F>, col_form<F>, broadcast<F>}
