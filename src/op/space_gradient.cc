// SPDX-License-Identifier: Apache-2.0
// Gradients of the operators of space.cc, and hone.CumProdGrad and hone.DetGrad, which are exact where elements are 0 and
// matrices are singular.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Inputs: the gradient of the output, X and, of CumProd, the axis.
void infer_like_x(InferContext& c) {
    require_type(c, {0, 1}, is_float, "a float type");
    c.set_like(0, 1);
}

/// dx_j = (product of what comes before j) * s_j with s_j = dy_j + x_{j+1} s_{j+1}; where exclusive
/// s_j = dy_{j+1} + x_{j+1} s_{j+1}.
void run_cum_prod_grad(RefContext& c) {
    const Dims& d = c.in[1].dims();
    if (!c.in[1].count()) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.in[2].at_int(0), static_cast<int64_t>(d.size())));
    const bool exclusive = c.integer("exclusive") != 0, reverse = c.integer("reverse") != 0;
    const int64_t n = d[axis], inner = count_between(d, axis + 1, d.size());
    const std::vector<double> dy = values<double>(c.in[0]), x = values<double>(c.in[1]);
    std::vector<double> s(static_cast<size_t>(n));
    for (int64_t o = 0; o < count_between(d, 0, axis); ++o)
        for (int64_t i = 0; i < inner; ++i) {
            const auto at = [&](int64_t k) { return static_cast<size_t>((o * n + (reverse ? n - 1 - k : k)) * inner + i); };
            for (int64_t k = n; k-- > 0;) {
                const double next = k + 1 < n ? x[at(k + 1)] * s[static_cast<size_t>(k + 1)] : 0;
                s[static_cast<size_t>(k)] = next + (!exclusive ? dy[at(k)] : k + 1 < n ? dy[at(k + 1)] : 0);
            }
            double before = 1;
            for (int64_t k = 0; k < n; ++k) {
                c.out[0].set(static_cast<int64_t>(at(k)), before * s[static_cast<size_t>(k)]);
                before *= x[at(k)];
            }
        }
}

/// The adjugate of a row-major n x n matrix: with complete pivoting P A Q = L U it is det(P Q) Q adj(U) L^-1 P, and adj(U)
/// divides by the leading n - 1 pivots alone. All 0 where one of these is.
std::vector<double> adjugate(std::vector<double> a, size_t n) {
    std::vector<double> m(n * n), out(n * n);  // m becomes L^-1 P
    std::vector<size_t> column(n);
    std::iota(column.begin(), column.end(), size_t{0});
    for (size_t i = 0; i < n; ++i) m[i * n + i] = 1;
    double product = 1;
    for (size_t k = 0; k + 1 < n; ++k) {
        size_t row = k, col = k;
        for (size_t i = k; i < n; ++i)
            for (size_t j = k; j < n; ++j)
                if (std::fabs(a[i * n + j]) > std::fabs(a[row * n + col])) row = i, col = j;
        if (a[row * n + col] == 0) return out;
        if (row != k) {
            product = -product;
            for (size_t j = 0; j < n; ++j) std::swap(a[row * n + j], a[k * n + j]), std::swap(m[row * n + j], m[k * n + j]);
        }
        if (col != k) {
            product = -product;
            std::swap(column[col], column[k]);
            for (size_t i = 0; i < n; ++i) std::swap(a[i * n + col], a[i * n + k]);
        }
        product *= a[k * n + k];
        for (size_t i = k + 1; i < n; ++i) {
            const double f = a[i * n + k] / a[k * n + k];
            for (size_t j = k; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
            for (size_t j = 0; j < n; ++j) m[i * n + j] -= f * m[k * n + j];
        }
    }
    if (n == 0) return out;
    const size_t last = n - 1;
    const double corner = a[last * n + last];
    std::vector<double> r(n);
    for (size_t j = 0; j < n; ++j) {  // column j of adj(U) L^-1 P
        r[last] = m[last * n + j];
        for (size_t i = last; i-- > 0;) {
            double sum = corner * m[i * n + j] - a[i * n + last] * m[last * n + j];
            for (size_t k = i + 1; k < last; ++k) sum -= a[i * n + k] * r[k];
            r[i] = sum / a[i * n + i];
        }
        for (size_t i = 0; i < n; ++i) out[column[i] * n + j] = product * r[i];
    }
    return out;
}
void run_det_grad(RefContext& c) {
    const int64_t n = c.in[1].dims().back();
    for (int64_t k = 0; k < c.in[0].count(); ++k) {
        std::vector<double> m;
        for (int64_t i = 0; i < n * n; ++i) m.push_back(c.in[1].at(k * n * n + i));
        const std::vector<double> adj = adjugate(std::move(m), static_cast<size_t>(n));
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j)
                c.out[0].set((k * n + i) * n + j, c.in[0].at(k) * adj[static_cast<size_t>(j * n + i)]);
    }
}

using C = GradientContext;

void depth_to_space(C& c) {
    if (c.text("mode") == "DCR") return c.give(0, c.b.node("SpaceToDepth", {c.dy()}, {{"blocksize", c.integer("blocksize")}}));
    const Dims d = c.b.dims(c.x());
    const int64_t b = c.integer("blocksize");
    const ValueId split = c.b.reshape(c.dy(), {d[0], d[1] / (b * b), d[2], b, d[3], b});
    c.give(0, c.b.reshape(c.b.transpose(split, {0, 1, 3, 5, 2, 4}), d));
}
void space_to_depth(C& c) { c.give(0, c.b.node("DepthToSpace", {c.dy()}, {{"blocksize", c.integer("blocksize")}})); }
void cum_sum(C& c) {
    c.give(0, c.b.node("CumSum", {c.dy(), c.x(1)}, {{"exclusive", c.integer("exclusive")}, {"reverse", int64_t{c.integer("reverse") == 0}}}));
}
void cum_prod(C& c) { c.give(0, c.b.node("CumProdGrad", {c.dy(), c.x(), c.x(1)}, c.node.attributes, "hone")); }
void det(C& c) { c.give(0, c.b.node("DetGrad", {c.dy(), c.x()}, {}, "hone")); }

}  // namespace

std::vector<Rule> space_rules() {
    return {{"DepthToSpace", depth_to_space}, {"SpaceToDepth", space_to_depth}, {"CumSum", cum_sum}, {"CumProd", cum_prod}, {"Det", det}};
}

std::vector<OpDecl> space_gradient() {
    return {
        {.domain = "hone", .name = "CumProdGrad", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"exclusive", AttrKind::integer, int64_t{0}}, {"reverse", AttrKind::integer, int64_t{0}}},
         .infer = infer_like_x, .reference = run_cum_prod_grad},
        {.domain = "hone", .name = "DetGrad", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_like_x, .reference = run_det_grad},
    };
}

}  // namespace hone::ops
