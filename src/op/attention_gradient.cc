// SPDX-License-Identifier: Apache-2.0
// Gradients of Attention and RotaryEmbedding by standard operators. Attention's probabilities are computed again from Q and
// K, as in Dao et al., "FlashAttention", 2022: the forward keeps nothing. The queries that share a head of K stand below each
// other ([batch, heads of K, shared * queries, size]), so that products broadcast nothing and sum over them by themselves.
#include <cmath>
#include <limits>

#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;
constexpr double kForbidden = -std::numeric_limits<double>::infinity();

/// Rank 3 [batch, length, heads * size] as [batch, heads, length, size], and back.
ValueId by_heads(Builder& b, ValueId v, int64_t heads) {
    const Dims d = b.dims(v);
    if (d.size() == 4) return v;
    return b.transpose(b.reshape(v, {d[0], d[1], heads, heads ? d[2] / heads : 0}), {0, 2, 1, 3});
}
ValueId like_operand(Builder& b, ValueId v, const Dims& dims) {
    return dims.size() == 4 ? b.reshape(v, dims) : b.reshape(b.transpose(v, {0, 2, 1, 3}), dims);
}
ValueId sum_of(Builder& b, ValueId a, ValueId c) { return a == kNone ? c : c == kNone ? a : b.add(a, c); }

struct Scores {
    int64_t batch, queries, keys, past, heads, kv_heads, size;
    ValueId q, k, v;                   ///< q folded; k and v with their past
    ValueId dot, capped = kNone;       ///< [batch, heads, queries, keys]: scaled; the tanh of the soft cap
    ValueId probabilities;
    double scale, cap;
    Dims full() const { return {batch, heads, queries, keys}; }
    Dims folded(int64_t last) const { return {batch, kv_heads, heads / std::max<int64_t>(1, kv_heads) * queries, last}; }
};

Tensor index_tensor(const Dims& dims) {
    Tensor t = Tensor::zeros(DType::i64, dims);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, i);
    return t;
}
/// True where a key may be seen: before the number of known keys, and for `causal` not behind its query.
ValueId visible(C& c, const Scores& s, bool causal) {
    Builder& b = c.b;
    if (!c.has_input(6)) {
        Tensor t = Tensor::zeros(DType::boolean, {s.queries, s.keys});
        for (int64_t i = 0; i < s.queries; ++i)
            for (int64_t j = 0; j < s.keys; ++j) t.set_int(i * s.keys + j, j <= s.past + i);
        return b.constant(t);
    }
    const ValueId known = b.reshape(c.x(6), {s.batch, 1, 1, 1}), key = b.constant(index_tensor({s.keys}));
    const ValueId seen = b.less(key, known);
    if (!causal) return seen;
    const ValueId query = b.add(b.sub(known, b.scalar(DType::i64, static_cast<double>(s.queries))), b.constant(index_tensor({s.queries, 1})));
    return b.node("And", {seen, b.node("LessOrEqual", {key, query})});
}
/// The mask as numbers over all keys: a last axis that ends early forbids the rest.
ValueId mask_of(C& c, const Scores& s, ValueId scores) {
    Builder& b = c.b;
    ValueId m = c.x(3);
    if (b.dtype(m) == DType::boolean) m = b.where(m, b.like(scores, 0), b.like(scores, kForbidden));
    Dims rest = b.dims(m);
    if (rest.back() == 1 || rest.back() == s.keys) return m;
    rest.back() = s.keys - rest.back();
    return b.concat({m, b.expand(b.like(m, kForbidden), rest)}, -1);
}

