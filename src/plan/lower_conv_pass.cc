// SPDX-License-Identifier: Apache-2.0
// Convolutions of a training step by oneDNN in f32 or bf16: forward with weights that are computed, and both gradients. A
// transposed convolution of computed weights is the gradient of an input.
#include "op/window.h"
#include "plan/onednn_step.h"

namespace hone::lower {

namespace {
/// Of the convolution whose input's gradient the transposed one computes; false when none has such pads.
bool adjoint_window(const LowerContext& c, onednn::ConvSpec& s) {
    const OpContext op = c.op();
    const Window win = conv_transpose_window(op, c.in(0), c.in(1));
    s.src_dims = c.out();
    s.weight_dims = c.in(1);
    s.dst_dims = c.in(0);
    s.groups = static_cast<int>(op.integer("group"));
    s.strides = win.strides;
    s.dilations = win.dilations;
    s.pads_begin = s.pads_end = win.pads_begin;
    for (size_t a = 0; a < win.axes(); ++a) {
        s.pads_end[a] = (s.dst_dims[a + 2] - 1) * win.strides[a] + win.extent(a) - win.pads_begin[a] - win.out[a];
        if (s.pads_begin[a] < 0 || s.pads_end[a] < 0) return false;
    }
    return true;
}
}  // namespace

void conv_pass(const LowerContext& c, std::vector<Candidate>& list) {
    using Pass = onednn::ConvPass;
    const bool forward = c.node.domain.empty() && c.node.op == "Conv";
    const bool transposed = c.node.op == "ConvTranspose";
    if (!forward && !transposed && c.node.op != "ConvGradInput" && c.node.op != "ConvGradWeight") return;
    const Pass pass = forward ? Pass::forward : c.node.op == "ConvGradWeight" ? Pass::weight_gradient : Pass::input_gradient;
    const Dims a = c.in(0), b = c.in(1), out = c.out();
    if (a.size() < 3 || a.size() > 5 || count_of(a) == 0 || count_of(b) == 0 || count_of(out) == 0) return;
    const DType type = c.in_dtype(0);
    for (size_t i = 0; i < c.node.inputs.size(); ++i)
        if (c.given(i) && c.in_dtype(i) != type) return;
    if (type != DType::f32 && type != DType::bf16) return;
    if (c.out_dtype() != type && (pass != Pass::weight_gradient || c.out_dtype() != DType::f32)) return;
    onednn::ConvSpec s;
    s.src = s.weights = s.dst = type;
    if (pass == Pass::weight_gradient) s.weights = c.out_dtype();
    if (transposed && !adjoint_window(c, s)) return;
    if (!transposed)
        onednn_window(c.op(), pass == Pass::input_gradient ? out : a, pass == Pass::weight_gradient ? out : b,
                      pass == Pass::forward ? out : pass == Pass::input_gradient ? a : b, s);
    const int bias = forward && c.given(2) ? 2 : -1;
    if (bias >= 0) s.bias = type;
    s.threads = c.threads;
    s.variant = c.variant;
    const auto offer = [&](const char* name, bool last, auto make) {
        Candidate k;
        k.name = name;
        k.layout = last ? LayoutRule::channels_last : LayoutRule::plain;
        (pass == Pass::weight_gradient ? k.plain_out : k.plain_in) = {pass == Pass::weight_gradient ? 0 : 1};
        k.variants = 4;
        k.isa = Isa::avx2;
        k.make = [=](Layout) { return onednn_step(make(), -1, 1, bias); };
        list.push_back(std::move(k));
    };
    for (bool blocked : {false, true})
        for (bool last : {true, false}) {
            s.channels_last = last;
            offer(blocked ? "onednn_conv_pass_blocked" : "onednn_conv_pass", last, [s, pass, blocked] { return onednn::make_conv_pass(pass, s, blocked); });
        }
    if (pass == Pass::input_gradient) {
        s.channels_last = true;  // no faster in fp32 on AVX-512 than the gradient's own kernels, so for the tuner to find
        offer("onednn_conv_rotated", true, [s] { return onednn::make_conv_rotated(s); });
    }
}

}  // namespace hone::lower
