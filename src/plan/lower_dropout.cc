// SPDX-License-Identifier: Apache-2.0
// Dropout in training, f32, plain: the mask follows the element's place in the tensor.
#include "kernel/training/training.h"
#include "op/list.h"
#include "plan/lower.h"

namespace hone::lower {

void dropout(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.in_dtype(0) != DType::f32 || c.node.out(1) != kNone) return;
    const OpContext op = c.op();
    const double ratio = op.tensor("ratio").at(0);
    const auto first = static_cast<uint64_t>(op.integer("first"));
    train::Dropout d;
    d.key = static_cast<uint64_t>(op.integer("seed"));
    d.least = ops::dropout_threshold(ratio);
    d.scale = static_cast<float>(1 / (1 - ratio));
    const int64_t n = count_of(c.in(0));
    Candidate k;
    k.name = "dropout";
    k.in_place = {0};
    k.make = [=](Layout) {
        return step_kernel("vector dropout", [=](const StepArgs& a) {
            train::Dropout now = d;
            now.draw = static_cast<uint64_t>(*in<int64_t>(a, 1));
            parallel_ranges(n, 4096, [&](int64_t begin, int64_t end) {
                train::table().dropout(now, first + static_cast<uint64_t>(begin), in<float>(a, 0) + begin, out<float>(a) + begin, end - begin);
            });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
