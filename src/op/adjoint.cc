// SPDX-License-Identifier: Apache-2.0
// Operators (domain "hone") that gradient rules need and the standard lacks. Made by src/pass/autodiff, never written.
//   hone.GatherGradient   dY I      zeros with dY added at the indices I along `axis` (of `size`): Gather's adjoint
//   hone.CumProdGradient  dY X      CumProd's vector-Jacobian product, right where elements are 0
//   hone.Cofactor         X         the cofactors of square matrices [..., n, n]: d det(X) / dX
#include <cmath>

#include "op/determinant.h"
#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void infer_gather_gradient(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    require_type_of(c, 1, is_index, "i32 or i64");
    const int64_t axis = c.integer("axis"), size = c.integer("size");
    if (axis < 0 || size < 0) c.refuse(cat("axis ", axis, " and size ", size, "; expected 0 or more"));
    if (!c.rank_known(0) || !c.rank_known(1)) return c.set(0, c.dtype(0));
    const Shape &dy = c.shape(0), &indices = c.shape(1);
    if (dy.size() < static_cast<size_t>(axis) + indices.size())
        c.refuse(cat("indices ", to_text(indices), " at axis ", axis, " of a gradient ", to_text(dy)));
    for (size_t i = 0; i < indices.size(); ++i) agree(c, dy[static_cast<size_t>(axis) + i], indices[i], "the indices' dims");
    Shape x(dy.begin(), dy.begin() + axis);
    x.push_back(size);
    x.insert(x.end(), dy.begin() + axis + static_cast<std::ptrdiff_t>(indices.size()), dy.end());
    c.set(0, c.dtype(0), x);
}
void run_gather_gradient(RefContext& c) {
    const Tensor &dy = c.in[0], &indices = c.in[1];
    const auto axis = static_cast<size_t>(c.integer("axis"));
    const int64_t outer = count_between(dy.dims(), 0, axis), inner = count_between(dy.dims(), axis + indices.rank(), dy.rank());
    const int64_t n = c.integer("size"), picked = indices.count();
    const std::vector<double> from = values<double>(dy);
    std::vector<double> x(static_cast<size_t>(c.out[0].count()));
    for (int64_t k = 0; k < picked; ++k) {
        const int64_t at = checked_index(c, indices.at_int(k), n);
        for (int64_t o = 0; o < outer; ++o)
            for (int64_t i = 0; i < inner; ++i)
                x[static_cast<size_t>((o * n + at) * inner + i)] += from[static_cast<size_t>((o * picked + k) * inner + i)];
    }
    assign(c.out[0], x);
}
void gradient_gather_gradient(GradientContext& c) {
    c.give(0, c.b.node("Gather", {c.dy(), c.x(1)}, {{"axis", c.integer("axis")}}));
}

void infer_cum_prod_gradient(InferContext& c) {
    require_type(c, {0, 1}, is_float, "a float type");
    if (c.rank_known(0)) {
        require_shape(c, 1, c.shape(0), "the input");
        normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.shape(0).size()));
    }
    c.set_like(0, 0);
}
/// dx[k] = (x[0] ... x[k-1]) s[k], with s[k] = dy[k] + x[k+1] s[k+1]; exclusive ones start one later.
void run_cum_prod_gradient(RefContext& c) {
    const Dims& d = c.in[0].dims();
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
    const bool exclusive = c.integer("exclusive"), reverse = c.integer("reverse");
    const int64_t n = d[axis], inner = count_between(d, axis + 1, d.size());
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    std::vector<double> dx(dy.size());
    for (int64_t o = 0; o < count_between(d, 0, axis); ++o)
        for (int64_t i = 0; i < inner; ++i) {
            const auto at = [&](int64_t k) { return static_cast<size_t>((o * n + (reverse ? n - 1 - k : k)) * inner + i); };
            double later = 0;
            for (int64_t k = n; k-- > 0;) {
                if (exclusive) {
                    dx[at(k)] = later;
                    later = dy[at(k)] + x[at(k)] * later;
                } else {
                    later = dy[at(k)] + (k + 1 < n ? x[at(k + 1)] * later : 0);
                    dx[at(k)] = later;
                }
            }
            double before = 1;
            for (int64_t k = 0; k < n; ++k) {
                dx[at(k)] *= before;
                before *= x[at(k)];
            }
        }
    assign(c.out[0], dx);
}

void infer_cofactor(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    require_rank(c, 0, 2, 1000);
    if (c.rank_known(0)) agree(c, c.shape(0)[c.shape(0).size() - 2], c.shape(0).back(), "the sides of the matrices");
    c.set_like(0, 0);
}
/// Each cofactor by elimination of its minor, so that singular matrices have theirs.
void run_cofactor(RefContext& c) {
    const auto n = static_cast<size_t>(c.in[0].dims().back());
    const std::vector<double> x = values<double>(c.in[0]);
    std::vector<double> y(x.size()), minor;
    for (size_t i = 0; i < x.size(); ++i) {
        const size_t base = i / (n * n) * n * n, row = i / n % n, column = i % n;
        minor.clear();
        for (size_t r = 0; r < n; ++r)
            for (size_t k = 0; k < n; ++k)
                if (r != row && k != column) minor.push_back(x[base + r * n + k]);
        y[i] = determinant(minor, n - 1) * ((row + column) % 2 ? -1 : 1);
    }
    assign(c.out[0], y);
}

}  // namespace

std::vector<OpDecl> adjoint() {
    const AttrSpec axis{"axis", AttrKind::integer, std::nullopt, true};
    return {
        {.domain = "hone", .name = "GatherGradient", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = {axis, {"size", AttrKind::integer, std::nullopt, true}}, .infer = infer_gather_gradient,
         .reference = run_gather_gradient, .gradient = gradient_gather_gradient},
        {.domain = "hone", .name = "CumProdGradient", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = {axis, {"exclusive", AttrKind::integer, int64_t{0}}, {"reverse", AttrKind::integer, int64_t{0}}},
         .infer = infer_cum_prod_gradient, .reference = run_cum_prod_gradient},
        {.domain = "hone", .name = "Cofactor", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_cofactor, .reference = run_cofactor},
    };
}

}  // namespace hone::ops
