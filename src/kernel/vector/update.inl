// SPDX-License-Identifier: Apache-2.0
// One optimiser step of n weights; op/update.cc has the arithmetic in double.

/// Calls step(g, w, s) for each vector: gradients, weights and states, the last two changed in place.
template <class F>
HONE_INLINE void each_update(const UpdateArgs& u, int64_t begin, int64_t end, F step) {
    int64_t i = begin;
    V s[3] = {};
    for (; i + W <= end; i += W) {
        V w = load(u.w + i);
        for (int k = 0; k < u.states; ++k) s[k] = load(u.s[k] + i);
        step(load(u.g + i), w, s);
        store(u.w_out + i, w);
        for (int k = 0; k < u.states; ++k) store(u.s_out[k] + i, s[k]);
    }
    if (i == end) return;
    const int64_t n = end - i;
    V w = load_n(u.w + i, n);
    for (int k = 0; k < u.states; ++k) s[k] = load_n(u.s[k] + i, n);
    step(load_n(u.g + i, n), w, s);
    store_n(u.w_out + i, w, n);
    for (int k = 0; k < u.states; ++k) store_n(u.s_out[k] + i, s[k], n);
}

void update_sgd(const UpdateArgs& u, int64_t begin, int64_t end) {
    const V lr = set1(u.rate), decay = set1(u.decay), momentum = set1(u.momentum);
    each_update(u, begin, end, [&](V g, V& w, V* s) {
        V d = fma(decay, w, g);
        if (u.states) {
            s[0] = fma(momentum, s[0], d);
            d = u.flag ? fma(momentum, s[0], d) : s[0];
        }
        w = w - lr * d;
    });
}
void update_adagrad(const UpdateArgs& u, int64_t begin, int64_t end) {
    const V lr = set1(u.rate), decay = set1(u.decay), epsilon = set1(u.epsilon);
    each_update(u, begin, end, [&](V g, V& w, V* s) {
        g = fma(decay, w, g);
        s[0] = fma(g, g, s[0]);
        w = w - lr * (g / (vsqrt(s[0]) + epsilon));
    });
}
void update_rmsprop(const UpdateArgs& u, int64_t begin, int64_t end) {
    const V lr = set1(u.rate), decay = set1(u.decay), epsilon = set1(u.epsilon), momentum = set1(u.momentum);
    const V old = set1(u.beta1), fresh = set1(u.one_minus_beta1);
    const int moment = u.flag ? 2 : 1;
    each_update(u, begin, end, [&](V g, V& w, V* s) {
        g = fma(decay, w, g);
        s[0] = fma(old, s[0], fresh * g * g);
        V spread = s[0];
        if (u.flag) {
            s[1] = fma(old, s[1], fresh * g);
            spread = spread - s[1] * s[1];
        }
        V d = g / (vsqrt(spread) + epsilon);
        if (u.states > moment) d = s[moment] = fma(momentum, s[moment], d);
        w = w - lr * d;
    });
}
/// `rate` is divided by 1 - beta1^t already, `root` is 1 / sqrt(1 - beta2^t); `shrink` is 1 - lr * decay where decoupled.
void update_adam(const UpdateArgs& u, int64_t begin, int64_t end) {
    const V size = set1(u.rate), decay = set1(u.decay), epsilon = set1(u.epsilon), shrink = set1(u.shrink), root = set1(u.root);
    const V b1 = set1(u.beta1), n1 = set1(u.one_minus_beta1), b2 = set1(u.beta2), n2 = set1(u.one_minus_beta2);
    each_update(u, begin, end, [&](V g, V& w, V* s) {
        if (u.flag) w = w * shrink;
        else g = fma(decay, w, g);
        s[0] = fma(b1, s[0], n1 * g);
        s[1] = fma(b2, s[1], n2 * g * g);
        w = w - size * (s[0] / fma(vsqrt(s[1]), root, epsilon));
    });
}