Scores scores_of(C& c) {
    Builder& b = c.b;
    Scores s{};
    const Dims q = b.dims(c.x(0)), k = b.dims(c.x(1));
    s.heads = q.size() == 4 ? q[1] : c.integer("q_num_heads");
    s.kv_heads = k.size() == 4 ? k[1] : c.integer("kv_num_heads");
    s.batch = q[0];
    s.queries = q[q.size() - 2];
    s.size = q.size() == 4 ? q[3] : q[2] / s.heads;
    s.past = c.has_input(4) ? b.dims(c.x(4))[2] : 0;
    s.keys = s.past + k[k.size() - 2];
    s.scale = c.has("scale") && c.real("scale") != 0 ? static_cast<double>(c.real("scale")) : 1 / std::sqrt(static_cast<double>(s.size));
    s.cap = static_cast<double>(c.real("softcap"));
    s.q = b.reshape(by_heads(b, c.x(0), s.heads), s.folded(s.size));
    s.k = by_heads(b, c.x(1), s.kv_heads);
    s.v = by_heads(b, c.x(2), s.kv_heads);
    if (s.past || c.has_input(4)) {
        s.k = b.concat({c.x(4), s.k}, 2);
        s.v = b.concat({c.x(5), s.v}, 2);
    }
    ValueId x = s.dot = b.scale(b.reshape(b.matmul(s.q, b.swap_last(s.k)), s.full()), s.scale);
    if (s.cap != 0) {
        s.capped = b.node("Tanh", {b.scale(x, 1 / s.cap)});
        x = b.scale(s.capped, s.cap);
    }
    if (c.has_input(3)) x = b.add(x, mask_of(c, s, x));
    const bool causal = c.integer("is_causal") != 0;
    if (causal || c.has_input(6)) x = b.where(visible(c, s, causal), x, b.like(x, kForbidden));
    const Attributes last{{"axis", int64_t{-1}}};
    if (c.has_input(3) || c.has_input(6)) {  // a row of which nothing may be seen has no answer
        const ValueId low = b.like(x, b.dtype(x) == DType::f16 ? -60000 : -1e30);
        s.probabilities = b.keep(b.greater(x, low), b.node("Softmax", {b.node("Max", {x, low})}, last));
    } else {
        s.probabilities = b.node("Softmax", {x}, last);
    }
    return s;
}

/// Of the scores before the soft cap; gives that of the mask on the way.
ValueId back_through_softmax(C& c, const Scores& s, ValueId dp) {
    Builder& b = c.b;
    const int64_t mode = c.integer("qk_matmul_output_mode");
    const auto shown = [&](int64_t stage) { return c.has_dy(3) && mode == stage ? c.dy(3) : kNone; };
    dp = sum_of(b, dp, shown(3));
    ValueId d = kNone;
    if (dp != kNone) {
        const ValueId weighted = b.mul(s.probabilities, dp);
        d = b.sub(weighted, b.mul(s.probabilities, b.sum(weighted, {-1}, true)));
    }
    d = sum_of(b, d, shown(2));
    if (d != kNone && c.wants(3)) {
        const Dims mask = b.dims(c.x(3));
        const bool shorter = mask.back() != 1 && mask.back() < s.keys;
        c.give(3, shorter ? b.slice(d, -1, 0, mask.back()) : d);
    }
    d = sum_of(b, d, shown(1));
    if (d != kNone && s.cap != 0) d = b.mul(d, b.sub(b.like(s.capped, 1), b.square(s.capped)));
    return sum_of(b, d, shown(0));
}

/// Rows of a past and the new ones of K or V, from the gradient of both together.
void give_rows(C& c, const Scores& s, size_t now, ValueId d) {
    Builder& b = c.b;
    if (d == kNone) return;
    const size_t before = now + 3;
    if (c.has_input(before)) {
        if (c.wants(before)) c.give(before, b.slice(d, 2, 0, s.past));
        if (c.wants(now)) d = b.slice(d, 2, s.past, s.keys);
    }
    if (c.wants(now)) c.give(now, like_operand(b, d, b.dims(c.x(now))));
}

