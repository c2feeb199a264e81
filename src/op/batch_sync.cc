// SPDX-License-Identifier: Apache-2.0
// Batch normalisation over the batches of all ranks as one (domain "hone"), cut where the ranks exchange what they summed:
//   hone.BatchSums        X shift                        -> S [2,C] f64          sums of d = X - shift and of d^2
//   hone.SyncBatchNorm    X scale B mean var S           -> Y mean' var'         BatchNormalization in training mode by the
//                                                                               moments that S (shift: mean) holds
//   hone.BatchGradSums    dY X shift                     -> G [2,C] f64          sums of dY and dY d
//   hone.SyncBatchNormGrad dY X scale shift S G          -> dX dscale dB
// S and G are means over the ranks of each one's sums, so that the number of X's own elements a channel divides them. The
// shift is the running mean: the same on all ranks, and near what it is to be taken from.
#include <cmath>

#include "op/batch_moments.h"
#include "op/gradient.h"
#include "op/list.h"

namespace hone::ops {
namespace {

Dim channels_of(const InferContext& c, size_t x) { return !c.rank_known(x) ? Dim() : c.shape(x).size() < 2 ? Dim(1) : c.shape(x)[1]; }
void require_vector(InferContext& c, size_t i, size_t x, const char* what) {
    require_type(c, {i}, is_float, "a float type");
    require_shape(c, i, {channels_of(c, x)}, what);
}
void require_sums(InferContext& c, size_t i, size_t x) {
    require_type(c, {i}, [](DType t) { return t == DType::f64; }, "f64");
    require_shape(c, i, {2, channels_of(c, x)}, "sums");
}
void infer_sums(InferContext& c) {
    require_type(c, {0}, is_float, "a float type");
    require_rank(c, 0, 1, 1000);
    require_vector(c, 1, 0, "the shift");
    c.set(0, DType::f64, {2, channels_of(c, 0)});
}
void infer_grad_sums(InferContext& c) {
    require_type(c, {0, 1}, is_float, "a float type");
    require_rank(c, 1, 1, 1000);
    if (c.rank_known(1)) require_shape(c, 0, c.shape(1), "the gradient of the output");
    require_vector(c, 2, 1, "the shift");
    c.set(0, DType::f64, {2, channels_of(c, 1)});
}
void infer_norm(InferContext& c) {
    require_type(c, {0}, is_float, "a float type");
    require_rank(c, 0, 1, 1000);
    for (size_t i = 1; i < 5; ++i) require_vector(c, i, 0, "scale, B, mean or var");
    require_sums(c, 5, 0);
    c.set_like(0, 0);
    c.set_like(1, 3);
    c.set_like(2, 4);
}
void infer_norm_grad(InferContext& c) {
    require_type(c, {0, 1}, is_float, "a float type");
    require_rank(c, 1, 1, 1000);
    if (c.rank_known(1)) require_shape(c, 0, c.shape(1), "the gradient of the output");
    for (size_t i : {2, 3}) require_vector(c, i, 1, "scale or shift");
    for (size_t i : {4, 5}) require_sums(c, i, 1);
    c.set_like(0, 1);
    c.set_like(1, 2);
    c.set_like(2, 2);
}

/// f(channel, element) for each.
template <class F>
void each(const Planes& p, F f) {
    for (int64_t ch = 0; ch < p.channels; ++ch)
        for (int64_t n = 0; n < p.batch; ++n)
            for (int64_t i = p.at(n, ch); i < p.at(n, ch) + p.size; ++i) f(ch, i);
}
void add(Tensor& t, int64_t i, double v) { t.set(i, t.at(i) + v); }

void run_sums(RefContext& c) {
    const Planes p(c.in[0].dims());
    each(p, [&](int64_t ch, int64_t i) {
        const double d = c.in[0].at(i) - c.in[1].at(ch);
        add(c.out[0], ch, d);
        add(c.out[0], p.channels + ch, d * d);
    });
}
void run_grad_sums(RefContext& c) {
    const Planes p(c.in[1].dims());
    each(p, [&](int64_t ch, int64_t i) {
        add(c.out[0], ch, c.in[0].at(i));
        add(c.out[0], p.channels + ch, c.in[0].at(i) * (c.in[1].at(i) - c.in[2].at(ch)));
    });
}
/// Mean (beside the shift) and variance of what S was summed of.
Moments moments_of(const Tensor& s, int64_t channels, int64_t ch, double n) {
    const double offset = s.at(ch) / n;
    return {offset, std::fmax(0, s.at(channels + ch) / n - offset * offset)};
}
double elements_a_channel(const Planes& p) { return static_cast<double>(p.batch * p.size); }

void run_norm(RefContext& c) {
    const Planes p(c.in[0].dims());
    if (!c.in[0].count()) return;
    const double epsilon = static_cast<double>(c.real("epsilon")), momentum = static_cast<double>(c.real("momentum"));
    std::vector<Moments> m;
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        m.push_back(moments_of(c.in[5], p.channels, ch, elements_a_channel(p)));
        m.back().mean += c.in[3].at(ch);
        if (c.wanted(1)) c.out[1].set(ch, c.in[3].at(ch) * momentum + m.back().mean * (1 - momentum));
        if (c.wanted(2)) c.out[2].set(ch, c.in[4].at(ch) * momentum + m.back().variance * (1 - momentum));
    }
    each(p, [&](int64_t ch, int64_t i) {
        const Moments& now = m[static_cast<size_t>(ch)];
        c.out[0].set(i, (c.in[0].at(i) - now.mean) * (c.in[1].at(ch) / std::sqrt(now.variance + epsilon)) + c.in[2].at(ch));
    });
}
void run_norm_grad(RefContext& c) {
    const Planes p(c.in[1].dims());
    if (!c.in[1].count()) return;
    const double n = elements_a_channel(p);
    struct Channel {
        double mean, inverse, along;
    };
    std::vector<Channel> all;
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        const Moments m = moments_of(c.in[4], p.channels, ch, n);
        const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(c.real("epsilon")));
        const double dy = c.in[5].at(ch), along = (c.in[5].at(p.channels + ch) - m.mean * dy) * inverse;
        all.push_back({c.in[3].at(ch) + m.mean, inverse, along});
        if (c.wanted(1)) c.out[1].set(ch, along);
        if (c.wanted(2)) c.out[2].set(ch, dy);
    }
    if (!c.wanted(0)) return;
    each(p, [&](int64_t ch, int64_t i) {
        const Channel& now = all[static_cast<size_t>(ch)];
        const double normal = (c.in[1].at(i) - now.mean) * now.inverse;
        c.out[0].set(i, c.in[2].at(ch) * now.inverse * (c.in[0].at(i) - c.in[5].at(ch) / n - normal * now.along / n));
    });
}

