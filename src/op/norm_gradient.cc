// SPDX-License-Identifier: Apache-2.0
// Gradients of the normalisations: hone.LayerNormGrad and hone.LRNGrad, each one pass over the data, and the rules.
#include <algorithm>
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Inputs dY, X and the scale (of X's dims from `axis` on; omitted: ones); outputs dX and the sums over all rows that are
/// the gradients of scale and bias, in the type `to` where that is given. Without `centred` of RMSNormalization.
void infer_layer_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    const DType sums = float_to(c, t);
    c.set(0, t);
    for (size_t i : {1, 2}) c.set(i, sums);
    if (!c.rank_known(1)) return;
    const Shape& x = c.shape(1);
    const auto axis = normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.size()));
    const Shape row(x.begin() + axis, x.end());
    require_shape(c, 0, x, "the output's gradient");
    require_shape(c, 2, row, "the scale");
    c.set(0, t, x);
    for (size_t i : {1, 2}) c.set(i, sums, row);
}
/// With h = (x - mean) / s and g = dy * scale: dx = (g - mean(g) - h mean(g h)) / s, the first mean only where centred.
void run_layer_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    if (!c.in[1].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const int64_t rows = count_between(d, 0, axis), n = count_between(d, axis, d.size());
    const bool centred = c.integer("centred") != 0;
    const auto size = static_cast<size_t>(n);
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    const std::vector<double> scale = c.given(2) ? values<double>(c.in[2]) : std::vector<double>(size, 1);
    std::vector<double> dx(x.size()), dscale(size), dbias(size), h(size);
    for (int64_t r = 0; r < rows; ++r) {
        const double *px = x.data() + r * n, *pdy = dy.data() + r * n;
        double mean = 0, square = 0, mean_g = 0, mean_gh = 0;
        for (size_t i = 0; i < size && centred; ++i) mean += px[i] / static_cast<double>(n);
        for (size_t i = 0; i < size; ++i) square += (px[i] - mean) * (px[i] - mean) / static_cast<double>(n);
        const double inverse = 1 / std::sqrt(square + static_cast<double>(c.real("epsilon")));
        for (size_t i = 0; i < size; ++i) {
            h[i] = (px[i] - mean) * inverse;
            if (centred) mean_g += pdy[i] * scale[i] / static_cast<double>(n);
            mean_gh += pdy[i] * scale[i] * h[i] / static_cast<double>(n);
            dscale[i] += pdy[i] * h[i];
            dbias[i] += pdy[i];
        }
        for (size_t i = 0; i < size; ++i)
            dx[static_cast<size_t>(r * n) + i] = (pdy[i] * scale[i] - mean_g - h[i] * mean_gh) * inverse;
    }
    if (c.wanted(0)) assign(c.out[0], dx);
    if (c.wanted(1)) assign(c.out[1], dscale);
    if (c.wanted(2)) assign(c.out[2], dbias);
}

void infer_lrn_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    require_rank(c, 1, 2, 1000);
    c.set(0, t);
    if (!c.rank_known(1)) return;
    require_shape(c, 0, c.shape(1), "the output's gradient");
    c.set(0, t, c.shape(1));
}
/// With b_i = bias + alpha / size * (squares in i's window): dx_j = dy_j b_j^-beta
/// - 2 alpha beta / size x_j * (sum of dy_i x_i b_i^(-beta - 1) over the i whose window has j).
void run_lrn_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    if (!c.in[1].count()) return;
    const int64_t plane = count_between(d, 2, d.size()), channels = d[1], size = c.integer("size");
    const int64_t before = std::min((size - 1) / 2, channels), after = std::min(size / 2, channels);
    const double scale = static_cast<double>(c.real("alpha")) / static_cast<double>(size), beta = static_cast<double>(c.real("beta"));
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    std::vector<double> base(x.size(), static_cast<double>(c.real("bias"))), spread(x.size());
    const auto window = [&](int64_t i, int64_t low, int64_t high, auto f) {
        const int64_t channel = i / plane % channels;
        for (int64_t k = std::max<int64_t>(0, channel - low); k <= std::min(channels - 1, channel + high); ++k)
            f(static_cast<size_t>(i + (k - channel) * plane));
    };
    for (int64_t i = 0; i < c.in[1].count(); ++i) {
        const auto at = static_cast<size_t>(i);
        window(i, before, after, [&](size_t k) { base[at] += scale * x[k] * x[k]; });
        spread[at] = dy[at] * x[at] * std::pow(base[at], -beta - 1);
    }
    for (int64_t i = 0; i < c.in[1].count(); ++i) {
        const auto at = static_cast<size_t>(i);
        double sum = 0;
        window(i, after, before, [&](size_t k) { sum += spread[k]; });
        c.out[0].set(i, dy[at] * std::pow(base[at], -beta) - 2 * scale * beta * x[at] * sum);
    }
}

