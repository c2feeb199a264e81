// SPDX-License-Identifier: Apache-2.0
// Attention and RotaryEmbedding, of opset 23.
#include <algorithm>
#include <cmath>
#include <limits>

#include "op/elements.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// [batch, heads, length, size], however the tensor has it: of rank 4, or of rank 3 with the heads side by side.
struct Heads {
    bool packed = false;
    Dim batch, heads, length, size;
};
Heads heads_of(const OpContext& c, const Shape& s, const char* attribute) {
    if (s.size() == 4) return {false, s[0], s[1], s[2], s[3]};
    if (s.size() != 3) c.refuse(cat("an operand ", to_text(s), "; expected rank 3 or 4"));
    const int64_t heads = c.has(attribute) ? c.integer(attribute) : 0;
    if (heads < 1) c.refuse(cat("operands of rank 3 need attribute '", attribute, "'"));
    Heads h{true, s[0], heads, s[1], {}};
    if (s[2].known() && s[2].value % heads) c.refuse(cat(heads, " heads do not divide ", s[2].value));
    if (s[2].known()) h.size = s[2].value / heads;
    return h;
}
/// The same once all is known, with element strides.
struct Operand {
    int64_t batch, heads, length, size, head_stride, row_stride;
    std::vector<double> data;
    Operand(const OpContext& c, const Tensor& t, const char* attribute) : data(values<double>(t)) {
        const Heads h = heads_of(c, shape_of(t.dims()), attribute);
        batch = h.batch.value, heads = h.heads.value, length = h.length.value, size = h.size.value;
        head_stride = h.packed ? size : length * size;
        row_stride = h.packed ? heads * size : size;
    }
    size_t at(int64_t b, int64_t h, int64_t i) const { return static_cast<size_t>(b * heads * length * size + h * head_stride + i * row_stride); }
};

void infer_attention(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type"), tv = require_type(c, {2}, is_float, "a float type");
    if (c.given(4) != c.given(5)) c.refuse("past_key and past_value are given together or not at all");
    if (c.given(6) && c.given(4)) c.refuse("nonpad_kv_seqlen and a past exclude each other");
    if (const int64_t mode = c.integer("qk_matmul_output_mode"); mode < 0 || mode > 3) c.refuse(cat("qk_matmul_output_mode is ", mode));
    for (size_t i : {0, 1, 2, 3}) c.set(i, i == 1 || i == 3 ? t : i == 2 ? tv : t);
    if (!c.rank_known(0) || !c.rank_known(1) || !c.rank_known(2)) return;
    const Heads q = heads_of(c, c.shape(0), "q_num_heads"), k = heads_of(c, c.shape(1), "kv_num_heads"), v = heads_of(c, c.shape(2), "kv_num_heads");
    agree(c, q.size, k.size, "the sizes of a head of Q and K");
    agree(c, k.length, v.length, "the lengths of K and V");
    agree(c, k.heads, v.heads, "the heads of K and V");
    if (q.heads.known() && k.heads.known() && (k.heads.value < 1 || q.heads.value % k.heads.value))
        c.refuse(cat(q.heads.value, " heads of Q are no multiple of ", k.heads.value, " of K"));
    Dim total = k.length;
    if (c.given(4)) {
        total = {};
        if (c.rank_known(4)) {
            require_rank(c, 4, 4, 4);
            if (k.length.known() && c.shape(4)[2].known()) total = k.length.value + c.shape(4)[2].value;
        }
    }
    if (q.packed) {
        Dim width;
        if (q.heads.known() && v.size.known()) width = checked_mul(q.heads.value, v.size.value);
        c.set(0, t, {q.batch, q.length, width});
    } else {
        c.set(0, t, {q.batch, q.heads, q.length, v.size});
    }
    c.set(1, t, {k.batch, k.heads, total, k.size});
    c.set(2, tv, {v.batch, v.heads, total, v.size});
    c.set(3, t, {q.batch, q.heads, q.length, total});
}

/// Past and new rows of one operand, [batch, heads, past + new, size].
std::vector<double> present(const Operand& now, const Tensor* past, Tensor* out) {
    const int64_t before = past ? past->dim(2) : 0, total = before + now.length;
    const std::vector<double> old = past ? values<double>(*past) : std::vector<double>{};
    std::vector<double> all(static_cast<size_t>(now.batch * now.heads * total * now.size));
    for (int64_t b = 0; b < now.batch; ++b)
        for (int64_t h = 0; h < now.heads; ++h)
            for (int64_t i = 0; i < total; ++i) {
                const auto to = all.begin() + ((b * now.heads + h) * total + i) * now.size;
                const auto from = i < before ? old.begin() + ((b * now.heads + h) * before + i) * now.size
                                             : now.data.begin() + static_cast<std::ptrdiff_t>(now.at(b, h, i - before));
                std::copy_n(from, now.size, to);
            }
    if (out) assign(*out, all);
    return all;
}

