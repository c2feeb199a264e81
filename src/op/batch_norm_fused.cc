// SPDX-License-Identifier: Apache-2.0
// The runtime's batch normalisation in training with what stands around it (pass/fuse_batch_norm.cc):
//   hone.BatchNormAct      X scale B mean var [R]             -> Y mean' var' slope bias, Y = act(X * slope + bias + R)
//   hone.BatchNormApply    X slope bias                       -> Y = act(X * slope + bias), for who wants Y again
//   hone.BatchNormActGrad  dY X scale [dY2] [Y] [slope] [bias] -> dX dscale dB [G]
// act is ReLU with `relu`. The gradient that arrives is dY + dY2; G is what passes the activation, 0 where Y (or, without
// Y, X * slope + bias) is not above 0; then as hone.BatchNormGrad.
#include <algorithm>
#include <cmath>

#include "op/batch_moments.h"
#include "op/list.h"

namespace hone::ops {
namespace {

void infer_act(InferContext& c) {
    const DType t = require_type(c, {0, 5}, is_float, "a float type"), small = require_type(c, {1, 2, 3, 4}, is_float, "a float type");
    require_rank(c, 0, 2, 1000);
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
    for (size_t i : {1, 2, 3, 4}) {
        if (c.rank_known(0)) c.set(i, small, {c.shape(0)[1]});
        else c.set(i, small);
    }
}
void infer_apply(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
}
void infer_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1, 3, 4}, is_float, "a float type"), small = require_type(c, {2, 5, 6}, is_float, "a float type");
    require_rank(c, 1, 2, 1000);
    for (size_t i : {0, 3}) {
        if (c.rank_known(1)) c.set(i, t, c.shape(1));
        else c.set(i, t);
    }
    for (size_t i : {1, 2}) {
        if (c.rank_known(1)) c.set(i, small, {c.shape(1)[1]});
        else c.set(i, small);
    }
}

/// Every element of channel ch: f(index).
template <class F>
void each(const Planes& p, int64_t ch, F f) {
    for (int64_t n = 0; n < p.batch; ++n)
        for (int64_t i = p.at(n, ch); i < p.at(n, ch) + p.size; ++i) f(i);
}

void run_act(RefContext& c) {
    const Planes p(c.in[0].dims());
    const std::vector<double> x = values<double>(c.in[0]);
    if (x.empty()) return;
    const bool relu = c.integer("relu") != 0;
    const double epsilon = static_cast<double>(c.real("epsilon")), momentum = static_cast<double>(c.real("momentum"));
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        const Moments m = moments(x.data() + p.at(0, ch), p.batch, p.at(1, 0), p.size);
        const double slope = c.in[1].at(ch) / std::sqrt(m.variance + epsilon), bias = c.in[2].at(ch) - m.mean * slope;
        if (c.wanted(1)) c.out[1].set(ch, c.in[3].at(ch) * momentum + m.mean * (1 - momentum));
        if (c.wanted(2)) c.out[2].set(ch, c.in[4].at(ch) * momentum + m.variance * (1 - momentum));
        if (c.wanted(3)) c.out[3].set(ch, slope);
        if (c.wanted(4)) c.out[4].set(ch, bias);
        each(p, ch, [&](int64_t i) {
            const double v = x[static_cast<size_t>(i)] * slope + bias + (c.given(5) ? c.in[5].at(i) : 0);
            c.out[0].set(i, relu ? std::max(v, 0.0) : v);
        });
    }
}
void run_apply(RefContext& c) {
    const Planes p(c.in[0].dims());
    for (int64_t ch = 0; ch < p.channels; ++ch)
        each(p, ch, [&](int64_t i) {
            const double v = c.in[0].at(i) * c.in[1].at(ch) + c.in[2].at(ch);
            c.out[0].set(i, c.integer("relu") ? std::max(v, 0.0) : v);
        });
}
void run_grad(RefContext& c) {
    const Planes p(c.in[1].dims());
    const std::vector<double> x = values<double>(c.in[1]);
    if (x.empty()) return;
    const auto n = static_cast<double>(p.batch * p.size);
    const bool relu = c.integer("relu") != 0;
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        const Moments m = moments(x.data() + p.at(0, ch), p.batch, p.at(1, 0), p.size);
        const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(c.real("epsilon"))), slope = c.in[2].at(ch) * inverse;
        const auto gradient = [&](int64_t i) {
            const double y = !relu ? 1 : c.given(4) ? c.in[4].at(i) : x[static_cast<size_t>(i)] * c.in[5].at(ch) + c.in[6].at(ch);
            return y > 0 ? c.in[0].at(i) + (c.given(3) ? c.in[3].at(i) : 0) : 0;
        };
        const auto normal = [&](int64_t i) { return (x[static_cast<size_t>(i)] - m.mean) * inverse; };
        double sum = 0, along = 0;
        each(p, ch, [&](int64_t i) { sum += gradient(i), along += gradient(i) * normal(i); });
        each(p, ch, [&](int64_t i) {
            const double g = gradient(i);
            if (c.wanted(0)) c.out[0].set(i, slope * (g - sum / n - normal(i) * along / n));
            if (c.wanted(3)) c.out[3].set(i, g);
        });
        if (c.wanted(1)) c.out[1].set(ch, along);
        if (c.wanted(2)) c.out[2].set(ch, sum);
    }
}

template <int flops>
Cost cost_of_elements(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = flops * static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

}  // namespace

std::vector<OpDecl> batch_norm_fused() {
    const AttrSpec relu{"relu", AttrKind::integer, int64_t{1}}, epsilon{"epsilon", AttrKind::real, 1e-5f};
    return {
        {.domain = "hone", .name = "BatchNormAct", .min_inputs = 5, .max_inputs = 6, .min_outputs = 5, .max_outputs = 5,
         .attributes = {epsilon, {"momentum", AttrKind::real, 0.9f}, relu}, .infer = infer_act, .reference = run_act, .cost = cost_of_elements<8>, .tolerance = 1e-4},
        {.domain = "hone", .name = "BatchNormApply", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {relu}, .infer = infer_apply, .reference = run_apply, .cost = cost_of_elements<3>},
        {.domain = "hone", .name = "BatchNormActGrad", .min_inputs = 3, .max_inputs = 7, .min_outputs = 3, .max_outputs = 4,
         .attributes = {epsilon, relu}, .infer = infer_grad, .reference = run_grad, .cost = cost_of_elements<15>, .tolerance = 1e-4},
    };
}

}  // namespace hone::ops