template <int each_element>
Cost cost(const CostContext& c) {
    Cost cost;
    const TypeInfo& x = c.in[c.node.op == "BatchSums" || c.node.op == "SyncBatchNorm" ? 0 : 1];
    if (x.fixed()) cost.flops = each_element * static_cast<double>(count_of(dims_of(x.shape)));
    return cost;
}

/// The whole way through the moments, the sums included: hone.BatchSums itself is flat.
void gradient(GradientContext& c) {
    if (c.has_dy(1) || c.has_dy(2)) c.unsupported("has no gradient through its running statistics");
    if (!c.has_dy(0)) return;
    const ValueId sums = c.b.node("BatchGradSums", {c.dy(), c.x(), c.x(3)}, {}, "hone");
    const ValueId all = c.b.node("AllReduce", {sums}, {}, "hone");
    const std::vector<ValueId> d = c.b.nodes("SyncBatchNormGrad", {c.dy(), c.x(), c.x(1), c.x(3), c.x(5), all}, 3, {{"epsilon", c.real("epsilon")}}, "hone");
    c.give(0, d[0]);
    c.give(1, d[1]);
    if (c.wants(2)) c.give(2, c.b.cast(d[2], c.b.dtype(c.x(2))));
}

}  // namespace

std::vector<OpDecl> batch_sync() {
    const AttrSpec epsilon{"epsilon", AttrKind::real, 1e-5f}, momentum{"momentum", AttrKind::real, 0.9f};
    return {
        {.domain = "hone", .name = "BatchSums", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_sums, .reference = run_sums, .cost = cost<4>, .flat = true},
        {.domain = "hone", .name = "SyncBatchNorm", .min_inputs = 6, .max_inputs = 6, .min_outputs = 1, .max_outputs = 3,
         .attributes = {epsilon, momentum}, .infer = infer_norm, .reference = run_norm, .cost = cost<2>, .gradient = gradient},
        {.domain = "hone", .name = "BatchGradSums", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_grad_sums, .reference = run_grad_sums, .cost = cost<5>},
        {.domain = "hone", .name = "SyncBatchNormGrad", .min_inputs = 6, .max_inputs = 6, .min_outputs = 1, .max_outputs = 3,
         .attributes = {epsilon}, .infer = infer_norm_grad, .reference = run_norm_grad, .cost = cost<5>, .tolerance = 1e-4},
    };
}

}  // namespace hone::ops
