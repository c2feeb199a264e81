// SPDX-License-Identifier: Apache-2.0
// ConvTranspose over 1 to 3 spatial axes.
#include <algorithm>
#include <array>

#include "op/list.h"
#include "op/numeric.h"
#include "op/window.h"

namespace hone::ops {
namespace {

void infer_transpose(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    const int64_t group = c.integer("group");
    if (group < 1) c.refuse(cat("group is ", group, "; expected 1 or more"));
    require_rank(c, 0, 3, 1000);
    require_rank(c, 1, 3, 1000);
    if (!c.rank_known(0) && !c.rank_known(1)) return c.set(0, t);
    Shape s(c.shape(c.rank_known(0) ? 0 : 1).size());
    if (c.rank_known(0)) s[0] = c.shape(0)[0];
    if (c.rank_known(1)) {
        const Shape& w = c.shape(1);
        if (w.size() > 5) c.unsupported("has more than 3 spatial axes");
        if (w[0].known() && w[0].value % group)
            c.refuse(cat("group ", group, " does not divide the ", w[0].value, " input channels"));
        if (w[1].known()) s[1] = checked_mul(w[1].value, group);
        require_shape(c, 2, {s[1]}, "the bias");
    }
    if (c.rank_known(0) && c.rank_known(1)) {
        const Shape &x = c.shape(0), &w = c.shape(1);
        require_rank(c, 0, w.size(), w.size());
        agree(c, x[1], w[0], "the channels of input and weights");
        const Shape spatial =
            window_shape(c, WindowKind::conv_transpose, Shape(x.begin() + 2, x.end()), conv_kernel(c, w));
        std::copy(spatial.begin(), spatial.end(), s.begin() + 2);
    }
    c.set(0, t, s);
}

struct Geometry {
    std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, pad{0, 0, 0};
};

/// y[i*stride - pad + k*dilation] += x[i] * w[k] of one plane.
void scatter_plane(const Geometry& g, const double* x, const double* w, double* y) {
    for (int64_t k0 = 0; k0 < g.kernel[0]; ++k0)
        for (int64_t k1 = 0; k1 < g.kernel[1]; ++k1)
            for (int64_t k2 = 0; k2 < g.kernel[2]; ++k2) {
                const double weight = *w++;
                const std::array<int64_t, 3> at{k0 * g.dilation[0], k1 * g.dilation[1], k2 * g.dilation[2]};
                std::array<TapRange, 3> r;  // input and output change places
                for (size_t a = 0; a < 3; ++a) r[a] = tap_range(g.out[a], g.in[a], g.stride[a], g.pad[a], at[a]);
                for (int64_t i0 = r[0].begin; i0 < r[0].end; ++i0)
                    for (int64_t i1 = r[1].begin; i1 < r[1].end; ++i1) {
                        const int64_t o0 = i0 * g.stride[0] - g.pad[0] + at[0], o1 = i1 * g.stride[1] - g.pad[1] + at[1];
                        const double* from = x + (i0 * g.in[1] + i1) * g.in[2];
                        double* to = y + (o0 * g.out[1] + o1) * g.out[2];
                        for (int64_t i = r[2].begin; i < r[2].end; ++i)
                            to[i * g.stride[2] - g.pad[2] + at[2]] += weight * from[i];
                    }
            }
}

void run_transpose(RefContext& c) {
    const Dims &src = c.in[0].dims(), &weights = c.in[1].dims();
    const Window w = conv_transpose_window(c, src, weights);
    HONE_CHECK(w.axes() <= 3);
    Geometry g;
    for (size_t a = 0; a < w.axes(); ++a) {
        const size_t i = 3 - w.axes() + a;
        g.in[i] = src[a + 2], g.out[i] = w.out[a], g.kernel[i] = w.kernel[a], g.stride[i] = w.strides[a];
        g.dilation[i] = w.dilations[a], g.pad[i] = w.pads_begin[a];
    }
    const int64_t in_size = count_between(src, 2, src.size()), out_size = count_of(w.out), taps = w.taps();
    const int64_t per_group = weights[1], m = c.out[0].dim(1), inputs = src[1] / c.integer("group");
    const std::vector<double> x = values<double>(c.in[0]), weight = values<double>(c.in[1]);
    std::vector<double> y(static_cast<size_t>(c.out[0].count()));
    if (y.empty()) return;
    if (c.given(2))
        for (size_t i = 0; i < y.size(); ++i) y[i] = c.in[2].at(static_cast<int64_t>(i) / out_size % m);
    for (int64_t n = 0; n < src[0]; ++n)
        for (int64_t i = 0; i < src[1]; ++i)
            for (int64_t o = 0; o < per_group; ++o)
                scatter_plane(g, x.data() + (n * src[1] + i) * in_size, weight.data() + (i * per_group + o) * taps,
                              y.data() + (n * m + i / inputs * per_group + o) * out_size);
    assign(c.out[0], y);
}

Cost cost_transpose(const CostContext& c) {
    Cost cost;
    if (!c.in[0].fixed() || !c.in[1].fixed()) return cost;
    const Dims w = dims_of(c.in[1].shape);
    cost.macs = static_cast<double>(count_of(dims_of(c.in[0].shape))) * static_cast<double>(count_between(w, 1, w.size()));
    if (c.node.in(2) != kNone && c.out[0].fixed()) cost.flops = static_cast<double>(count_of(dims_of(c.out[0].shape)));
    return cost;
}

}  // namespace

std::vector<OpDecl> conv_transpose() {
    return {
        {.name = "ConvTranspose", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"auto_pad", AttrKind::text, std::string("NOTSET")},
                        {"dilations", AttrKind::integers},
                        {"group", AttrKind::integer, int64_t{1}},
                        {"kernel_shape", AttrKind::integers},
                        {"output_padding", AttrKind::integers},
                        {"output_shape", AttrKind::integers},
                        {"pads", AttrKind::integers},
                        {"strides", AttrKind::integers}},
         .infer = infer_transpose, .reference = run_transpose, .cost = cost_transpose},
    };
}

}  // namespace hone::ops
