// SPDX-License-Identifier: Apache-2.0
#include "op/fused.h"

#include <algorithm>
#include <cmath>

#include "op/list.h"
#include "op/window.h"

namespace hone {

double apply_activation(const std::string& a, double x, double alpha, double beta) {
    if (a.empty()) return x;
    if (a == "Relu") return x < 0 ? 0 : x;
    if (a == "Clip") return std::min(std::max(x, alpha), beta);
    if (a == "Sigmoid") return 1 / (1 + std::exp(-x));
    if (a == "Tanh") return std::tanh(x);
    if (a == "Silu") return x / (1 + std::exp(-x));
    if (a == "HardSwish") return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
    if (a == "Gelu") return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    if (a == "LeakyRelu") return x < 0 ? alpha * x : x;
    HONE_CHECK(false, "activation ", a);
    return x;
}

namespace ops {
namespace {

using Attrs = std::vector<AttrSpec>;

Attrs operator+(Attrs a, const Attrs& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}
Attrs activation_attributes() {
    return {{"activation", AttrKind::text, std::string()}, {"alpha", AttrKind::real, 0.f}, {"beta", AttrKind::real, 0.f}};
}
Attrs conv_attributes() {
    return {{"kernel_shape", AttrKind::integers}, {"strides", AttrKind::integers}, {"pads", AttrKind::integers},
            {"dilations", AttrKind::integers}, {"group", AttrKind::integer, int64_t{1}},
            {"auto_pad", AttrKind::text, std::string("NOTSET")}};
}
Attrs quantised_attributes() {
    return {{"x_zero_point", AttrKind::integer, int64_t{0}}, {"y_zero_point", AttrKind::integer, int64_t{0}},
            {"residual_scale", AttrKind::real, 1.f}, {"to", AttrKind::integer, std::nullopt, true}};
}

/// y[i] = act(acc[i] + r[i]) where `acc` is f32.
void finish(RefContext& c, const Tensor& acc, size_t residual) {
    const std::string& act = c.text("activation");
    const double alpha = c.real("alpha"), beta = c.real("beta");
    for (int64_t i = 0; i < acc.count(); ++i) {
        double v = acc.data<float>()[i];
        if (c.given(residual)) v += c.in[residual].at(i);
        c.out[0].set(i, apply_activation(act, v, alpha, beta));
    }
}

Node as_plain(const Node& n, const char* op, size_t inputs) {
    Node plain = n;
    plain.op = op;
    plain.domain = "";
    plain.inputs.resize(std::min(inputs, n.inputs.size()));
    for (const char* a : {"activation", "alpha", "beta", "x_zero_point", "y_zero_point", "residual_scale", "to"}) plain.attributes.erase(a);
    return plain;
}

/// What kernels rely on and the float operators' inference does not see: bias, scales and residual.
void check_operands(const InferContext& c, const TypeInfo& w, size_t channel_axis, bool quantised) {
    if (!w.fixed() || w.shape.size() <= channel_axis) return;
    const int64_t channels = w.shape[channel_axis].value;
    auto count = [&](size_t i) { return c.in[i].fixed() ? count_of(dims_of(c.in[i].shape)) : -1; };
    if (c.given(2) && count(2) >= 0 && count(2) != channels && (quantised || count(2) != 1)) c.refuse(cat("a bias of ", count(2), " for ", channels, " channels"));
    const size_t residual = quantised ? 4 : 3;
    if (quantised) {
        for (size_t i : {size_t{0}, size_t{1}})
            if (c.dtype(i) != DType::u8 && c.dtype(i) != DType::i8) c.refuse("expects 8-bit operands");
        if (c.given(2) && c.dtype(2) != DType::i32) c.refuse("expects a bias of i32");
        if (!c.given(3) || c.dtype(3) != DType::f32 || (count(3) >= 0 && count(3) != 1 && count(3) != channels)) c.refuse("expects a f32 scale, or one a channel");
    }
    if (c.given(residual) && c.in[residual].fixed() && c.out[0].fixed() && c.in[residual].shape != c.out[0].shape) c.refuse("a residual of another shape");
}

void infer_conv(InferContext& c) {
    const Node plain = as_plain(c.node, "Conv", 2);
    c.out = infer_node(*find_op("", "Conv"), plain, {TypeInfo::tensor(DType::f32, c.in[0].shape), TypeInfo::tensor(DType::f32, c.in[1].shape)}, {nullptr, nullptr});
    c.out[0].dtype = c.has("to") ? static_cast<DType>(c.integer("to")) : c.in[0].dtype;
    check_operands(c, c.in[1], 0, std::string_view(c.op.name) == "QConv");
}
Attrs float_conv_attributes() { return conv_attributes() + activation_attributes() + Attrs{{"to", AttrKind::integer}}; }

void run_conv(RefContext& c) {
    std::vector<Tensor> in = {c.in[0].cast(DType::f32), c.in[1].cast(DType::f32)};
    if (c.given(2)) in.push_back(c.in[2].cast(DType::f32));
    finish(c, interpret_node(*find_op("", "Conv"), as_plain(c.node, "Conv", in.size()), in)[0], 3);
}
Cost cost_conv(const CostContext& c) {
    const OpDecl* conv = find_op("", "Conv");
    const Node plain = as_plain(c.node, "Conv", 2);
    return conv->cost(CostContext{{*conv, plain}, c.in, c.out});
}

struct GemmSizes {
    int64_t m, k, n;
};
GemmSizes gemm_sizes(const OpContext& c, const Dims& a, const Dims& w) {
    if (a.empty() || w.size() != 2) c.refuse("expects A of rank 1 or more and W of rank 2");
    const bool t = c.integer("transB") != 0;
    const GemmSizes s{count_of(Dims(a.begin(), a.end() - 1)), a.back(), w[t ? 0 : 1]};
    if (w[t ? 1 : 0] != s.k) c.refuse(cat("A ", to_text(a), " and W ", to_text(w), " do not fit"));
    return s;
}
void infer_gemm(InferContext& c) {
    if (!c.in[0].fixed() || !c.in[1].fixed()) return;
    Dims out = dims_of(c.in[0].shape);
    out.back() = gemm_sizes(c, out, dims_of(c.in[1].shape)).n;
    c.set(0, c.has("to") ? static_cast<DType>(c.integer("to")) : c.in[0].dtype, shape_of(out));
    check_operands(c, c.in[1], c.integer("transB") != 0 ? 0 : 1, std::string_view(c.op.name) == "QGemm");
}
void run_gemm(RefContext& c) {
    const GemmSizes s = gemm_sizes(c, c.in[0].dims(), c.in[1].dims());
    const Tensor a = c.in[0].cast(DType::f32), w = c.in[1].cast(DType::f32);
    const bool t = c.integer("transB") != 0;
    Tensor acc = Tensor::zeros(DType::f32, c.out[0].dims());
    for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
            double sum = c.given(2) ? c.in[2].at(c.in[2].count() == 1 ? 0 : j) : 0.0;
            for (int64_t k = 0; k < s.k; ++k)
                sum += static_cast<double>(a.data<float>()[i * s.k + k]) * w.data<float>()[t ? j * s.k + k : k * s.n + j];
            acc.data<float>()[i * s.n + j] = static_cast<float>(sum);
        }
    finish(c, acc, 3);
}
Cost cost_gemm(const CostContext& c) {
    if (!c.in[0].fixed() || !c.in[1].fixed()) return {};
    const GemmSizes s = gemm_sizes(c, dims_of(c.in[0].shape), dims_of(c.in[1].shape));
    return {static_cast<double>(s.m) * static_cast<double>(s.k) * static_cast<double>(s.n), 0};
}

/// The int8 rule for one accumulator: decision 6, float operations in the order that the fast kernels have.
struct Requantise {
    const float* scales;
    bool per_channel;
    std::string act;
    float alpha, beta, residual_scale;
    int64_t zero_point;
    DType to;
    float lo, hi;
    explicit Requantise(const RefContext& c)
        : scales(c.in[3].data<float>()), per_channel(c.in[3].count() > 1), act(c.text("activation")), alpha(c.real("alpha")),
          beta(c.real("beta")), residual_scale(c.real("residual_scale")), zero_point(c.integer("y_zero_point")),
          to(static_cast<DType>(c.integer("to"))), lo(to == DType::u8 ? 0.f : -128.f), hi(to == DType::u8 ? 255.f : 127.f) {}
    void store(int64_t acc, int64_t channel, const Tensor* residual, Tensor& y, int64_t at) const {
        float p = static_cast<float>(acc) * scales[per_channel ? channel : 0];
        if (residual) p = std::fmaf(residual_scale, static_cast<float>(residual->at(at)), p);
        if (act == "Relu") p = p > 0 ? p : 0;
        else if (act == "Clip") p = std::min(std::max(p, alpha), beta);
        else if (!act.empty()) p = static_cast<float>(apply_activation(act, p, alpha, beta));
        if (is_float(to)) return y.set(at, p);
        const float q = std::nearbyint(p) + static_cast<float>(zero_point);
        y.set_int(at, static_cast<int64_t>(std::min(std::max(q, lo), hi)));
    }
};

void run_qconv(RefContext& c) {
    const Tensor &x = c.in[0], &w = c.in[1];
    Tensor& y = c.out[0];
    const Window win = conv_window(c, x.dims(), w.dims());
    const size_t axes = win.kernel.size();
    const int64_t groups = c.integer("group"), out_channels = w.dim(0), in_group = w.dim(1);
    const int64_t x_zero = c.integer("x_zero_point");
    auto three = [&](const Dims& d, size_t from, int64_t fill) {  // spatial values padded in front to three
        Dims out(3, fill);
        std::copy(d.begin() + static_cast<long>(from), d.end(), out.end() - static_cast<long>(d.size() - from));
        return out;
    };
    const Dims in = three(x.dims(), 2, 1), out = three(y.dims(), 2, 1), k = three(win.kernel, 0, 1), s = three(win.strides, 0, 1),
               pad = three(win.pads_begin, 0, 0), dil = three(win.dilations, 0, 1);
    HONE_CHECK(axes <= 3);
    const int64_t in_size = in[0] * in[1] * in[2], out_size = out[0] * out[1] * out[2], k_size = k[0] * k[1] * k[2];
    std::vector<int32_t> xi(static_cast<size_t>(x.count())), wi(static_cast<size_t>(w.count()));
    for (int64_t i = 0; i < x.count(); ++i) xi[static_cast<size_t>(i)] = static_cast<int32_t>(x.at_int(i) - x_zero);
    for (int64_t i = 0; i < w.count(); ++i) wi[static_cast<size_t>(i)] = static_cast<int32_t>(w.at_int(i));
    const Requantise rule(c);
    std::vector<int32_t> acc(static_cast<size_t>(out_size));
    const int64_t out_group = out_channels / groups;
    for (int64_t n = 0; n < x.dim(0); ++n)
        for (int64_t o = 0; o < out_channels; ++o) {
            std::fill(acc.begin(), acc.end(), c.given(2) ? static_cast<int32_t>(c.in[2].at_int(o)) : 0);
            for (int64_t ic = 0; ic < in_group; ++ic) {
                const int32_t* src = xi.data() + (n * x.dim(1) + o / out_group * in_group + ic) * in_size;
                for (int64_t t = 0; t < k_size; ++t) {
                    const int32_t weight = wi[static_cast<size_t>((o * in_group + ic) * k_size + t)];
                    if (!weight) continue;
                    const int64_t kd = t / (k[1] * k[2]), kh = t / k[2] % k[1], kw = t % k[2];
                    for (int64_t od = 0; od < out[0]; ++od) {
                        const int64_t id = od * s[0] - pad[0] + kd * dil[0];
                        if (id < 0 || id >= in[0]) continue;
                        for (int64_t oh = 0; oh < out[1]; ++oh) {
                            const int64_t ih = oh * s[1] - pad[1] + kh * dil[1];
                            if (ih < 0 || ih >= in[1]) continue;
                            const int32_t* row = src + (id * in[1] + ih) * in[2];
                            int32_t* to = acc.data() + (od * out[1] + oh) * out[2];
                            const int64_t first = kw * dil[2] - pad[2];
                            int64_t begin = first < 0 ? (-first + s[2] - 1) / s[2] : 0;
                            for (int64_t ow = begin; ow < out[2] && first + ow * s[2] < in[2]; ++ow) to[ow] += weight * row[first + ow * s[2]];
                        }
                    }
                }
            }
            const int64_t base = (n * out_channels + o) * out_size;
            for (int64_t i = 0; i < out_size; ++i) rule.store(acc[static_cast<size_t>(i)], o, c.given(4) ? &c.in[4] : nullptr, y, base + i);
        }
}

void run_qgemm(RefContext& c) {
    const GemmSizes s = gemm_sizes(c, c.in[0].dims(), c.in[1].dims());
    const bool t = c.integer("transB") != 0;
    const int64_t zero = c.integer("x_zero_point");
    const Requantise rule(c);
    for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
            int64_t acc = c.given(2) ? c.in[2].at_int(j) : 0;
            for (int64_t k = 0; k < s.k; ++k)
                acc += (c.in[0].at_int(i * s.k + k) - zero) * c.in[1].at_int(t ? j * s.k + k : k * s.n + j);
            rule.store(acc, j, c.given(4) ? &c.in[4] : nullptr, c.out[0], i * s.n + j);
        }
}

void infer_silu(InferContext& c) { c.set_like(0, 0); }
void run_silu(RefContext& c) {
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set(i, apply_activation("Silu", c.in[0].at(i), 0, 0));
}

void infer_qadd(InferContext& c) {
    if (!c.in[0].rank_known || !c.in[1].rank_known) return;
    c.set(0, static_cast<DType>(c.integer("to")), broadcast(c, c.in[0].shape, c.in[1].shape));
}
void run_qadd(RefContext& c) {
    const float sa = c.real("a_scale"), sb = c.real("b_scale");
    const int64_t za = c.integer("a_zero_point"), zb = c.integer("b_zero_point"), zy = c.integer("y_zero_point");
    const bool relu = c.text("activation") == "Relu", u8 = c.out[0].dtype() == DType::u8;
    const float lo = u8 ? 0.f : -128.f, hi = u8 ? 255.f : 127.f;
    const Dims out = c.out[0].dims();
    walk(out, {broadcast_strides(c.in[0].dims(), out), broadcast_strides(c.in[1].dims(), out)}, [&](int64_t i, const int64_t* at) {
        const float p = static_cast<float>(c.in[1].at_int(at[1]) - zb) * sb;
        float v = std::fmaf(sa, static_cast<float>(c.in[0].at_int(at[0]) - za), p);
        if (relu) v = v > 0 ? v : 0;
        c.out[0].set_int(i, static_cast<int64_t>(std::min(std::max(std::nearbyint(v) + static_cast<float>(zy), lo), hi)));
    });
}

}  // namespace

