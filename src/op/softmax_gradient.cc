// SPDX-License-Identifier: Apache-2.0
// hone.SoftmaxGrad: the gradients of Softmax and LogSoftmax from what they gave.
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

/// Inputs dY and Y, of Softmax or with `log` of LogSoftmax; output dX.
void infer_softmax_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    c.set(0, t);
    if (!c.rank_known(1)) return;
    normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.shape(1).size()));
    require_shape(c, 0, c.shape(1), "the output's gradient");
    c.set(0, t, c.shape(1));
}
/// y (dy - sum(dy y)); with `log` dy - exp(y) sum(dy).
void run_softmax_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    if (!c.in[1].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t n = d[axis], inner = count_between(d, axis + 1, d.size());
    const bool log = c.integer("log") != 0;
    const std::vector<double> dy = values<double>(c.in[0]), y = values<double>(c.in[1]);
    for (int64_t o = 0; o < count_between(d, 0, axis) * inner; ++o) {
        const auto at = [&](int64_t k) { return static_cast<size_t>((o / inner * n + k) * inner + o % inner); };
        double sum = 0;
        for (int64_t k = 0; k < n; ++k) sum += log ? dy[at(k)] : dy[at(k)] * y[at(k)];
        for (int64_t k = 0; k < n; ++k)
            c.out[0].set(static_cast<int64_t>(at(k)), log ? dy[at(k)] - std::exp(y[at(k)]) * sum : y[at(k)] * (dy[at(k)] - sum));
    }
}
Cost cost_softmax_grad(const CostContext& c) {
    Cost cost;
    if (c.out[0].fixed()) cost.flops = 4 * static_cast<double>(count_of(dims_of(c.out[0].shape)));
    return cost;
}

}  // namespace

std::vector<OpDecl> softmax_gradient() {
    return {{.domain = "hone", .name = "SoftmaxGrad", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
             .attributes = {{"axis", AttrKind::integer, int64_t{-1}}, {"log", AttrKind::integer, int64_t{0}}},
             .infer = infer_softmax_grad, .reference = run_softmax_grad, .cost = cost_softmax_grad}};
}

}  // namespace hone::ops
