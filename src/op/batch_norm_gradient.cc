// SPDX-License-Identifier: Apache-2.0
// Gradients of BatchNormalization and InstanceNormalization, and the operator that computes both:
//   hone.BatchNormGrad dY X scale    -> dX dscale dB: through the mean and variance of the batch (Ioffe and Szegedy,
//                                    "Batch Normalization", 2015), which are computed again from X
#include <cmath>

#include "op/batch_moments.h"
#include "op/list.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

void infer(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    const DType scale = require_type(c, {2}, is_float, "a float type");
    require_rank(c, 1, 1, 1000);
    if (!c.rank_known(1)) return c.set(0, t), c.set(1, scale), c.set(2, scale);
    const Shape& x = c.shape(1);
    const Dim channels = x.size() < 2 ? Dim(1) : x[1];
    require_shape(c, 0, x, "the gradient of the output");
    require_shape(c, 2, {channels}, "scale");
    c.set(0, t, x);
    for (size_t i : {1, 2}) c.set(i, scale, {channels});
}

void run(RefContext& c) {
    const Planes p(c.in[1].dims());
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    if (x.empty()) return;
    const auto n = static_cast<double>(p.batch * p.size);
    std::vector<double> dx(x.size());
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        const Moments m = moments(x.data() + p.at(0, ch), p.batch, p.at(1, 0), p.size);
        const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(c.real("epsilon")));
        const auto each = [&](auto f) {
            for (int64_t b = 0; b < p.batch; ++b)
                for (int64_t i = p.at(b, ch); i < p.at(b, ch) + p.size; ++i) {
                    const auto k = static_cast<size_t>(i);
                    f(k, dy[k], (x[k] - m.mean) * inverse);
                }
        };
        double sum = 0, along = 0;
        each([&](size_t, double g, double normal) { sum += g, along += g * normal; });
        const double slope = c.in[2].at(ch) * inverse;
        each([&](size_t k, double g, double normal) { dx[k] = slope * (g - sum / n - normal * along / n); });
        if (c.wanted(1)) c.out[1].set(ch, along);
        if (c.wanted(2)) c.out[2].set(ch, sum);
    }
    if (c.wanted(0)) assign(c.out[0], dx);
}

Cost cost(const CostContext& c) {
    Cost cost;
    if (c.in[1].fixed()) cost.flops = 13 * static_cast<double>(count_of(dims_of(c.in[1].shape)));
    return cost;
}

using C = GradientContext;
Dims per_channel(const Dims& x) {
    Dims d(x.size(), 1);
    if (x.size() > 1) d[1] = x[1];
    return d;
}
std::vector<int64_t> all_but_channels(size_t rank) {
    std::vector<int64_t> axes{0};
    for (size_t a = 2; a < rank; ++a) axes.push_back(static_cast<int64_t>(a));
    return axes;
}
std::vector<ValueId> through_batch(C& c, ValueId dy, ValueId x, ValueId scale) {
    return c.b.nodes("BatchNormGrad", {dy, x, scale}, 3, {{"epsilon", c.real("epsilon")}}, "hone");
}

/// Running statistics are outputs too: old * momentum + batch * (1 - momentum).
void running(C& c, ValueId& dx) {
    const double momentum = static_cast<double>(c.real("momentum"));
    const Dims x = c.b.dims(c.x()), channel = per_channel(x);
    const DType t = c.b.dtype(c.x());
    const double share = (1 - momentum) * static_cast<double>(count_of(channel)) / static_cast<double>(count_of(x));
    const auto arrive = [&](size_t i, ValueId slope) {
        const ValueId part = c.b.scale(c.b.reshape(c.b.cast(c.dy(i), t), channel), share);
        const ValueId more = c.b.expand(slope == kNone ? part : c.b.mul(part, slope), x);
        dx = dx == kNone ? more : c.b.add(dx, more);
    };
    if (c.has_dy(1)) {
        c.give(3, c.b.scale(c.dy(1), momentum));
        if (c.wants(0)) arrive(1, kNone);
    }
    if (c.has_dy(2)) {
        c.give(4, c.b.scale(c.dy(2), momentum));
        if (c.wants(0)) arrive(2, c.b.scale(c.b.sub(c.x(), c.b.mean(c.x(), all_but_channels(x.size()), true)), 2));
    }
}
void training(C& c) {
    ValueId dx = kNone;
    if (c.has_dy(0) && (c.wants(0) || c.wants(1) || c.wants(2))) {
        const std::vector<ValueId> d = through_batch(c, c.dy(), c.x(), c.x(1));
        dx = d[0];
        c.give(1, d[1]);
        if (c.wants(2)) c.give(2, c.b.cast(d[2], c.b.dtype(c.x(2))));
    }
    running(c, dx);
    if (dx != kNone) c.give(0, dx);
}
/// The running statistics are inputs like any others.
void inference(C& c) {
    const DType t = c.b.dtype(c.x());
    const Dims channel = per_channel(c.b.dims(c.x()));
    const auto spread = [&](size_t i) { return c.b.reshape(c.b.cast(c.x(i), t), channel); };
    const auto gathered = [&](size_t i, ValueId v) {
        const ValueId sum = c.b.reshape(c.b.sum_to(v, channel), c.b.dims(c.x(i)));
        c.give(i, c.b.cast(sum, c.b.dtype(c.x(i))));
    };
    const ValueId deviation = c.b.sqrt(c.b.shift(spread(4), static_cast<double>(c.real("epsilon"))));
    const ValueId slope = c.b.div(spread(1), deviation);
    const ValueId dx = c.b.mul(c.dy(), slope);
    c.give(0, dx);
    if (c.wants(2)) gathered(2, c.dy());
    if (c.wants(3)) gathered(3, c.b.neg(dx));
    if (!c.wants(1) && !c.wants(4)) return;
    const ValueId normal = c.b.div(c.b.sub(c.x(), spread(3)), deviation);
    if (c.wants(1)) gathered(1, c.b.mul(c.dy(), normal));
    if (c.wants(4)) gathered(4, c.b.scale(c.b.div(c.b.mul(dx, normal), deviation), -0.5));
}
void batch(C& c) { c.integer("training_mode") ? training(c) : inference(c); }

/// A batch of one whose channels are the planes.
void instance(C& c) {
    const Dims x = c.b.dims(c.x());
    const int64_t planes = x[0] * x[1];
    const Dims flat{1, planes, count_between(x, 2, x.size())};
    const ValueId scale = c.b.reshape(c.b.expand(c.b.reshape(c.x(1), {1, x[1]}), {x[0], x[1]}), {planes});
    const std::vector<ValueId> d = through_batch(c, c.b.reshape(c.dy(), flat), c.b.reshape(c.x(), flat), scale);
    c.give(0, c.b.reshape(d[0], x));
    for (size_t i : {1, 2})
        if (c.wants(i)) c.give(i, c.b.sum(c.b.reshape(d[i], {x[0], x[1]}), {0}, false));
}

}  // namespace

std::vector<Rule> batch_norm_rules() { return {{"BatchNormalization", batch}, {"InstanceNormalization", instance}}; }

std::vector<OpDecl> batch_norm_gradient() {
    std::vector<OpDecl> all = {
        {.domain = "hone", .name = "BatchNormGrad", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 3,
         .attributes = {{"epsilon", AttrKind::real, 1e-5f}}, .infer = infer, .reference = run, .cost = cost, .tolerance = 1e-4},
    };
    for (OpDecl& fused : batch_norm_fused()) all.push_back(std::move(fused));
    return all;
}

}  // namespace hone::ops