/// What a mask adds to a score: false of a boolean one forbids. Behind its last key, which may come early, all is forbidden.
struct Mask {
    const Tensor* t = nullptr;
    Dims strides;
    int64_t keys = 0;
    Mask(const OpContext& c, const Tensor* mask, const Dims& scores) : t(mask) {
        if (!t) return;
        Dims full = t->dims();
        if (full.size() > 4 || full.empty()) c.refuse(cat("a mask ", to_text(full)));
        full.insert(full.begin(), 4 - full.size(), 1);
        keys = full[3];
        for (size_t i = 0; i < 4; ++i)
            if (full[i] != 1 && (i == 3 ? full[i] > scores[i] : full[i] != scores[i])) c.refuse(cat("a mask ", to_text(t->dims()), " for scores ", to_text(scores)));
        if (keys == 1) keys = scores[3];
        strides = strides_of(full);
        for (size_t i = 0; i < 4; ++i)
            if (full[i] == 1) strides[i] = 0;
    }
    double operator()(int64_t b, int64_t h, int64_t i, int64_t j) const {
        if (!t) return 0;
        if (j >= keys) return -std::numeric_limits<double>::infinity();
        const int64_t at = b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
        if (t->dtype() != DType::boolean) return t->at(at);
        return t->at_int(at) ? 0 : -std::numeric_limits<double>::infinity();
    }
};

void softmax(std::vector<double>& s) {
    const double top = *std::max_element(s.begin(), s.end());
    if (std::isinf(top) && top < 0) return s.assign(s.size(), 0);  // nothing is allowed: no answer, not NaN
    double sum = 0;
    for (double& v : s) sum += v = std::exp(v - top);
    for (double& v : s) v /= sum;
}

void run_attention(RefContext& c) {
    const Operand q(c, c.in[0], "q_num_heads"), k(c, c.in[1], "kv_num_heads"), v(c, c.in[2], "kv_num_heads");
    const Tensor *past_k = c.given(4) ? &c.in[4] : nullptr, *past_v = c.given(5) ? &c.in[5] : nullptr;
    const int64_t past = past_k ? past_k->dim(2) : 0, total = past + k.length;
    const std::vector<double> keys = present(k, past_k, c.wanted(1) ? &c.out[1] : nullptr), vals = present(v, past_v, c.wanted(2) ? &c.out[2] : nullptr);
    const Mask mask(c, c.given(3) ? &c.in[3] : nullptr, {q.batch, q.heads, q.length, total});
    const double scale = c.has("scale") && c.real("scale") != 0 ? static_cast<double>(c.real("scale")) : 1 / std::sqrt(static_cast<double>(q.size));
    const double cap = c.real("softcap");
    const bool causal = c.integer("is_causal") != 0, packed = c.in[0].rank() == 3;
    const int64_t mode = c.integer("qk_matmul_output_mode"), shared = q.heads / std::max<int64_t>(1, k.heads);
    std::vector<double> scores(static_cast<size_t>(total));
    for (int64_t b = 0; b < q.batch; ++b)
        for (int64_t h = 0; h < q.heads; ++h)
            for (int64_t i = 0; i < q.length; ++i) {
                const double* key = keys.data() + (b * k.heads + h / shared) * total * k.size;
                const double* value = vals.data() + (b * v.heads + h / shared) * total * v.size;
                const auto show = [&](int64_t stage) {
                    for (int64_t j = 0; c.wanted(3) && mode == stage && j < total; ++j)
                        c.out[3].set(((b * q.heads + h) * q.length + i) * total + j, scores[static_cast<size_t>(j)]);
                };
                const int64_t known = c.given(6) ? c.in[6].at_int(b) : total;
                // With a past the new queries stand at its end; with keys that are padded, at the end of those that are not.
                const int64_t first = c.given(6) ? known - q.length : past;
                for (int64_t j = 0; j < total; ++j) {
                    double dot = 0;
                    for (int64_t e = 0; e < q.size; ++e) dot += q.data[q.at(b, h, i) + static_cast<size_t>(e)] * key[j * k.size + e];
                    scores[static_cast<size_t>(j)] = dot * scale;
                }
                show(0);
                if (cap != 0)
                    for (double& s : scores) s = cap * std::tanh(s / cap);
                show(1);
                for (int64_t j = 0; j < total; ++j) {
                    double& s = scores[static_cast<size_t>(j)];
                    s += mask(b, h, i, j);
                    if (j >= known || (causal && j > first + i)) s = -std::numeric_limits<double>::infinity();
                }
                show(2);
                softmax(scores);
                show(3);
                const int64_t to = packed ? ((b * q.length + i) * q.heads + h) * v.size : ((b * q.heads + h) * q.length + i) * v.size;
                for (int64_t e = 0; e < v.size; ++e) {
                    double sum = 0;
                    for (int64_t j = 0; j < total; ++j)
                        if (scores[static_cast<size_t>(j)] != 0) sum += scores[static_cast<size_t>(j)] * value[j * v.size + e];
                    c.out[0].set(to + e, sum);
                }
            }
}
Cost cost_attention(const CostContext& c) {
    if (!c.in[0].fixed() || !c.in[1].fixed() || !c.out[0].fixed()) return {};
    const auto length = static_cast<double>(c.in[1].shape[c.in[1].shape.size() - 2].value);
    const auto past = c.node.in(4) != kNone && c.in[4].fixed() ? static_cast<double>(c.in[4].shape[2].value) : 0;
    return {(length + past) * static_cast<double>(count_of(dims_of(c.in[0].shape)) + count_of(dims_of(c.out[0].shape))), 0};
}