std::vector<OpDecl> fused() {
    const AttrSpec trans{"transB", AttrKind::integer, int64_t{0}};
    return {
        {.domain = "hone", .name = "Conv", .min_inputs = 2, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
         .attributes = float_conv_attributes(), .infer = infer_conv, .reference = run_conv, .cost = cost_conv},
        {.domain = "hone", .name = "Gemm", .min_inputs = 2, .max_inputs = 4, .min_outputs = 1, .max_outputs = 1,
         .attributes = activation_attributes() + Attrs{trans, {"to", AttrKind::integer}}, .infer = infer_gemm, .reference = run_gemm,
         .cost = cost_gemm},
        {.domain = "hone", .name = "QConv", .min_inputs = 2, .max_inputs = 5, .min_outputs = 1, .max_outputs = 1,
         .attributes = conv_attributes() + activation_attributes() + quantised_attributes(), .infer = infer_conv,
         .reference = run_qconv, .cost = cost_conv, .tolerance = 0},
        {.domain = "hone", .name = "QGemm", .min_inputs = 2, .max_inputs = 5, .min_outputs = 1, .max_outputs = 1,
         .attributes = activation_attributes() + quantised_attributes() + Attrs{trans}, .infer = infer_gemm,
         .reference = run_qgemm, .cost = cost_gemm, .tolerance = 0},
        {.domain = "hone", .name = "Silu", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_silu, .reference = run_silu, .elementwise = true},
        {.domain = "hone", .name = "QAdd", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = activation_attributes() + Attrs{{"a_scale", AttrKind::real, std::nullopt, true}, {"b_scale", AttrKind::real, std::nullopt, true},
             {"a_zero_point", AttrKind::integer, int64_t{0}}, {"b_zero_point", AttrKind::integer, int64_t{0}},
             {"y_zero_point", AttrKind::integer, int64_t{0}}, {"to", AttrKind::integer, std::nullopt, true}},
         .infer = infer_qadd, .reference = run_qadd, .tolerance = 0},
    };
}

}  // namespace ops
}  // namespace hone
