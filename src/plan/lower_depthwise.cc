// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions, channels last, by our own kernels.
#include "kernel/depthwise/depthwise.h"
#include "op/window.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {
constexpr int64_t kGrainMacs = 50000;  // of a chunk: 1 to 2 us, the least that is worth a second thread

std::optional<depthwise::Geometry> geometry_of(const LowerContext& c, const Window& win) {
    const Dims x = c.in(0), y = c.out(), w = c.constant(1)->dims();
    if (x.size() != 4 || w[1] != 1 || w[0] != x[1] || c.op().integer("group") != x[1] || x[1] < 2) return std::nullopt;
    depthwise::Geometry g;
    g.n = x[0], g.c = x[1], g.h = x[2], g.w = x[3], g.out_h = y[2], g.out_w = y[3];
    g.kernel_h = w[2], g.kernel_w = w[3];
    g.stride_h = win.strides[0], g.stride_w = win.strides[1];
    g.dilation_h = win.dilations[0], g.dilation_w = win.dilations[1];
    g.pad_top = win.pads_begin[0], g.pad_left = win.pads_begin[1];
    return g;
}

std::optional<depthwise::Act> act_of(const std::string& name, bool int8) {
    using A = depthwise::Act;
    if (name.empty()) return A::none;
    if (name == "Relu") return A::relu;
    if (name == "Clip") return A::clip;
    if (name == "Silu" && !int8) return A::silu;
    return std::nullopt;
}
}  // namespace

void depthwise_conv(const LowerContext& c, std::vector<Candidate>& list) {
    const bool fused = c.node.domain == "hone", int8 = c.node.op == "QConv";
    const Tensor* w = c.constant(1);
    const Tensor* b = c.constant(2);
    const DType type = int8 ? DType::u8 : DType::f32;
    if (!w || (c.given(2) && !b) || w->rank() != 4 || c.in_dtype(0) != type || (c.out_dtype() != type && c.out_dtype() != DType::f32) || w->dtype() != (int8 ? DType::i8 : DType::f32)) return;
    if (count_of(c.in(0)) == 0 || count_of(c.out()) == 0 || (fused && c.given(int8 ? 4 : 3))) return;
    const OpContext op = c.op();
    const auto g = geometry_of(c, conv_window(op, c.in(0), w->dims()));
    const auto act = act_of(fused ? op.text("activation") : "", int8);
    if (!g || !act) return;
    const float alpha = fused ? op.real("alpha") : 0, beta = fused ? op.real("beta") : 0;
    depthwise::Numbers n;
    Tensor scales;
    if (int8) {
        if (!c.constant(3)) return;
        scales = *c.constant(3);
        n = {nullptr, scales.count(), static_cast<int>(op.integer("x_zero_point")), static_cast<int>(op.integer("y_zero_point")), *act, alpha, beta, c.out_dtype() == DType::f32};
    }
    const Tensor weights = *w, bias = b ? *b : Tensor();
    Candidate k;
    k.name = "depthwise";
    k.layout = LayoutRule::channels_last;
    k.isa = Isa::avx2;
    k.packed = int8 ? std::vector<int>{1, 2, 3} : std::vector<int>{1, 2};
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        std::shared_ptr<depthwise::Kernel> kernel;
        if (int8) {
            depthwise::Numbers numbers = n;
            numbers.scales = scales.data<float>();
            kernel = depthwise::make_u8(*g, weights.data<int8_t>(), bias.defined() ? bias.data<int32_t>() : nullptr, numbers);
        } else {
            kernel = depthwise::make_f32(*g, weights.data<float>(), bias.defined() ? bias.data<float>() : nullptr, *act, alpha, beta);
        }
        if (!kernel) return nullptr;
        struct Depthwise final : StepKernel {
            std::shared_ptr<depthwise::Kernel> kernel;
            int64_t rows, grain;
            void run(const StepArgs& a) const override {
                parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) { kernel->run(a.in[0], a.out[0], begin, end); });
            }
            size_t packed_bytes() const override { return kernel->packed_bytes(); }
            std::string implementation() const override { return kernel->implementation(); }
        };
        auto step = std::make_unique<Depthwise>();
        step->kernel = std::move(kernel);
        step->rows = g->rows();
        step->grain = std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, g->out_w * g->c * g->kernel_h * g->kernel_w));
        return step;
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
