// SPDX-License-Identifier: Apache-2.0
// Conv, ConvInteger and QLinearConv over 1 to 3 spatial axes.
#include <algorithm>

#include "op/conv_loop.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

void infer_as(InferContext& c, size_t xi, size_t wi, DType type) {
    const int64_t group = c.integer("group");
    if (group < 1) c.refuse(cat("group is ", group, "; expected 1 or more"));
    require_rank(c, xi, 3, 1000);
    require_rank(c, wi, 3, 1000);
    if (!c.rank_known(wi)) {
        if (!c.rank_known(xi)) return c.set(0, type);
        Shape s(c.shape(xi).size());
        s[0] = c.shape(xi)[0];
        return c.set(0, type, s);
    }
    const Shape& w = c.shape(wi);
    if (w.size() > 5) c.unsupported("has more than 3 spatial axes");
    if (w[0].known() && w[0].value % group)
        c.refuse(cat("group ", group, " does not divide the ", w[0].value, " output channels"));
    const Shape kernel = conv_kernel(c, w);
    Shape s(w.size());
    s[1] = w[0];
    if (c.rank_known(xi)) {
        const Shape& x = c.shape(xi);
        require_rank(c, xi, w.size(), w.size());
        if (x[1].known() && w[1].known() && (x[1].value % group || x[1].value / group != w[1].value))
            c.refuse(cat("the input has ", x[1].value, " channels; expected ", group, " groups of ", w[1].value,
                         " as the weights have"));
        s[0] = x[0];
        const Shape spatial = window_shape(c, WindowKind::conv, Shape(x.begin() + 2, x.end()), kernel);
        std::copy(spatial.begin(), spatial.end(), s.begin() + 2);
    }
    c.set(0, type, s);
}

/// `y` holds the bias or zeros.
template <class T>
void convolve(const OpContext& c, const Dims& src, const std::vector<T>& x, const Dims& weights,
              const std::vector<T>& w, const Dims& out, std::vector<T>& y) {
    if (y.empty() || x.empty()) return;
    const ConvLoop loop(conv_window(c, src, weights), c.integer("group"), src, weights, out);
    const int64_t s = loop.stride[2];
    loop.rows([&](int64_t xi, int64_t wi, int64_t yi, int64_t n) {
        const T weight = w[static_cast<size_t>(wi)];
        const T* from = x.data() + xi;
        T* to = y.data() + yi;
        if (s == 1)
            for (int64_t i = 0; i < n; ++i) to[i] += weight * from[i];
        else
            for (int64_t i = 0; i < n; ++i) to[i] += weight * from[i * s];
    });
}

void infer_conv(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    if (c.given(2)) require_shape(c, 2, {c.rank_known(1) && !c.shape(1).empty() ? c.shape(1)[0] : Dim()}, "the bias");
    infer_as(c, 0, 1, t);
}

void run_conv(RefContext& c) {
    const Dims& d = c.out[0].dims();
    std::vector<double> y(static_cast<size_t>(c.out[0].count()));
    if (c.given(2) && !y.empty()) {
        const int64_t plane = c.out[0].count() / d[0] / d[1];
        for (size_t i = 0; i < y.size(); ++i) y[i] = c.in[2].at(static_cast<int64_t>(i) / plane % d[1]);
    }
    convolve(c, c.in[0].dims(), values<double>(c.in[0]), c.in[1].dims(), values<double>(c.in[1]), d, y);
    assign(c.out[0], y);
}

Cost cost_at(const CostContext& c, size_t wi, size_t bias) {
    Cost cost;
    if (!c.out[0].fixed() || !c.in[wi].fixed()) return cost;
    const Dims w = dims_of(c.in[wi].shape);
    const auto outputs = static_cast<double>(count_of(dims_of(c.out[0].shape)));
    cost.macs = outputs * static_cast<double>(count_between(w, 1, w.size()));
    if (bias < c.node.inputs.size() && c.node.inputs[bias] != kNone) cost.flops = outputs;
    return cost;
}
Cost cost_conv(const CostContext& c) { return cost_at(c, 1, 2); }

bool is_8_bit(DType t) { return t == DType::u8 || t == DType::i8; }
bool is_i32(DType t) { return t == DType::i32; }
bool is_f32_or_16(DType t) { return is_float(t) && t != DType::f64; }

