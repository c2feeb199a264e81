// SPDX-License-Identifier: Apache-2.0
#include "plan/onednn_step.h"

#include <algorithm>
#include <map>

#include "kernel/vector/vector.h"
#include "op/window.h"

namespace hone {

std::unique_ptr<StepKernel> onednn_step(std::unique_ptr<onednn::Kernel> k, int residual, int weights, int bias) {
    struct OneDnnStep final : StepKernel {
        std::unique_ptr<onednn::Kernel> k;
        int residual, weights, bias;
        OneDnnStep(std::unique_ptr<onednn::Kernel> kernel, int r, int w, int b) : k(std::move(kernel)), residual(r), weights(w), bias(b) {}
        void run(const StepArgs& a) const override {
            k->run({.src = a.in[0], .dst = a.out[0], .residual = residual < 0 ? nullptr : a.in[residual], .scratch = a.scratch,
                    .weights = weights < 0 ? nullptr : a.in[weights], .bias = bias < 0 ? nullptr : a.in[bias]});
        }
        size_t scratch_bytes() const override { return k->scratch_bytes(); }
        size_t packed_bytes() const override { return k->packed_bytes(); }
        Packed packed() const override {
            const onednn::PackedWeights w = k->packed_weights();
            return {w.data, w.bytes, nullptr, 1};
        }
        std::string implementation() const override { return "onednn " + k->implementation(); }
    };
    if (!k) return nullptr;
    return std::make_unique<OneDnnStep>(std::move(k), residual, weights, bias);
}

void onednn_window(const OpContext& op, const Dims& x, const Dims& w, const Dims& y, onednn::ConvSpec& s) {
    const Window win = conv_window(op, x, w);
    s.src_dims = x;
    s.weight_dims = w;
    s.dst_dims = y;
    s.groups = static_cast<int>(op.integer("group"));
    s.strides = win.strides;
    s.pads_begin = win.pads_begin;
    s.pads_end = win.pads_end;
    for (size_t a = 0; a < win.axes(); ++a) {  // the pad that the output really reads (ceil and odd strides)
        const int64_t reads = (win.out[a] - 1) * win.strides[a] + win.extent(a);
        s.pads_end[a] = reads - x[a + 2] - win.pads_begin[a];
    }
    s.dilations = win.dilations;
}

bool onednn_epilogue(const OpContext& op, bool residual, onednn::Epilogue& e) {
    static const std::map<std::string, onednn::Act> acts = {
        {"", onednn::Act::none}, {"Relu", onednn::Act::relu}, {"Clip", onednn::Act::clip}, {"Sigmoid", onednn::Act::sigmoid},
        {"Tanh", onednn::Act::tanh}, {"Silu", onednn::Act::swish}, {"HardSwish", onednn::Act::hardswish},
        {"Gelu", onednn::Act::gelu_erf}, {"LeakyRelu", onednn::Act::leaky_relu}};
    const auto it = acts.find(op.text("activation"));
    if (it == acts.end()) return false;
    e.act = it->second;
    e.alpha = op.real("alpha");
    e.beta = op.real("beta");
    e.residual = residual;
    return true;
}

CurvedActivation take_curved(onednn::Epilogue& e, DType dst, int64_t count) {
    static const std::map<onednn::Act, vec::Unary> curved = {{onednn::Act::sigmoid, vec::Unary::sigmoid}, {onednn::Act::tanh, vec::Unary::tanh},
                                                             {onednn::Act::swish, vec::Unary::silu}, {onednn::Act::gelu_erf, vec::Unary::gelu}};
    const auto it = curved.find(e.act);
    if (it == curved.end() || (dst != DType::f32 && dst != DType::bf16)) return {};
    e.act = onednn::Act::none;
    return {it->second, dst, count};
}

namespace {
constexpr int64_t kGrain = 8192;

void apply_bf16(vec::Unary op, uint16_t* y, int64_t n) {
    constexpr int64_t kBlock = 512;
    float f[kBlock];
    const vec::Table& t = vec::table();
    for (int64_t i = 0; i < n; i += kBlock) {
        const int64_t m = std::min(kBlock, n - i);
        t.bf16_to_f32(y + i, f, m);
        t.unary[static_cast<int>(op)](f, f, m, 0, 0);
        t.f32_to_bf16(f, y + i, m);
    }
}
}  // namespace

std::unique_ptr<StepKernel> then_activation(std::unique_ptr<StepKernel> k, const CurvedActivation& a) {
    struct Then final : StepKernel {
        std::unique_ptr<StepKernel> k;
        CurvedActivation act;
        Then(std::unique_ptr<StepKernel> kernel, const CurvedActivation& a) : k(std::move(kernel)), act(a) {}
        void run(const StepArgs& a) const override {
            k->run(a);
            parallel_ranges(act.count, kGrain, [&](int64_t b, int64_t e) {
                if (act.type == DType::bf16) return apply_bf16(act.op, out<uint16_t>(a) + b, e - b);
                vec::table().unary[static_cast<int>(act.op)](out<float>(a) + b, out<float>(a) + b, e - b, 0, 0);
            });
        }
        size_t scratch_bytes() const override { return k->scratch_bytes(); }
        size_t packed_bytes() const override { return k->packed_bytes(); }
        Packed packed() const override { return k->packed(); }
        std::string implementation() const override { return k->implementation() + " + vector"; }
    };
    if (!k || a.op == vec::Unary::count) return k;
    return std::make_unique<Then>(std::move(k), a);
}

}  // namespace hone