using C = GradientContext;

Dims without_leading_ones(Dims d) {
    while (!d.empty() && d[0] == 1) d.erase(d.begin());
    return d;
}
/// Whether a parameter of these dims is the same for every row.
bool one_for_all_rows(const Dims& parameter, const Dims& row) {
    const Dims p = without_leading_ones(parameter);
    if (p.size() > row.size()) return false;
    for (size_t i = 0; i < p.size(); ++i)
        if (p[i] != 1 && p[i] != row[i + row.size() - p.size()]) return false;
    return true;
}
/// `v`, of a row's dims, as the gradient of input i, which broadcasts to them but for ones before.
void give_row(C& c, size_t i, ValueId v) {
    Dims d = c.b.dims(v);
    while (d.size() < c.b.rank(c.x(i))) d.insert(d.begin(), 1);
    c.give(i, c.b.reshape(v, d));
}
/// From the gradients of the optional outputs: mean, and the inverse of the deviation.
ValueId from_statistics(C& c, size_t axis) {
    const Dims d = c.b.dims(c.x());
    const DType t = c.b.dtype(c.x());
    const double n = static_cast<double>(count_between(d, axis, d.size()));
    ValueId total = kNone;
    if (c.has_dy(1)) total = c.b.expand(c.b.scale(c.b.cast(c.dy(1), t), 1 / n), d);
    if (!c.has_dy(2)) return total;
    std::vector<int64_t> axes;
    for (size_t i = axis; i < d.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    const ValueId inverse = c.b.cast(c.y(2), t), cube = c.b.mul(c.b.square(inverse), inverse);
    const ValueId slope = c.b.scale(c.b.mul(c.b.cast(c.dy(2), t), cube), -1 / n);
    const ValueId part = c.b.mul(slope, c.b.sub(c.x(), c.b.mean(c.x(), axes, true)));
    return total == kNone ? part : c.b.add(total, part);
}
void layer_norm(C& c) {
    const Dims d = c.b.dims(c.x());
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const Dims row(d.begin() + static_cast<std::ptrdiff_t>(axis), d.end());
    const bool centred = c.node.op == "LayerNormalization";
    const Attributes same{{"axis", static_cast<int64_t>(axis)}, {"epsilon", c.real("epsilon")}};
    Attributes attributes = same;
    attributes["centred"] = int64_t{centred};
    const auto gradients = [&](std::vector<ValueId> in, int outputs) {
        return c.b.nodes("LayerNormGrad", std::move(in), outputs, attributes, "hone");
    };
    ValueId dx = kNone;
    if (c.has_dy(0) && one_for_all_rows(c.b.dims(c.x(1)), row)) {
        const ValueId scale = c.b.expand(c.b.reshape(c.x(1), without_leading_ones(c.b.dims(c.x(1)))), row);
        const bool fused = c.wants(2) && one_for_all_rows(c.b.dims(c.x(2)), row);
        const std::vector<ValueId> all = gradients({c.dy(), c.x(), scale}, c.wants(1) || fused ? 3 : 1);
        dx = all[0];
        if (c.wants(1)) give_row(c, 1, all[1]);
        if (fused) give_row(c, 2, all[2]);
        else if (c.wants(2)) c.give(2, c.dy());
    } else if (c.has_dy(0)) {
        if (c.wants(0)) dx = gradients({c.b.mul(c.dy(), c.x(1)), c.x()}, 1)[0];
        if (c.wants(1)) c.give(1, c.b.mul(c.dy(), c.b.node(c.node.op, {c.x(), c.b.like(c.x(), 1)}, same)));
        if (c.wants(2)) c.give(2, c.dy());
    }
    if (!c.wants(0)) return;
    const ValueId more = from_statistics(c, axis);
    c.give(0, dx == kNone ? more : more == kNone ? dx : c.b.add(dx, more));
}

/// As a layer normalisation over [N, groups, the rest].
void group_norm(C& c) {
    const Dims d = c.b.dims(c.x());
    const int64_t groups = c.integer("num_groups");
    const Dims grouped{d[0], groups, d[1] / groups * count_between(d, 2, d.size())};
    Dims channel(d.size() - 1, 1);
    channel[0] = d[1];
    std::vector<int64_t> others{0};
    for (size_t i = 2; i < d.size(); ++i) others.push_back(static_cast<int64_t>(i));
    const Attributes attributes{{"axis", int64_t{2}}, {"epsilon", c.real("epsilon")}};
    const ValueId x = c.b.reshape(c.x(), grouped);
    if (c.wants(0)) {
        const ValueId g = c.b.mul(c.dy(), c.b.reshape(c.x(1), channel));
        c.give(0, c.b.reshape(c.b.node("LayerNormGrad", {c.b.reshape(g, grouped), x}, attributes, "hone"), d));
    }
    if (c.wants(1)) {
        const ValueId h = c.b.reshape(c.b.node("LayerNormalization", {x, c.b.like(x, 1)}, attributes), d);
        c.give(1, c.b.sum(c.b.mul(c.dy(), h), others, false));
    }
    if (c.wants(2)) c.give(2, c.b.sum(c.dy(), others, false));
}

/// y = (x - mean) r with r = 1 / (s + 1e-9): dx = r (dy - mean(dy) - (x - mean) / s mean(dy y)).
void mean_variance(C& c) {
    const auto rank = static_cast<int64_t>(c.b.rank(c.x()));
    std::vector<int64_t> axes;
    for (int64_t a : c.integers("axes")) axes.push_back(normal_axis(c, a, rank));
    std::sort(axes.begin(), axes.end());
    axes.erase(std::unique(axes.begin(), axes.end()), axes.end());
    if (axes.empty()) return;  // each element is its own mean
    const ValueId centred = c.b.sub(c.x(), c.b.mean(c.x(), axes, true));
    const ValueId s = c.b.sqrt(c.b.mean(c.b.square(centred), axes, true));
    const ValueId divisor = c.b.where(c.b.greater(s, c.b.like(s, 0)), s, c.b.like(s, 1));
    const ValueId along = c.b.mul(c.b.div(centred, divisor), c.b.mean(c.b.mul(c.dy(), c.y()), axes, true));
    const ValueId rest = c.b.sub(c.b.sub(c.dy(), c.b.mean(c.dy(), axes, true)), along);
    c.give(0, c.b.div(rest, c.b.shift(s, 1e-9)));
}

/// y = x / n: dx = (dy - n' sum(dy y)) / n, where n' is sign(x) or y; 0 where the norm is.
void lp(C& c) {
    const std::vector<int64_t> axes{normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.b.rank(c.x())))};
    const bool first = c.integer("p") == 1;
    const ValueId n = c.b.reduce(first ? "ReduceL1" : "ReduceL2", c.x(), axes, true);
    const ValueId inside = c.b.greater(n, c.b.like(n, 0));
    const ValueId inverse = c.b.keep(inside, c.b.div(c.b.like(n, 1), c.b.where(inside, n, c.b.like(n, 1))));
    const ValueId slope = first ? c.b.node("Sign", {c.x()}) : c.y();
    const ValueId sum = c.b.sum(c.b.mul(c.dy(), c.y()), axes, true);
    c.give(0, c.b.mul(c.b.sub(c.dy(), c.b.mul(slope, sum)), inverse));
}

