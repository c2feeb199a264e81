// SPDX-License-Identifier: Apache-2.0
// Convolutions by our depthwise kernels and by oneDNN: fp32, bf16 and int8, channels last first, plain where that has no fast kernel.
#include <algorithm>

#include "kernel/onednn/onednn.h"
#include "op/window.h"
#include "plan/lower.h"
#include "plan/onednn_step.h"

namespace hone::lower {

namespace {
void onednn_conv(const LowerContext& c, std::vector<Candidate>& list) {
    const bool fused = c.node.domain == "hone", int8 = c.node.op == "QConv";
    const Tensor* w = c.constant(1);
    const Tensor* b = c.constant(2);
    if (!w || (c.given(2) && !b) || w->rank() < 3 || w->rank() > 5 || count_of(c.in(0)) == 0 || count_of(c.out()) == 0) return;
    const OpContext op = c.op();
    onednn::ConvSpec s;
    s.src = c.in_dtype(0);
    s.weights = w->dtype();
    s.dst = c.out_dtype();
    const bool floats = (s.src == DType::f32 && s.weights == DType::f32) || (s.src == DType::bf16 && s.weights == DType::bf16);
    if (!floats && !int8) return;
    Tensor bias;
    if (b) bias = int8 ? *b : b->cast(DType::f32);
    s.bias = bias.defined() ? bias.dtype() : DType::undefined;
    onednn_window(op, c.in(0), w->dims(), c.out(), s);
    s.threads = c.threads;
    s.variant = c.variant;
    s.packed = onednn_packed(c.packed);
    const size_t residual = int8 ? 4 : 3;
    if (fused && !onednn_epilogue(op, c.given(residual), s.epilogue)) return;
    if (int8) {
        const Tensor* m = c.constant(3);
        if (!m) return;
        s.scales.assign(m->data<float>(), m->data<float>() + m->count());
        s.src_zero_point = static_cast<int>(op.integer("x_zero_point"));
        s.dst_zero_point = static_cast<int>(op.integer("y_zero_point"));
        s.epilogue.residual_scale = op.real("residual_scale");
    }
    if (fused && c.given(residual) && c.in_dtype(residual) != s.dst) return;
    const CurvedActivation curved = take_curved(s.epilogue, s.dst, count_of(s.dst_dims));
    const Tensor weights = *w;
    const int r = fused && c.given(residual) ? static_cast<int>(residual) : -1;
    for (bool last : {true, false}) {
        s.channels_last = last;
        Candidate k;
        k.name = "onednn_conv";
        k.layout = last ? LayoutRule::channels_last : LayoutRule::plain;
        if (r >= 0) k.in_place = {r};
        k.variants = 4;
        k.packed = {1, 2, 3};
        if (!int8) k.packed = {1, 2};
        k.isa = Isa::avx2;
        k.make = [s, weights, bias, r, curved](Layout) -> std::unique_ptr<StepKernel> {
            return then_activation(onednn_step(onednn::make_conv(s, weights.raw(), bias.defined() ? bias.raw() : nullptr), r), curved);
        };
        list.push_back(std::move(k));
    }
    s.channels_last = true;
    Candidate k;
    k.name = "onednn_winograd";
    k.variants = 2;  // F(2x2) and F(4x4)
    k.layout = LayoutRule::channels_last;
    if (r >= 0) k.in_place = {r};
    k.packed = {1, 2};
    k.isa = Isa::avx512;
    k.measured_only = true;
    k.make = [s, weights, bias, r, curved](Layout) {
        return then_activation(onednn_step(onednn::make_winograd(s, weights.raw(), bias.defined() ? bias.raw() : nullptr), r), curved);
    };
    list.push_back(std::move(k));
}

}  // namespace

void deconv(const LowerContext& c, std::vector<Candidate>& list) {
    const Tensor *w = c.constant(1), *b = c.constant(2);
    if (!w && !c.given(2)) return conv_pass(c, list);
    if (!w || (c.given(2) && !b) || w->rank() < 3 || w->rank() > 5 || count_of(c.in(0)) == 0 || count_of(c.out()) == 0) return;
    const OpContext op = c.op();
    const Window win = conv_transpose_window(op, c.in(0), w->dims());
    onednn::ConvSpec s;
    if (c.in_dtype(0) != DType::f32 || w->dtype() != DType::f32) return;
    s.bias = b ? DType::f32 : DType::undefined;
    s.src_dims = c.in(0);
    s.weight_dims = w->dims();
    s.dst_dims = c.out();
    s.groups = static_cast<int>(op.integer("group"));
    s.strides = win.strides;
    s.pads_begin = s.pads_end = win.pads_begin;
    for (size_t a = 0; a < win.axes(); ++a) {
        s.pads_end[a] = (s.src_dims[a + 2] - 1) * win.strides[a] + win.extent(a) - win.pads_begin[a] - win.out[a];
        if (s.pads_begin[a] < 0 || s.pads_end[a] < 0) return;  // output_padding that no tap reaches
    }
    s.dilations = win.dilations;
    s.threads = c.threads;
    s.variant = c.variant;
    s.packed = onednn_packed(c.packed);
    const Tensor weights = *w, bias = b ? b->cast(DType::f32) : Tensor();
    for (bool last : {true, false}) {
        s.channels_last = last;
        Candidate k;
        k.name = "onednn_deconv";
        k.layout = last ? LayoutRule::channels_last : LayoutRule::plain;
        k.packed = {1, 2};
        k.isa = Isa::avx2;
        k.make = [s, weights, bias](Layout) -> std::unique_ptr<StepKernel> {
            return onednn_step(onednn::make_deconv(s, weights.raw(), bias.defined() ? bias.raw() : nullptr));
        };
        list.push_back(std::move(k));
    }
}

void conv(const LowerContext& c, std::vector<Candidate>& list) {
    if (!c.constant(1) || (c.node.domain.empty() && c.given(2) && !c.constant(2))) return conv_pass(c, list);
    const bool first = c.variant == 0, int8 = c.node.op == "QConv";
    if (first && int8) depthwise_conv(c, list);
    onednn_conv(c, list);
    if (first && !int8) depthwise_conv(c, list);  // measured behind oneDNN's on AVX-512, at times before it on AVX2
    if (first && int8) int8_conv(c, list);
}

}  // namespace hone::lower
