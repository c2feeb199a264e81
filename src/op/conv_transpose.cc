// SPDX-License-Identifier: Apache-2.0
// ConvTranspose over 1 to 3 spatial axes.
#include <algorithm>

#include "op/conv_loop.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

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

void run_transpose(RefContext& c) {
    const Dims &src = c.in[0].dims(), &weights = c.in[1].dims();
    const Window w = conv_transpose_window(c, src, weights);
    const Dims& out = c.out[0].dims();
    std::vector<double> y(static_cast<size_t>(c.out[0].count()));
    if (y.empty()) return;
    if (c.given(2)) {
        const int64_t plane = count_of(w.out);
        for (size_t i = 0; i < y.size(); ++i) y[i] = c.in[2].at(static_cast<int64_t>(i) / plane % out[1]);
    }
    scatter_rows(ConvLoop(w, c.integer("group"), out, weights, src), values<double>(c.in[0]), values<double>(c.in[1]), y);
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
    std::vector<AttrSpec> attributes = conv_attributes();
    attributes.push_back({"output_padding", AttrKind::integers});
    attributes.push_back({"output_shape", AttrKind::integers});
    std::vector<OpDecl> all = {
        {.name = "ConvTranspose", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = std::move(attributes), .infer = infer_transpose, .reference = run_transpose, .cost = cost_transpose},
    };
    attach_rules(all, conv_transpose_rules());
    return all;
}

}  // namespace hone::ops