/// Integers less their zero point, which is one number or one for each slice along axis 0.
std::vector<int64_t> centred(const Tensor& t, const Tensor& zero) {
    std::vector<int64_t> v = values<int64_t>(t);
    if (!zero.defined() || v.empty()) return v;
    const int64_t slice = zero.count() == 1 ? t.count() : t.count() / t.dim(0);
    for (size_t i = 0; i < v.size(); ++i) v[i] -= zero.at_int(static_cast<int64_t>(i) / slice);
    return v;
}

Dim outputs_of(const InferContext& c, size_t wi) {
    return c.rank_known(wi) && !c.shape(wi).empty() ? c.shape(wi)[0] : Dim();
}

void infer_conv_integer(InferContext& c) {
    require_type(c, {0, 2}, is_8_bit, "u8 or i8");
    require_type(c, {1, 3}, is_8_bit, "u8 or i8");
    require_one(c, 2, "the zero point of the input");
    require_one_or(c, 3, outputs_of(c, 1), "the zero point of the weights");
    infer_as(c, 0, 1, DType::i32);
}
void run_conv_integer(RefContext& c) {
    std::vector<int64_t> y(static_cast<size_t>(c.out[0].count()));
    const Tensor none;
    convolve(c, c.in[0].dims(), centred(c.in[0], c.given(2) ? c.in[2] : none), c.in[1].dims(),
             centred(c.in[1], c.given(3) ? c.in[3] : none), c.out[0].dims(), y);
    assign(c.out[0], y);
}

void infer_qlinear_conv(InferContext& c) {
    require_type(c, {0, 2}, is_8_bit, "u8 or i8");
    require_type(c, {3, 5}, is_8_bit, "u8 or i8");
    require_type(c, {1, 4, 6}, is_f32_or_16, "f32");
    require_type(c, {8}, is_i32, "i32");
    for (size_t i : {1, 2, 6, 7}) require_one(c, i, "a scale or zero point of the input or output");
    for (size_t i : {4, 5}) require_one_or(c, i, outputs_of(c, 3), "a scale or zero point of the weights");
    require_shape(c, 8, {outputs_of(c, 3)}, "the bias");
    infer_as(c, 0, 3, require_type(c, {7}, is_8_bit, "u8 or i8"));
}
void run_qlinear_conv(RefContext& c) {
    Tensor& out = c.out[0];
    std::vector<int64_t> y(static_cast<size_t>(out.count()));
    if (y.empty()) return;
    const int64_t channels = out.dim(1), plane = out.count() / out.dim(0) / channels;
    const auto channel = [&](size_t i) { return static_cast<int64_t>(i) / plane % channels; };
    if (c.given(8))
        for (size_t i = 0; i < y.size(); ++i) y[i] = c.in[8].at_int(channel(i));
    convolve(c, c.in[0].dims(), centred(c.in[0], c.in[2]), c.in[3].dims(), centred(c.in[3], c.in[5]), out.dims(), y);
    const int64_t zero = c.in[7].at_int(0);
    for (size_t i = 0; i < y.size(); ++i) {
        const double weight_scale = c.in[4].at(c.in[4].count() == 1 ? 0 : channel(i));
        out.set_int(static_cast<int64_t>(i),
                    requantise(y[i], multiplier(c.in[1].at(0) * weight_scale, c.in[6].at(0)), zero, out.dtype()));
    }
}
Cost cost_qlinear_conv(const CostContext& c) { return cost_at(c, 3, 8); }

}  // namespace

std::vector<OpDecl> conv() {
    std::vector<OpDecl> all = {
        {.name = "Conv", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = conv_attributes(), .infer = infer_conv, .reference = run_conv, .cost = cost_conv},
        {.name = "ConvInteger", .min_inputs = 2, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
         .attributes = conv_attributes(), .infer = infer_conv_integer, .reference = run_conv_integer,
         .cost = cost_conv, .tolerance = 0, .since = 10},
        {.name = "QLinearConv", .min_inputs = 8, .max_inputs = 9, .min_outputs = 1, .max_outputs = 1,
         .attributes = conv_attributes(), .infer = infer_qlinear_conv, .reference = run_qlinear_conv,
         .cost = cost_qlinear_conv, .tolerance = 0, .since = 10},
    };
    attach_rules(all, conv_rules());
    return all;
}

}  // namespace hone::ops
