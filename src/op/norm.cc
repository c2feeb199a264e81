// SPDX-License-Identifier: Apache-2.0
// LayerNormalization, RMSNormalization, GroupNormalization, MeanVarianceNormalization, LpNormalization and LRN.
#include <algorithm>
#include <cmath>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

struct Moments {
    double mean = 0, variance = 0;
    Moments(const double* x, int64_t n) {
        for (int64_t i = 0; i < n; ++i) mean += x[i];
        mean /= static_cast<double>(n);
        for (int64_t i = 0; i < n; ++i) variance += (x[i] - mean) * (x[i] - mean);
        variance /= static_cast<double>(n);
    }
};

void same_as_input(InferContext& c, DType t) {
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
}

void check_stash(const InferContext& c) {
    const int64_t stash = c.integer("stash_type");
    if (stash != 1 && stash != 11) c.unsupported(cat("stash_type ", stash, " (hone keeps statistics in f32 or f64)"));
}

void infer_layer(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    check_stash(c);
    same_as_input(c, t);
    const auto statistics = static_cast<DType>(c.integer("stash_type"));
    for (size_t i : {1, 2}) c.set(i, statistics);
    if (!c.rank_known(0)) return;
    const Shape& x = c.shape(0);
    if (x.empty()) c.refuse("the input is a scalar; expected rank 1 or more");
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.size())));
    for (size_t i : {1, 2}) {
        if (!c.given(i) || !c.rank_known(i)) continue;
        const Shape& s = c.shape(i);
        bool fits = s.size() <= x.size();
        for (size_t k = 0; fits && k < s.size(); ++k) {
            const Dim& d = x[k + x.size() - s.size()];
            fits = s[k] == Dim(1) || !s[k].known() || !d.known() || s[k].value == d.value;
        }
        if (!fits) c.refuse(cat("scale or bias of shape ", to_text(s), " does not broadcast to ", to_text(x)));
    }
    Shape s = x;
    std::fill(s.begin() + static_cast<std::ptrdiff_t>(axis), s.end(), Dim(1));
    for (size_t i : {1, 2}) c.set(i, statistics, s);
}

void run_layer(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.in[0].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t rows = count_between(d, 0, axis), n = count_between(d, axis, d.size());
    const std::vector<double> x = values<double>(c.in[0]);
    std::vector<double> y(x.size());
    for (int64_t r = 0; r < rows; ++r) {
        const Moments m(x.data() + r * n, n);
        const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(c.real("epsilon")));
        for (int64_t i = r * n; i < (r + 1) * n; ++i)
            y[static_cast<size_t>(i)] = (x[static_cast<size_t>(i)] - m.mean) * inverse;
        if (c.wanted(1)) c.out[1].set(r, m.mean);
        if (c.wanted(2)) c.out[2].set(r, inverse);
    }
    if (!c.wanted(0)) return;
    const Tensor one = c.given(2) ? c.in[2] : Tensor::zeros(DType::f32, {});
    walk(d, {broadcast_strides(c.in[1].dims(), d), broadcast_strides(one.dims(), d)}, [&](int64_t i, const int64_t* at) {
        c.out[0].set(i, y[static_cast<size_t>(i)] * c.in[1].at(at[0]) + one.at(at[1]));
    });
}

/// x / sqrt(mean(x^2) + epsilon) * scale over the axes from `axis` on (Zhang and Sennrich 2019).
void run_rms(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.in[0].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t rows = count_between(d, 0, axis), n = count_between(d, axis, d.size());
    std::vector<double> x = values<double>(c.in[0]);
    for (int64_t r = 0; r < rows; ++r) {
        double squares = 0;
        for (int64_t i = r * n; i < (r + 1) * n; ++i) squares += x[static_cast<size_t>(i)] * x[static_cast<size_t>(i)];
        const double inverse = 1 / std::sqrt(squares / static_cast<double>(n) + static_cast<double>(c.real("epsilon")));
        for (int64_t i = r * n; i < (r + 1) * n; ++i) x[static_cast<size_t>(i)] *= inverse;
    }
    walk(d, {broadcast_strides(c.in[1].dims(), d)}, [&](int64_t i, const int64_t* at) { c.out[0].set(i, x[static_cast<size_t>(i)] * c.in[1].at(at[0])); });
}