void lrn(C& c) { c.give(0, c.b.node("LRNGrad", {c.dy(), c.x()}, c.node.attributes, "hone")); }

template <int each>
Cost cost_elements(const CostContext& c) {
    Cost cost;
    if (c.in[1].fixed()) cost.flops = each * static_cast<double>(count_of(dims_of(c.in[1].shape)));
    return cost;
}

}  // namespace

std::vector<Rule> norm_rules() {
    return {{"LayerNormalization", layer_norm}, {"RMSNormalization", layer_norm}, {"GroupNormalization", group_norm},
            {"MeanVarianceNormalization", mean_variance}, {"LpNormalization", lp}, {"LRN", lrn}};
}

std::vector<OpDecl> norm_gradient() {
    return {
        {.domain = "hone", .name = "LayerNormGrad", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 3,
         .attributes = {{"axis", AttrKind::integer, int64_t{-1}},
                        {"epsilon", AttrKind::real, 1e-5f},
                        {"centred", AttrKind::integer, int64_t{1}},
                        {"to", AttrKind::integer}},
         .infer = infer_layer_grad, .reference = run_layer_grad, .cost = cost_elements<14>},
        {.domain = "hone", .name = "LRNGrad", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"alpha", AttrKind::real, 1e-4f},
                        {"beta", AttrKind::real, 0.75f},
                        {"bias", AttrKind::real, 1.0f},
                        {"size", AttrKind::integer, std::nullopt, true}},
         .infer = infer_lrn_grad, .reference = run_lrn_grad, .cost = cost_elements<16>, .tolerance = 1e-4},
    };
}

}  // namespace hone::ops
