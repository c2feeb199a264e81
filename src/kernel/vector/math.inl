// SPDX-License-Identifier: Apache-2.0
// Transcendental functions on one vector. exp and log are Cephes' single-precision polynomials, erf is N. Juffa's; tanh
// comes from e^x - 1; the Gaussian tail is fitted for relative error, so that gelu keeps its digits far left
// of zero.

/// e^(x + low) for x in [-126 ln 2 - some, 129 ln 2], |low| small: the reduced argument takes `low`.
HONE_INLINE V exp_polynomial(V r) {
    V p = set1(1.9875691500e-4f);
    p = fma(p, r, set1(1.3981999507e-3f));
    p = fma(p, r, set1(8.3334519073e-3f));
    p = fma(p, r, set1(4.1665795894e-2f));
    p = fma(p, r, set1(1.6666665459e-1f));
    p = fma(p, r, set1(5.0000001201e-1f));
    return fma(p, r * r, r);
}
HONE_INLINE V reduce_exp(V x, V n) {
    const V r = fma(n, set1(-0.693359375f), x);
    return fma(n, set1(2.12194440e-4f), r);
}
HONE_INLINE V exp_clamp(V x) { return vmax(set1(-104.0f), vmin(set1(89.0f), x)); }
HONE_INLINE V vexp_sum(V x, V low) {
    x = exp_clamp(x);
    const V n = vround(x * set1(1.44269504088896341f));
    const V p = exp_polynomial(reduce_exp(x, n) + low) + set1(1);
    return scale2(p, n);
}
HONE_INLINE V vexp(V x) {
    x = exp_clamp(x);
    const V n = vround(x * set1(1.44269504088896341f));
    return scale2(exp_polynomial(reduce_exp(x, n)) + set1(1), n);
}
/// e^x - 1 for x <= 0, relative error small near 0 too.
HONE_INLINE V vexpm1_negative(V x) {
    x = exp_clamp(x);
    const V n = vround(x * set1(1.44269504088896341f));
    const V p = exp_polynomial(reduce_exp(x, n)), s = scale2(set1(1), n);
    return fma(p, s, s - set1(1));
}
HONE_INLINE V vsigmoid(V x) { return set1(1) / (set1(1) + vexp(-x)); }

/// tanh |x| = -m / (m + 2) with m = e^(-2 |x|) - 1: relative error small near 0 too.
HONE_INLINE V vtanh(V x) {
    const V m = vexpm1_negative(vmin(x, -x) * set1(2));
    const V t = m / (m + set1(2));
    const V result = select(gt(x, set1(0)), -t, t);
    return select(is_nan(x), x, result);
}

HONE_INLINE V vlog(V x) {
    const V tiny = set1(1.17549435e-38f);
    const V c = vmax(tiny, x);
    I bits = reinterpret_cast<I>(c);
    V e = to_float((bits >> 23) - 126);
    V m = reinterpret_cast<V>((bits & 0x007fffff) | 0x3f000000);  // [0.5, 1)
    const M high = gt(m, set1(0.70710678118654752f));
    e = select(high, e, e - set1(1));
    m = select(high, m, m + m) - set1(1);
    const V z = m * m;
    V p = set1(7.0376836292e-2f);
    p = fma(p, m, set1(-1.1514610310e-1f));
    p = fma(p, m, set1(1.1676998740e-1f));
    p = fma(p, m, set1(-1.2420140846e-1f));
    p = fma(p, m, set1(1.4249322787e-1f));
    p = fma(p, m, set1(-1.6668057665e-1f));
    p = fma(p, m, set1(2.0000714765e-1f));
    p = fma(p, m, set1(-2.4999993993e-1f));
    p = fma(p, m, set1(3.3333331174e-1f));
    V y = p * m * z;
    y = fma(e, set1(-2.12194440e-4f), y);
    y = fma(z, set1(-0.5f), y);
    V r = fma(e, set1(0.693359375f), m + y);
    r = select(gt(tiny, x), select(gt(set1(0), x), set1(__builtin_nanf("")), set1(-kInfinity)), r);
    r = select(ge(x, set1(kInfinity)), set1(kInfinity), r);
    return select(is_nan(x), x, r);
}
/// log(1 + u), 0 <= u <= 1.
HONE_INLINE V vlog1p(V u) {
    const V w = set1(1) + u;
    return vlog(w) + (u - (w - set1(1))) / w;
}
HONE_INLINE V vsoftplus(V x) {
    const V r = vmax(set1(0), x) + vlog1p(vexp(-vabs(x)));
    return select(is_nan(x), x, r);
}

HONE_INLINE V verf(V a) {
    const V t = vabs(a), s = a * a;
    V r = fma(set1(-1.72853470e-5f), t, set1(3.83197126e-4f));
    const V u = fma(set1(-3.88396438e-3f), t, set1(2.42546219e-2f));
    r = fma(r, s, u);
    r = fma(r, t, set1(-1.06777877e-1f));
    r = fma(r, t, set1(-6.34846687e-1f));
    r = fma(r, t, set1(-1.28717512e-1f));
    r = fma(r, t, -t);
    // Past 4 the polynomial is not meant and erf is 1.
    r = select(gt(t, set1(4)), set1(-104), r);
    const V far = bit_or(set1(1) - vexp(r), sign_bit(a));
    V p = set1(-5.96761703e-4f);
    p = fma(p, s, set1(4.99119423e-3f));
    p = fma(p, s, set1(-2.67681349e-2f));
    p = fma(p, s, set1(1.12819925e-1f));
    p = fma(p, s, set1(-3.76125336e-1f));
    p = fma(p, s, set1(1.28379166e-1f));
    const V near = fma(p, a, a);
    return select(gt(t, set1(0.927734375f)), far, near);
}

/// x * Phi(x) = max(x, 0) - |x| * Q(|x|), Q(t) = e^(-t^2 / 2) * polynomial in 1 / (1 + 0.24 t); t^2 is split so that
/// the exponential sees it exactly.
HONE_INLINE V vgelu(V x) {
    const V t = vmin(set1(15), vabs(x));
    const V s = set1(1) / fma(set1(0.24f), t, set1(1));
    V p = set1(0.02559860342f);
    p = fma(p, s, set1(-0.1250756752f));
    p = fma(p, s, set1(0.20662138f));
    p = fma(p, s, set1(-0.1459475787f));
    p = fma(p, s, set1(0.1429796272f));
    p = fma(p, s, set1(0.02726053434f));
    p = fma(p, s, set1(0.08809751819f));
    p = fma(p, s, set1(0.08885675304f));
    p = fma(p, s, set1(0.09586732188f));
    p = fma(p, s, set1(0.09574151729f));
    const V head = reinterpret_cast<V>(reinterpret_cast<I>(t) & set1i(static_cast<int32_t>(0xfffff000u)));
    const V tail = (t - head) * (t + head);
    const V e = vexp_sum(set1(-0.5f) * head * head, set1(-0.5f) * tail);
    return vmax(set1(0), x) - t * (p * s * e);
}
HONE_INLINE V vsilu(V x) { return x / (set1(1) + vexp(-x)); }
HONE_INLINE V vgelu_tanh(V x) {
    const V u = x * fma(x * x, set1(0.0713548162726f), set1(1.59576912160573f));
    return x / (set1(1) + vexp(-u));
}