void infer_group(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    check_stash(c);
    require_rank(c, 0, 2, 1000);
    const int64_t groups = c.integer("num_groups");
    if (groups < 1) c.refuse(cat("num_groups is ", groups, "; expected 1 or more"));
    if (c.rank_known(0)) {
        const Dim& channels = c.shape(0)[1];
        if (channels.known() && channels.value % groups)
            c.refuse(cat("num_groups ", groups, " does not divide the ", channels.value, " channels"));
        for (size_t i : {1, 2}) require_shape(c, i, {channels}, "scale or bias");
    }
    same_as_input(c, t);
}
void run_group(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.in[0].count()) return;
    const int64_t plane = count_between(d, 2, d.size()), groups = c.integer("num_groups"), size = d[1] / groups * plane;
    const std::vector<double> x = values<double>(c.in[0]);
    for (int64_t g = 0; g < d[0] * groups; ++g) {
        const Moments m(x.data() + g * size, size);
        const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(c.real("epsilon")));
        for (int64_t i = g * size; i < (g + 1) * size; ++i) {
            const int64_t channel = i / plane % d[1];
            c.out[0].set(i, (x[static_cast<size_t>(i)] - m.mean) * inverse * c.in[1].at(channel) + c.in[2].at(channel));
        }
    }
}
/// Opset 18 had scale and bias per group; 21 has them per channel.
void upgrade_group(Graph& g, NodeId id, int from) {
    if (from >= 21) return;
    const TypeInfo x = g.value(g.node(id).inputs[0]).type;
    const int64_t groups = integer_or(g.node(id), "num_groups", 0);
    const bool known = x.rank_known && x.shape.size() > 1 && x.shape[1].known() && groups > 0 && x.shape[1].value % groups == 0;
    for (size_t i : {1, 2}) {
        const Tensor* t = constant_input(g, id, i);
        if (!known || !t || t->count() != groups)
            fail(ErrorKind::unsupported, "op.unsupported", "scale and bias per group that are not constant, or unknown channels",
                 "", cat("node '", g.node(id).name, "' (GroupNormalization)"));
        const int64_t channels = x.shape[1].value;
        Tensor wide = Tensor::zeros(t->dtype(), {channels});
        for (int64_t k = 0; k < channels; ++k) wide.set(k, t->at(k / (channels / groups)));
        put_input(g, id, i, constant_for(g, id, i == 1 ? "scale" : "bias", wide));
    }
}
int downgrade_group(Graph&, NodeId, int) { return 21; }

std::vector<bool> axes_of(const OpContext& c, size_t rank) {
    std::vector<bool> gone(rank, false);
    for (int64_t a : c.integers("axes")) gone[static_cast<size_t>(normal_axis(c, a, static_cast<int64_t>(rank)))] = true;
    return gone;
}
void infer_mvn(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    if (c.rank_known(0)) axes_of(c, c.shape(0).size());
    same_as_input(c, t);
}
void run_mvn(RefContext& c) {
    const Dims& d = c.in[0].dims();
    const std::vector<bool> gone = axes_of(c, d.size());
    Dims strides(d.size(), 0);
    int64_t cells = 1;
    for (size_t i = d.size(); i-- > 0;)
        if (!gone[i]) strides[i] = cells, cells *= d[i];
    if (!c.in[0].count()) return;
    const std::vector<double> x = values<double>(c.in[0]);
    const double n = static_cast<double>(c.in[0].count()) / static_cast<double>(cells);
    std::vector<double> mean(static_cast<size_t>(cells)), variance(mean);
    const auto each = [&](auto f) {
        walk(d, {strides}, [&](int64_t i, const int64_t* at) { f(i, x[static_cast<size_t>(i)], static_cast<size_t>(at[0])); });
    };
    each([&](int64_t, double v, size_t k) { mean[k] += v / n; });
    each([&](int64_t, double v, size_t k) { variance[k] += (v - mean[k]) * (v - mean[k]) / n; });
    each([&](int64_t i, double v, size_t k) { c.out[0].set(i, (v - mean[k]) / (std::sqrt(variance[k]) + 1e-9)); });
}

