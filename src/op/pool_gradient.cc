// SPDX-License-Identifier: Apache-2.0
// Gradients of the pools, and the operators that compute them:
//   hone.MaxPoolGrad     dY X    to the first greatest tap of each window, as the pool's Indices say
//   hone.AveragePoolGrad dY      the gradient of X, whose dims are attribute `shape`
// both with the attributes of the pool that they differentiate.
#include <algorithm>
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"
#include "op/pool_loop.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

void check(const InferContext& c, const Shape& x) {
    if (!c.rank_known(0) || !is_static(x) || !is_static(c.shape(0))) return;
    const Dims src = dims_of(x);
    Dims expected(src.begin(), src.begin() + std::min<std::ptrdiff_t>(2, static_cast<std::ptrdiff_t>(src.size())));
    const Window w = pool_window(c, src);
    if (w.axes() > 3) c.unsupported("has more than 3 spatial axes");
    expected.insert(expected.end(), w.out.begin(), w.out.end());
    if (dims_of(c.shape(0)) != expected)
        c.refuse(cat("the gradient of the output is ", to_text(c.shape(0)), "; expected ", to_text(expected)));
}
void infer_max(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    if (!c.rank_known(1)) return c.set(0, t);
    check(c, c.shape(1));
    c.set(0, t, c.shape(1));
}
void infer_average(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    const Shape x = shape_of(c.integers("shape"));
    check(c, x);
    c.set(0, t, x);
}

void run_max(RefContext& c) {
    const PoolLoop p(c, c.in[1].dims());
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    std::vector<double> dx(x.size());
    p.each_output(c.in[0].count(), [&](int64_t i, int64_t plane, const Taps& t) {
        const int64_t at = p.greatest(t, x.data() + plane).row_major;
        if (at >= 0) dx[static_cast<size_t>(plane + at)] += dy[static_cast<size_t>(i)];
    });
    assign(c.out[0], dx);
}
void run_average(RefContext& c) {
    const PoolLoop p(c, c.out[0].dims());
    const bool with_padding = c.integer("count_include_pad") != 0;
    const std::vector<double> dy = values<double>(c.in[0]);
    std::vector<double> dx(static_cast<size_t>(c.out[0].count()));
    p.each_output(c.in[0].count(), [&](int64_t i, int64_t plane, const Taps& t) {
        const double part = dy[static_cast<size_t>(i)] / static_cast<double>(with_padding ? t.padded : t.inside());
        p.each_tap(t, [&](int64_t at, int64_t) { dx[static_cast<size_t>(plane + at)] += part; });
    });
    assign(c.out[0], dx);
}

Cost cost(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed())
        cost.flops = static_cast<double>(count_of(dims_of(c.in[0].shape))) * static_cast<double>(count_of(c.integers("kernel_shape")));
    return cost;
}

using C = GradientContext;
Attributes window_of(const C& c) {
    Attributes a;
    for (const AttrSpec& s : window_attributes({}))
        if (const auto it = c.node.attributes.find(s.name); it != c.node.attributes.end()) a.insert(*it);
    return a;
}
void max_pool(C& c) {
    if (c.has_dy(0)) c.give(0, c.b.node("MaxPoolGrad", {c.dy(), c.x()}, window_of(c), "hone"));
}
ValueId average_gradient(C& c, ValueId dy, bool include_pad) {
    Attributes a = window_of(c);
    a["count_include_pad"] = int64_t{include_pad};
    a["shape"] = c.b.dims(c.x());
    return c.b.node("AveragePoolGrad", {dy}, std::move(a), "hone");
}
void average_pool(C& c) { c.give(0, average_gradient(c, c.dy(), c.integer("count_include_pad") != 0)); }

/// dx of (sum |x|^p)^(1/p), but for the sum over windows: `part` is dy * y^(1-p), 0 where y is 0.
ValueId lp_part(C& c, double p) {
    if (p == 1) return c.dy();
    const ValueId nothing = c.b.equal(c.y(), c.b.like(c.y(), 0)), safe = c.b.where(nothing, c.b.like(c.y(), 1), c.y());
    const ValueId power = p == 2 ? safe : c.b.node("Pow", {safe, c.b.like(safe, p - 1)});
    return c.b.where(nothing, c.b.like(c.y(), 0), c.b.div(c.dy(), power));
}
ValueId lp_slope(C& c, double p) {
    if (p == 2) return c.x();
    const ValueId sign = c.b.node("Sign", {c.x()});
    return p == 1 ? sign : c.b.mul(sign, c.b.node("Pow", {c.b.node("Abs", {c.x()}), c.b.like(c.x(), p - 1)}));
}
void lp_pool(C& c) {
    const auto p = static_cast<double>(c.integer("p"));
    const Dims x = c.b.dims(c.x()), y = c.b.dims(c.y());
    const PoolLoop loop(c, x);
    Dims each = y;  // taps of each window: the gradient of an average has to be one of a sum
    each[0] = each[1] = 1;
    Tensor taps = Tensor::zeros(c.b.dtype(c.y()), each);
    loop.each_output(taps.count(), [&](int64_t i, int64_t, const Taps& t) { taps.set(i, static_cast<double>(t.inside())); });
    const ValueId scattered = average_gradient(c, c.b.mul(lp_part(c, p), c.b.constant(std::move(taps))), false);
    c.give(0, c.b.mul(scattered, lp_slope(c, p)));
}

void global_average(C& c) {
    const Dims x = c.b.dims(c.x());
    c.give(0, c.b.expand(c.b.scale(c.dy(), 1 / static_cast<double>(count_between(x, 2, x.size()))), x));
}
/// As a max pool over the flattened plane: the first of equals has it all.
void global_max(C& c) {
    const Dims x = c.b.dims(c.x());
    const int64_t size = count_between(x, 2, x.size());
    const ValueId flat = c.b.reshape(c.x(), {x[0], x[1], size}), dy = c.b.reshape(c.dy(), {x[0], x[1], 1});
    c.give(0, c.b.reshape(c.b.node("MaxPoolGrad", {dy, flat}, {{"kernel_shape", Dims{size}}}, "hone"), x));
}
void global_lp(C& c) {
    const auto p = static_cast<double>(c.integer("p"));
    c.give(0, c.b.mul(lp_part(c, p), lp_slope(c, p)));
}

}  // namespace

std::vector<Rule> pool_rules() {
    return {{"MaxPool", max_pool}, {"AveragePool", average_pool}, {"LpPool", lp_pool},
            {"GlobalAveragePool", global_average}, {"GlobalMaxPool", global_max}, {"GlobalLpPool", global_lp}};
}

std::vector<OpDecl> pool_gradient() {
    return {
        {.domain = "hone", .name = "MaxPoolGrad", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = window_attributes({}), .infer = infer_max, .reference = run_max, .cost = cost},
        {.domain = "hone", .name = "AveragePoolGrad", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = window_attributes({{"count_include_pad", AttrKind::integer, int64_t{0}},
                                          {"shape", AttrKind::integers, std::nullopt, true}}),
         .infer = infer_average, .reference = run_average, .cost = cost},
    };
}

}  // namespace hone::ops