void attention(C& c) {
    Builder& b = c.b;
    const Scores s = scores_of(c);
    ValueId dp = kNone, dv = c.has_dy(2) ? c.dy(2) : kNone, dk = c.has_dy(1) ? c.dy(1) : kNone;
    const bool wants_v = c.wants(2) || c.wants(5), wants_k = c.wants(1) || c.wants(4);
    const bool wants_scores = c.wants(0) || wants_k || c.wants(3);
    if (c.has_dy(0)) {
        const ValueId dy = b.reshape(by_heads(b, c.dy(0), s.heads), s.folded(b.dims(s.v)[3]));
        if (wants_scores) dp = b.reshape(b.matmul(dy, b.swap_last(s.v)), s.full());
        if (wants_v) dv = sum_of(b, dv, b.matmul(b.swap_last(b.reshape(s.probabilities, s.folded(s.keys))), dy));
    }
    if (wants_v) give_rows(c, s, 2, dv);
    if (!wants_scores) return;
    ValueId d = back_through_softmax(c, s, dp);
    if (d != kNone && (c.wants(0) || wants_k)) {
        d = b.scale(b.reshape(d, s.folded(s.keys)), s.scale);
        if (wants_k) dk = sum_of(b, dk, b.matmul(b.swap_last(d), s.q));
        if (c.wants(0)) c.give(0, like_operand(b, b.reshape(b.matmul(d, s.k), {s.batch, s.heads, s.queries, s.size}), b.dims(c.x(0))));
    }
    if (wants_k) give_rows(c, s, 1, dk);
}

/// The two halves of each pair that a RotaryEmbedding turns, [batch, heads, length, turned / 2] each.
std::pair<ValueId, ValueId> pairs(C& c, ValueId v, int64_t heads, int64_t turned) {
    Builder& b = c.b;
    v = by_heads(b, v, heads);
    Dims d = b.dims(v);
    v = b.slice(v, 3, 0, turned);
    d[3] = turned / 2;
    if (c.integer("interleaved") == 0) return {b.slice(v, 3, 0, turned / 2), b.slice(v, 3, turned / 2, turned)};
    v = b.reshape(v, {d[0], d[1], d[2], d[3], 2});
    return {b.reshape(b.slice(v, 4, 0, 1), d), b.reshape(b.slice(v, 4, 1, 2), d)};
}
/// To a cache: summed over heads, and over the places of each position.
ValueId to_cache(C& c, size_t cache, ValueId d) {
    Builder& b = c.b;
    d = b.sum(d, {1}, false);
    if (!c.has_input(3)) return d;
    const Dims at = b.dims(c.x(3));
    return b.node("ScatterND", {b.filled(c.x(cache), 0), b.reshape(c.x(3), {at[0], at[1], 1}), d}, {{"reduction", std::string("add")}});
}
/// Turning back is turning by the opposite angle.
void rotary(C& c) {
    Builder& b = c.b;
    if (c.wants(0)) {
        std::vector<ValueId> in{c.dy(), c.x(1), b.neg(c.x(2))};
        if (c.has_input(3)) in.push_back(c.x(3));
        c.give(0, b.node("RotaryEmbedding", in, c.node.attributes));
    }
    if (!c.wants(1) && !c.wants(2)) return;
    const Dims x = b.dims(c.x(0));
    const int64_t heads = x.size() == 4 ? x[1] : c.integer("num_heads"), turned = 2 * b.dims(c.x(1)).back();
    const auto [first, second] = pairs(c, c.x(0), heads, turned);
    const auto [dfirst, dsecond] = pairs(c, c.dy(), heads, turned);
    if (c.wants(1)) c.give(1, to_cache(c, 1, b.add(b.mul(dfirst, first), b.mul(dsecond, second))));
    if (c.wants(2)) c.give(2, to_cache(c, 2, b.sub(b.mul(dsecond, first), b.mul(dfirst, second))));
}

}  // namespace

std::vector<Rule> attention_rules() { return {{"Attention", attention}, {"RotaryEmbedding", rotary}}; }

}  // namespace hone::ops