void infer_lp(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    if (c.integer("p") != 1 && c.integer("p") != 2) c.refuse(cat("p is ", c.integer("p"), "; expected 1 or 2"));
    if (c.rank_known(0)) normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.shape(0).size()));
    same_as_input(c, t);
}
void run_lp(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.in[0].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t outer = count_between(d, 0, axis), n = d[axis], inner = count_between(d, axis + 1, d.size());
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t i = 0; i < inner; ++i) {
            const int64_t base = o * n * inner + i;
            double sum = 0;
            for (int64_t k = 0; k < n; ++k) {
                const double v = c.in[0].at(base + k * inner);
                sum += c.integer("p") == 1 ? std::fabs(v) : v * v;
            }
            const double norm = c.integer("p") == 1 ? sum : std::sqrt(sum);
            for (int64_t k = 0; k < n; ++k)
                c.out[0].set(base + k * inner, norm == 0 ? 0 : c.in[0].at(base + k * inner) / norm);
        }
}

void infer_lrn(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    require_rank(c, 0, 2, 1000);
    if (c.integer("size") < 1) c.refuse(cat("size is ", c.integer("size"), "; expected 1 or more"));
    same_as_input(c, t);
}
void run_lrn(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.in[0].count()) return;
    const int64_t plane = count_between(d, 2, d.size()), channels = d[1], size = c.integer("size");
    const int64_t before = std::min((size - 1) / 2, channels), after = std::min(size / 2, channels);
    const double scale = static_cast<double>(c.real("alpha")) / static_cast<double>(size);
    const std::vector<double> x = values<double>(c.in[0]);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        const int64_t channel = i / plane % channels;
        double sum = 0;
        for (int64_t k = std::max<int64_t>(0, channel - before); k <= std::min(channels - 1, channel + after); ++k) {
            const double v = x[static_cast<size_t>(i + (k - channel) * plane)];
            sum += v * v;
        }
        const double base = static_cast<double>(c.real("bias")) + scale * sum;
        c.out[0].set(i, x[static_cast<size_t>(i)] / std::pow(base, static_cast<double>(c.real("beta"))));
    }
}

template <int each>
Cost cost_elements(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = each * static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

}  // namespace

std::vector<OpDecl> norm() {
    std::vector<OpDecl> all = {
        {.name = "LayerNormalization", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 3,
         .attributes = {{"axis", AttrKind::integer, int64_t{-1}},
                        {"epsilon", AttrKind::real, 1e-5f},
                        {"stash_type", AttrKind::integer, int64_t{1}}},
         .infer = infer_layer, .reference = run_layer, .cost = cost_elements<7>, .since = 17},
        {.name = "RMSNormalization", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"axis", AttrKind::integer, int64_t{-1}},
                        {"epsilon", AttrKind::real, 1e-5f},
                        {"stash_type", AttrKind::integer, int64_t{1}}},
         .infer = infer_layer, .reference = run_rms, .cost = cost_elements<5>, .since = 23},
        {.name = "GroupNormalization", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"epsilon", AttrKind::real, 1e-5f},
                        {"num_groups", AttrKind::integer, std::nullopt, true},
                        {"stash_type", AttrKind::integer, int64_t{1}}},
         .infer = infer_group, .reference = run_group, .cost = cost_elements<7>, .upgrade = upgrade_group,
         .downgrade = downgrade_group, .since = 18},
        {.name = "MeanVarianceNormalization", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"axes", AttrKind::integers, std::vector<int64_t>{0, 2, 3}}},
         .infer = infer_mvn, .reference = run_mvn, .cost = cost_elements<6>, .since = 9},
        {.name = "LpNormalization", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"axis", AttrKind::integer, int64_t{-1}}, {"p", AttrKind::integer, int64_t{2}}},
         .infer = infer_lp, .reference = run_lp, .cost = cost_elements<3>},
        {.name = "LRN", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"alpha", AttrKind::real, 1e-4f},
                        {"beta", AttrKind::real, 0.75f},
                        {"bias", AttrKind::real, 1.0f},
                        {"size", AttrKind::integer, std::nullopt, true}},
         .infer = infer_lrn, .reference = run_lrn, .cost = cost_elements<8>, .tolerance = 1e-4},
    };
    attach_rules(all, norm_rules());
    return all;
}

}  // namespace hone::ops
