// SPDX-License-Identifier: Apache-2.0
// hone.ResizeGrad: Resize is linear, so its gradient is the transposed map, axis by axis.
#include "op/axis_map.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Inputs dY, then roi, scales and sizes as Resize has them; `input_shape` are the dims of Resize's input.
void infer_resize_grad(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    const std::vector<int64_t>& d = c.integers("input_shape");
    require_rank(c, 0, d.size(), d.size());
    c.set(0, t, shape_of(d));
}
void run_resize_grad(RefContext& c) {
    const Dims& d = c.out[0].dims();
    if (!c.in[0].count() || !c.out[0].count()) return;
    const auto taps = resize_taps(c, d, [&](size_t i) { return c.given(i) ? &c.in[i] : nullptr; });
    if (!taps) c.refuse("takes scales or sizes, one of them");
    for (size_t a = 0; a < d.size(); ++a)
        if (static_cast<int64_t>((*taps)[a].of.size()) != c.in[0].dim(a))
            c.refuse(cat("the output's gradient is ", to_text(c.in[0].dims()), ", not what ", to_text(d), " is resized to"));
    assign(c.out[0], apply_taps_transposed(c.in[0], *taps, d));
}

/// Nor in PyTorch does a roi get a gradient.
void resize_rule(GradientContext& c) {
    if (!c.wants(0)) return;
    std::vector<ValueId> in = c.node.inputs;
    in[0] = c.dy();
    Attributes attributes = c.node.attributes;
    attributes["input_shape"] = c.b.dims(c.x());
    c.give(0, c.b.node("ResizeGrad", in, attributes, "hone"));
}

}  // namespace

std::vector<Rule> resize_rules() { return {{"Resize", resize_rule}}; }

std::vector<OpDecl> resize_gradient() {
    OpDecl d{.domain = "hone", .name = "ResizeGrad", .min_inputs = 1, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
             .attributes = resize()[0].attributes, .infer = infer_resize_grad, .reference = run_resize_grad};
    d.attributes.push_back({"input_shape", AttrKind::integers, std::nullopt, true});
    return {d};
}

}  // namespace hone::ops
