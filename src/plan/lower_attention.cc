// SPDX-License-Identifier: Apache-2.0
// hone.Attention on our attention kernel.
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

}  // namespace hone::lower