void infer_rotary(InferContext& c) {
    require_type(c, {0, 1, 2}, is_float, "a float type");
    require_type_of(c, 3, is_index, "i64");
    require_rank(c, 0, 3, 4);
    if (c.rank_known(0)) heads_of(c, c.shape(0), "num_heads");
    for (size_t i : {1, 2}) require_rank(c, i, c.given(3) ? 2 : 3, c.given(3) ? 2 : 3);
    c.set_like(0, 0);
}
/// Su et al. 2021: pairs (x1, x2) of a row turned by the angle of its position.
void run_rotary(RefContext& c) {
    const Operand x(c, c.in[0], "num_heads");
    const int64_t turned = c.integer("rotary_embedding_dim") ? c.integer("rotary_embedding_dim") : x.size, half = turned / 2;
    const Tensor &cos = c.in[1], &sin = c.in[2];
    if (turned > x.size || turned % 2 || cos.dims() != sin.dims() || cos.dims().back() != half)
        c.refuse(cat("caches ", to_text(cos.dims()), " and ", to_text(sin.dims()), " for ", turned, " turned values of a head of ", x.size));
    if (c.given(3) ? c.in[3].dims() != Dims{x.batch, x.length} : cos.dim(0) != x.batch || cos.dim(1) != x.length)
        c.refuse(cat("positions or caches ", to_text(c.given(3) ? c.in[3].dims() : cos.dims()), " for an input ", to_text(c.in[0].dims())));
    const bool interleaved = c.integer("interleaved") != 0;
    for (int64_t b = 0; b < x.batch; ++b)
        for (int64_t h = 0; h < x.heads; ++h)
            for (int64_t i = 0; i < x.length; ++i) {
                const int64_t row = c.given(3) ? checked_index(c, c.in[3].at_int(b * x.length + i), cos.dim(0)) : b * x.length + i;
                const auto at = static_cast<int64_t>(x.at(b, h, i));
                for (int64_t e = 0; e < x.size; ++e) {
                    const double own = x.data[static_cast<size_t>(at + e)];
                    if (e >= turned) {
                        c.out[0].set(at + e, own);
                        continue;
                    }
                    const int64_t pair = interleaved ? e / 2 : e % half;
                    const bool second = interleaved ? e % 2 != 0 : e >= half;
                    const double with = x.data[static_cast<size_t>(at + (interleaved ? e ^ 1 : second ? e - half : e + half))];
                    const double cosine = cos.at(row * half + pair), sine = sin.at(row * half + pair);
                    c.out[0].set(at + e, second ? sine * with + cosine * own : cosine * own - sine * with);
                }
            }
}

}  // namespace

std::vector<OpDecl> scaled_attention() {
    std::vector<OpDecl> family = {
        {.name = "Attention", .min_inputs = 3, .max_inputs = 7, .min_outputs = 1, .max_outputs = 4,
         .attributes = {{"is_causal", AttrKind::integer, int64_t{0}},
                        {"kv_num_heads", AttrKind::integer},
                        {"q_num_heads", AttrKind::integer},
                        {"qk_matmul_output_mode", AttrKind::integer, int64_t{0}},
                        {"scale", AttrKind::real},
                        {"softcap", AttrKind::real, 0.f},
                        {"softmax_precision", AttrKind::integer}},
         .infer = infer_attention, .reference = run_attention, .cost = cost_attention, .tolerance = 1e-4, .since = 23},
        {.name = "RotaryEmbedding", .min_inputs = 3, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"interleaved", AttrKind::integer, int64_t{0}},
                        {"num_heads", AttrKind::integer},
                        {"rotary_embedding_dim", AttrKind::integer, int64_t{0}}},
         .infer = infer_rotary, .reference = run_rotary, .since = 23},
    };
    attach_rules(family, attention_rules());
    return family;
}

}  // namespace hone::ops
