// SPDX-License-Identifier: Apache-2.0
// Gradients of Conv and ConvTranspose, and the operators that compute them:
//   hone.ConvGradInput  dY W    the gradient of X, whose dims are attribute `shape`
//   hone.ConvGradWeight X dY    the gradient of W, whose dims are attribute `shape`, in the type `to` where that is given
// both with the attributes of the Conv that they differentiate. Each is linear in both operands, so that gradients of
// gradients stay within the three.
#include <algorithm>

#include "op/conv_loop.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// Dims of X, W and Y agree with the attributes, as far as they are known.
void check(const InferContext& c, const Shape& x, const Shape& w, const Shape& y) {
    if (x.size() < 3 || x.size() > 5) c.refuse(cat("an input of ", to_text(x), "; expected 1 to 3 spatial axes"));
    Node conv = c.node;
    conv.domain = "", conv.op = "Conv", conv.inputs = {0, 1}, conv.outputs = {2};
    conv.attributes.erase("shape");
    conv.attributes.erase("to");
    const std::vector<TypeInfo> out = infer_node(*find_op("", "Conv"), conv, {TypeInfo::tensor(DType::f32, x), TypeInfo::tensor(DType::f32, w)}, {nullptr, nullptr});
    const Shape& expected = out[0].shape;
    bool fits = expected.size() == y.size();
    for (size_t i = 0; fits && i < y.size(); ++i) fits = !y[i].known() || !expected[i].known() || y[i] == expected[i];
    if (!fits) c.refuse(cat("the gradient of the output is ", to_text(y), "; expected ", to_text(expected)));
}
void infer_input(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    const Shape x = shape_of(c.integers("shape"));
    if (c.rank_known(0) && c.rank_known(1)) check(c, x, c.shape(1), c.shape(0));
    c.set(0, t, x);
}
void infer_weight(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    const Shape w = shape_of(c.integers("shape"));
    if (c.rank_known(0) && c.rank_known(1)) check(c, c.shape(0), w, c.shape(1));
    c.set(0, float_to(c, t), w);
}

void run_input(RefContext& c) {
    const Dims &dy = c.in[0].dims(), &w = c.in[1].dims(), &x = c.out[0].dims();
    std::vector<double> dx(static_cast<size_t>(c.out[0].count()));
    if (dx.empty()) return;
    const ConvLoop loop(conv_window(c, x, w), c.integer("group"), x, w, dy);
    scatter_rows(loop, values<double>(c.in[0]), values<double>(c.in[1]), dx);
    assign(c.out[0], dx);
}
void run_weight(RefContext& c) {
    const Dims &x = c.in[0].dims(), &dy = c.in[1].dims(), &w = c.out[0].dims();
    std::vector<double> dw(static_cast<size_t>(c.out[0].count()));
    if (dw.empty()) return;
    const ConvLoop loop(conv_window(c, x, w), c.integer("group"), x, w, dy);
    const std::vector<double> a = values<double>(c.in[0]), b = values<double>(c.in[1]);
    loop.rows([&](int64_t xi, int64_t wi, int64_t yi, int64_t n) {
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) sum += a[static_cast<size_t>(xi + i * loop.stride[2])] * b[static_cast<size_t>(yi + i)];
        dw[static_cast<size_t>(wi)] += sum;
    });
    assign(c.out[0], dw);
}

/// As many as the forward convolution.
Cost macs(const TypeInfo& y, const TypeInfo& w) {
    Cost cost;
    if (!y.fixed() || !w.fixed()) return cost;
    const Dims d = dims_of(w.shape);
    cost.macs = static_cast<double>(count_of(dims_of(y.shape))) * static_cast<double>(count_between(d, 1, d.size()));
    return cost;
}
Cost cost_input(const CostContext& c) { return macs(c.in[0], c.in[1]); }
Cost cost_weight(const CostContext& c) { return macs(c.in[1], c.out[0]); }

