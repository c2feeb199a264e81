// SPDX-License-Identifier: Apache-2.0
// hone.Attention and the standard's on our attention kernel.
#include <cmath>
#include <limits>

#include "kernel/attention/attention.h"
#include "op/fused.h"
#include "plan/lower.h"

namespace hone::lower {

void attention(const LowerContext& c, std::vector<Candidate>& list) {
    const AttentionSizes s = attention_sizes(c.op());
    for (size_t i = 0; i < 4; ++i)
        if (c.given(i) && c.in_dtype(i) != DType::f32) return;
    if (s.y.column != 1 && s.value_depth > 1) return;
    if (std::min({s.batch, s.heads, s.queries, s.keys, s.depth, s.value_depth}) < 1) return;
    const auto view = [](const AttentionView& v) { return hone::attention::View{v.offset, v.batch, v.head, v.row, v.column}; };
    hone::attention::Spec spec{s.batch, s.heads, s.queries, s.keys, s.depth, s.value_depth, view(s.q), view(s.k), view(s.v), view(s.y), view(s.mask), s.scale, c.given(3)};
    const bool mask = c.given(3);
    const int threads = c.threads;
    Candidate k;
    k.name = "attention";
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        const hone::attention::Attention step(spec, threads);
        return step_kernel("attention", [=](const StepArgs& a) {
            step.run({in<float>(a, 0), in<float>(a, 1), in<float>(a, 2), mask ? in<float>(a, 3) : nullptr, out<float>(a), a.scratch});
        }, step.scratch_bytes());
    };
    list.push_back(std::move(k));
}

namespace {
using View = hone::attention::View;
/// [batch, heads, length, size], or of rank 3 with the heads side by side.
View view_of(const Dims& d, int64_t heads) {
    if (d.size() == 4) return {0, d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};
    return {0, d[1] * d[2], d[2] / heads, d[2], 1};
}
/// -inf where a key lies behind its query.
Tensor causal_mask(int64_t queries, int64_t keys) {
    Tensor m = Tensor::zeros(DType::f32, {queries, keys});
    for (int64_t i = 0; i < queries; ++i)
        for (int64_t j = i + 1; j < keys; ++j) m.data<float>()[i * keys + j] = -std::numeric_limits<float>::infinity();
    return m;
}
}  // namespace

/// The standard's Attention with as many heads of keys as of queries, without a past and without a soft cap.
void scaled_attention(const LowerContext& c, std::vector<Candidate>& list) {
    const OpContext op = c.op();
    for (size_t i = 0; i < 4; ++i)
        if (c.given(i) && c.in_dtype(i) != DType::f32) return;
    const bool causal = op.integer("is_causal") != 0;
    if (c.given(4) || c.given(6) || c.node.outputs.size() > 1 || op.real("softcap") != 0 || (causal && c.given(3))) return;
    const Dims q = c.in(0), k = c.in(1), v = c.in(2), y = c.out();
    const auto heads_of = [&](const Dims& d, const char* attribute) { return d.size() == 4 ? d[1] : op.integer(attribute); };
    const int64_t heads = heads_of(q, "q_num_heads");
    if (heads != heads_of(k, "kv_num_heads") || count_of(q) == 0 || count_of(k) == 0 || count_of(y) == 0) return;
    const auto size_of = [&](const Dims& d) { return d.size() == 4 ? d[3] : d[2] / heads; };
    const int64_t queries = q[q.size() - 2], keys = k[k.size() - 2];
    hone::attention::Spec spec{q[0], heads, queries, keys, size_of(q), size_of(v), view_of(q, heads), view_of(k, heads), view_of(v, heads), view_of(y, heads), {}, 0, c.given(3) || causal};
    spec.scale = op.has("scale") && op.real("scale") != 0 ? op.real("scale") : 1 / std::sqrt(static_cast<float>(size_of(q)));
    if (c.given(3)) {
        Dims m = c.in(3);
        if (m.size() > 4 || m.empty() || (m.back() != keys && m.back() != 1)) return;
        m.insert(m.begin(), 4 - m.size(), 1);
        const Dims s = broadcast_strides(m, {q[0], heads, queries, keys});
        spec.mask = {0, s[0], s[1], s[2], s[3]};
    }
    if (causal) spec.mask = {0, 0, 0, keys, 1};
    const Tensor triangle = causal ? causal_mask(queries, keys) : Tensor();
    const bool mask = c.given(3);
    const int threads = c.threads;
    Candidate candidate;
    candidate.name = "attention";
    candidate.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        const hone::attention::Attention step(spec, threads);
        return step_kernel("attention", [=](const StepArgs& a) {
            const float* m = mask ? in<float>(a, 3) : triangle.defined() ? triangle.data<float>() : nullptr;
            step.run({in<float>(a, 0), in<float>(a, 1), in<float>(a, 2), m, out<float>(a), a.scratch});
        }, step.scratch_bytes());
    };
    list.push_back(std::move(candidate));
}

}  // namespace hone::lower
