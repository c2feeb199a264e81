// SPDX-License-Identifier: Apache-2.0
// Gradients of softmax and of layer normalisation.
#include <algorithm>
#include <array>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

void softmax_grad(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    if (d.empty() || count_of(d) == 0) return;
    const OpContext op = c.op();
    const auto axis = static_cast<size_t>(normal_axis(op, op.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t n = d[axis], inner = count_of(Dims(d.begin() + static_cast<long>(axis) + 1, d.end())), outer = count_of(d) / (n * inner);
    const bool log = op.integer("log") != 0;
    Candidate k;
    k.name = "softmax_grad";
    k.in_place = {0, 1};
    k.make = [=](Layout) {
        return step_kernel("vector softmax_grad", [=](const StepArgs& a) {
            const int64_t each = n * inner;
            parallel_ranges(outer, std::max<int64_t>(1, 4096 / each), [&](int64_t b, int64_t e) {
                const vec::Table& t = vec::table();
                (log ? t.log_softmax_grad : t.softmax_grad)(in<float>(a, 0) + b * each, in<float>(a, 1) + b * each, out<float>(a) + b * each, e - b, n, inner);
            });
        });
    };
    list.push_back(std::move(k));
}

/// The sums over rows go in parts whose number hangs on the sizes alone, so that any number of threads gives the same bits.
void layer_norm_grad(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(1);
    if (d.empty() || count_of(d) == 0) return;
    const OpContext op = c.op();
    const auto axis = static_cast<size_t>(normal_axis(op, op.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t cols = count_of(Dims(d.begin() + static_cast<long>(axis), d.end())), rows = count_of(d) / cols;
    const bool scale = c.given(2), centred = op.integer("centred") != 0;
    const std::array<bool, 2> given{c.node.out(1) != kNone, c.node.out(2) != kNone};
    const bool sums = given[0] || given[1];
    const float epsilon = op.real("epsilon");
    const int64_t parts = std::clamp<int64_t>(rows * cols / 16384, 1, std::min<int64_t>(rows, 32));
    Candidate k;
    k.name = "layer_norm_grad";
    k.in_place = {0, 1};
    k.make = [=](Layout) {
        return step_kernel("vector layer_norm_grad", [=](const StepArgs& a) {
            const vec::Table& t = vec::table();
            auto* sum = static_cast<float*>(a.scratch);
            if (sums) std::fill(sum, sum + 2 * parts * cols, 0.f);
            parallel_ranges(parts, 1, [&](int64_t b, int64_t e) {
                for (int64_t p = b; p < e; ++p) {
                    const int64_t first = rows * p / parts, some = rows * (p + 1) / parts - first, at = first * cols;
                    float* part = sums ? sum + p * cols : nullptr;
                    t.layer_norm_grad(in<float>(a, 0) + at, in<float>(a, 1) + at, scale ? in<float>(a, 2) : nullptr, epsilon, centred,
                                      out<float>(a) + at, part, sums ? part + parts * cols : nullptr, some, cols);
                }
            });
            for (size_t i : {1u, 2u})
                if (given[i - 1]) t.reduce_middle[static_cast<int>(vec::Reduce::sum)](sum + (i == 2 ? parts * cols : 0), out<float>(a, i), 1, parts, cols);
        }, sums ? static_cast<size_t>(2 * parts * cols) * sizeof(float) : 0);
    };
    list.push_back(std::move(k));
}

}  // namespace

void normalise_gradient(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.in_dtype(0) != DType::f32) return;
    c.node.op == "SoftmaxGrad" ? softmax_grad(c, list) : layer_norm_grad(c, list);
}

}  // namespace hone::lower