using C = GradientContext;
Attributes with_shape(Attributes a, const Dims& shape) {
    a["shape"] = shape;
    return a;
}
Attributes without_shape(Attributes a) {
    a.erase("shape");
    a.erase("to");
    return a;
}
ValueId grad_input(C& c, ValueId dy, ValueId w, const Dims& x, const Attributes& conv) {
    return c.b.node("ConvGradInput", {dy, w}, with_shape(conv, x), "hone");
}
ValueId grad_weight(C& c, ValueId x, ValueId dy, const Dims& w, const Attributes& conv) {
    return c.b.node("ConvGradWeight", {x, dy}, with_shape(conv, w), "hone");
}
void give_bias(C& c) {
    if (!c.has_input(2) || !c.wants(2)) return;
    std::vector<int64_t> axes{0};
    for (size_t a = 2; a < c.b.rank(c.y()); ++a) axes.push_back(static_cast<int64_t>(a));
    c.give(2, c.b.sum(c.dy(), axes, false));
}

void conv(C& c) {
    const Attributes& a = c.node.attributes;
    if (c.wants(0)) c.give(0, grad_input(c, c.dy(), c.x(1), c.b.dims(c.x(0)), a));
    if (c.wants(1)) c.give(1, grad_weight(c, c.x(0), c.dy(), c.b.dims(c.x(1)), a));
    give_bias(c);
}

/// A transposed convolution is the gradient of the input of a convolution whose output is X: its own gradients are that
/// convolution and the gradient of its weights, with X in the output's place.
void conv_transpose(C& c) {
    const Dims x = c.b.dims(c.x(0)), y = c.b.dims(c.y());
    const Window w = conv_transpose_window(c, x, c.b.dims(c.x(1)));
    Dims pads_end(w.axes()), edges(2 * x.size(), 0);
    bool plain = true;
    for (size_t a = 0; a < w.axes(); ++a) {
        pads_end[a] = (x[a + 2] - 1) * w.strides[a] + w.extent(a) - w.pads_begin[a] - y[a + 2];
        plain = plain && pads_end[a] >= 0 && std::max(w.pads_begin[a], pads_end[a]) <= std::max(y[a + 2], w.extent(a));
        edges[a + 2] = w.pads_begin[a], edges[x.size() + a + 2] = pads_end[a];
    }
    // No convolution has such pads: dY is padded, or cropped where output_padding lets no tap reach it.
    const ValueId dy = plain ? c.dy() : c.b.node("Pad", {c.dy(), c.b.integers(edges)});
    Attributes conv{{"group", c.integer("group")}, {"strides", w.strides}, {"dilations", w.dilations}};
    if (plain) {
        Dims pads = w.pads_begin;
        pads.insert(pads.end(), pads_end.begin(), pads_end.end());
        conv["pads"] = pads;
    }
    if (c.wants(0)) c.give(0, c.b.node("Conv", {dy, c.x(1)}, conv));
    if (c.wants(1)) c.give(1, grad_weight(c, dy, c.x(0), c.b.dims(c.x(1)), conv));
    give_bias(c);
}

void conv_grad_input(C& c) {
    const Attributes a = without_shape(c.node.attributes);
    if (c.wants(0)) c.give(0, c.b.node("Conv", {c.dy(), c.x(1)}, a));
    if (c.wants(1)) c.give(1, grad_weight(c, c.dy(), c.x(0), c.b.dims(c.x(1)), a));
}
void conv_grad_weight(C& c) {
    const Attributes a = without_shape(c.node.attributes);
    if (c.wants(0)) c.give(0, grad_input(c, c.x(1), c.dy(), c.b.dims(c.x(0)), a));
    if (c.wants(1)) c.give(1, c.b.node("Conv", {c.x(0), c.dy()}, a));
}

}  // namespace

std::vector<Rule> conv_rules() { return {{"Conv", conv}}; }
std::vector<Rule> conv_transpose_rules() { return {{"ConvTranspose", conv_transpose}}; }

std::vector<OpDecl> conv_gradient() {
    std::vector<AttrSpec> attributes = conv_attributes();
    attributes.push_back({"shape", AttrKind::integers, std::nullopt, true});
    std::vector<AttrSpec> weight_attributes = attributes;
    weight_attributes.push_back({"to", AttrKind::integer});
    return {
        {.domain = "hone", .name = "ConvGradInput", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = attributes, .infer = infer_input, .reference = run_input, .cost = cost_input, .gradient = conv_grad_input},
        {.domain = "hone", .name = "ConvGradWeight", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = weight_attributes, .infer = infer_weight, .reference = run_weight, .cost = cost_weight, .tolerance = 1e-4,
         .gradient = conv_grad_weight},
    };
}

}  // namespace hone::ops
