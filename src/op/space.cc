// SPDX-License-Identifier: Apache-2.0
// DepthToSpace, SpaceToDepth, CumSum, CumProd and Det.
#include <cmath>
#include <utility>

#include "op/determinant.h"
#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone {

double determinant(std::vector<double> m, size_t n) {
    double det = 1;
    for (size_t k = 0; k < n; ++k) {
        size_t pivot = k;
        for (size_t r = k + 1; r < n; ++r)
            if (std::fabs(m[r * n + k]) > std::fabs(m[pivot * n + k])) pivot = r;
        if (m[pivot * n + k] == 0) return 0;
        if (pivot != k) {
            for (size_t j = 0; j < n; ++j) std::swap(m[pivot * n + j], m[k * n + j]);
            det = -det;
        }
        det *= m[k * n + k];
        for (size_t r = k + 1; r < n; ++r) {
            const double f = m[r * n + k] / m[k * n + k];
            for (size_t j = k; j < n; ++j) m[r * n + j] -= f * m[k * n + j];
        }
    }
    return det;
}

namespace ops {
namespace {

int64_t block(const OpContext& c) {
    const int64_t b = c.integer("blocksize");
    if (b < 1 || b > 1 << 20) c.refuse(cat("blocksize is ", b));
    return b;
}
Dim divided(const OpContext& c, const Dim& d, int64_t by) {
    if (!d.known()) return by == 1 ? d : Dim();
    if (d.value % by) c.refuse(cat(by, " does not divide a dim of ", d.value));
    return d.value / by;
}
Dim multiplied(const Dim& d, int64_t by) { return d.known() ? Dim(checked_mul(d.value, by)) : by == 1 ? d : Dim(); }

void infer_depth_to_space(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_rank(c, 0, 4, 4);
    const int64_t b = block(c);
    const std::string& mode = c.text("mode");
    if (mode != "DCR" && mode != "CRD") c.refuse(cat("attribute 'mode' is '", mode, "'; expected DCR or CRD"));
    if (!c.rank_known(0)) return c.set(0, c.dtype(0), Shape(4));
    const Shape& x = c.shape(0);
    c.set(0, c.dtype(0), {x[0], divided(c, x[1], b * b), multiplied(x[2], b), multiplied(x[3], b)});
}
void run_depth_to_space(RefContext& c) {
    const int64_t b = block(c);
    const Dims& y = c.out[0].dims();
    const int64_t h = y[2] / b, w = y[3] / b, plane = h * w;
    // Output axes (n, c, h, bh, w, bw) read from channel (bh, bw, c) or (c, bh, bw).
    const bool dcr = c.text("mode") == "DCR";
    const int64_t sc = dcr ? plane : plane * b * b, sh = dcr ? plane * y[1] * b : plane * b,
                  sw = dcr ? plane * y[1] : plane;
    Tensor view = c.out[0].reshaped({y[0], y[1], h, b, w, b});
    copy_strided(c.in[0], 0, {plane * y[1] * b * b, sc, w, sh, 1, sw}, view);
}
int downgrade_depth_to_space(Graph& g, NodeId n, int to) {
    if (to >= 11) return to;
    if (text_or(g.node(n), "mode", "DCR") != "DCR") return 11;
    drop_attribute(g, n, "mode");
    return to;
}

void infer_space_to_depth(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_rank(c, 0, 4, 4);
    const int64_t b = block(c);
    if (!c.rank_known(0)) return c.set(0, c.dtype(0), Shape(4));
    const Shape& x = c.shape(0);
    c.set(0, c.dtype(0), {x[0], multiplied(x[1], b * b), divided(c, x[2], b), divided(c, x[3], b)});
}
void run_space_to_depth(RefContext& c) {
    const int64_t b = block(c);
    const Dims &x = c.in[0].dims(), &y = c.out[0].dims();
    Tensor view = c.out[0].reshaped({y[0], b, b, x[1], y[2], y[3]});
    copy_strided(c.in[0], 0, {x[1] * x[2] * x[3], x[3], 1, x[2] * x[3], b * x[3], b}, view);
}

void infer_cum_sum(InferContext& c) {
    require_type_of(c, 0, is_number, "a number");
    require_type_of(c, 1, is_index, "i32 or i64");
    require_one(c, 1, "the axis");
    if (c.rank_known(0) && c.value(1)) normal_axis(c, c.value(1)->at_int(0), static_cast<int64_t>(c.shape(0).size()));
    c.set_like(0, 0);
}
template <class T, bool product>
void accumulate(RefContext& c, size_t axis) {
    const Tensor& x = c.in[0];
    const bool exclusive = c.integer("exclusive"), reverse = c.integer("reverse");
    const int64_t n = x.dim(axis), inner = count_between(x.dims(), axis + 1, x.rank());
    for (int64_t o = 0; o < count_between(x.dims(), 0, axis); ++o)
        for (int64_t i = 0; i < inner; ++i) {
            T sum = product ? 1 : 0;
            for (int64_t k = 0; k < n; ++k) {
                const int64_t at = (o * n + (reverse ? n - 1 - k : k)) * inner + i;
                T v;
                if constexpr (std::is_same_v<T, double>)
                    v = x.at(at);
                else
                    v = static_cast<T>(x.at_int(at));
                const T before = sum;
                sum = product ? sum * v : sum + v;
                const T y = exclusive ? before : sum;
                if constexpr (std::is_same_v<T, double>)
                    c.out[0].set(at, y);
                else
                    c.out[0].set_int(at, static_cast<int64_t>(y));
            }
        }
}
template <bool product>
void run_cumulative(RefContext& c) {
    const auto axis = static_cast<size_t>(normal_axis(c, c.in[1].at_int(0), static_cast<int64_t>(c.in[0].rank())));
    is_float(c.in[0].dtype()) ? accumulate<double, product>(c, axis) : accumulate<uint64_t, product>(c, axis);
}

void infer_det(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    require_rank(c, 0, 2, 1000);
    if (!c.rank_known(0)) return c.set(0, c.dtype(0));
    const Shape& x = c.shape(0);
    agree(c, x[x.size() - 2], x.back(), "the sides of the matrices");
    c.set(0, c.dtype(0), Shape(x.begin(), x.end() - 2));
}
void run_det(RefContext& c) {
    const int64_t n = c.in[0].dims().back();
    for (int64_t i = 0; i < c.out[0].count(); ++i) {
        std::vector<double> m;
        for (int64_t k = 0; k < n * n; ++k) m.push_back(c.in[0].at(i * n * n + k));
        c.out[0].set(i, determinant(std::move(m), static_cast<size_t>(n)));
    }
}

void gradient_depth_to_space(GradientContext& c) {
    const int64_t b = block(c);
    if (c.text("mode") == "DCR") return c.give(0, c.b.node("SpaceToDepth", {c.dy()}, {{"blocksize", b}}));
    const Dims x = c.b.dims(c.x());
    const ValueId blocks = c.b.reshape(c.dy(), {x[0], x[1] / (b * b), x[2], b, x[3], b});
    c.give(0, c.b.reshape(c.b.transpose(blocks, {0, 1, 3, 5, 2, 4}), x));
}
void gradient_space_to_depth(GradientContext& c) { c.give(0, c.b.node("DepthToSpace", {c.dy()}, {{"blocksize", block(c)}})); }
/// The sum from the other end.
void gradient_cum_sum(GradientContext& c) {
    c.give(0, c.b.node("CumSum", {c.dy(), c.x(1)}, {{"exclusive", c.integer("exclusive")}, {"reverse", int64_t{!c.integer("reverse")}}}));
}
void gradient_cum_prod(GradientContext& c) {
    const int64_t axis = normal_axis(c, c.constant(1).at_int(0), static_cast<int64_t>(c.b.rank(c.x())));
    c.give(0, c.b.node("CumProdGradient", {c.dy(), c.x()},
                       {{"axis", axis}, {"exclusive", c.integer("exclusive")}, {"reverse", c.integer("reverse")}}, "hone"));
}
/// d det / dX is the matrix of cofactors (Jacobi's formula).
void gradient_det(GradientContext& c) {
    Dims d = c.b.dims(c.y());
    d.insert(d.end(), {1, 1});
    c.give(0, c.b.mul(c.b.reshape(c.dy(), d), c.b.node("Cofactor", {c.x()}, {}, "hone")));
}

}  // namespace

std::vector<OpDecl> space() {
    const AttrSpec blocksize{"blocksize", AttrKind::integer, std::nullopt, true};
    return {
        {.name = "DepthToSpace",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {blocksize, {"mode", AttrKind::text, std::string("DCR")}},
         .infer = infer_depth_to_space,
         .reference = run_depth_to_space,
         .gradient = gradient_depth_to_space,
         .downgrade = downgrade_depth_to_space},
        {.name = "SpaceToDepth",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {blocksize},
         .infer = infer_space_to_depth,
         .reference = run_space_to_depth,
         .gradient = gradient_space_to_depth},
        {.name = "CumSum",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"exclusive", AttrKind::integer, int64_t{0}}, {"reverse", AttrKind::integer, int64_t{0}}},
         .infer = infer_cum_sum,
         .reference = run_cumulative<false>,
         .gradient = gradient_cum_sum,
         .since = 11},
        {.name = "CumProd",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"exclusive", AttrKind::integer, int64_t{0}}, {"reverse", AttrKind::integer, int64_t{0}}},
         .infer = infer_cum_sum,
         .reference = run_cumulative<true>,
         .gradient = gradient_cum_prod,
         .since = 26},
        {.name = "Det",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_det,
         .reference = run_det,
         .gradient = gradient_det,
         .since = 11},
    };
}

}  // namespace ops
}  // namespace hone
