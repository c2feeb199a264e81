// SPDX-License-Identifier: Apache-2.0
// hone.QConv and hone.QGemm by our own int8 kernels, exact for every weight: where oneDNN's cannot be proven to be.
#include "kernel/int8/int8.h"
#include "op/window.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

/// What convolutions and matrix products have in common; false where our kernels do not do it.
bool numbers(const LowerContext& c, int8::Spec& s) {
    using A = int8::Act;
    const OpContext op = c.op();
    const Tensor *w = c.constant(1), *m = c.constant(3);
    if (!w || !m || w->dtype() != DType::i8 || (c.given(2) && !c.constant(2)) || count_of(c.in(0)) == 0 || count_of(c.out()) == 0) return false;
    s.src = c.in_dtype(0);
    s.dst = c.out_dtype();
    const auto byte = [](DType t) { return t == DType::u8 || t == DType::i8; };
    if (!byte(s.src) || (!byte(s.dst) && s.dst != DType::f32)) return false;
    const std::string& act = op.text("activation");
    s.act = act == "Relu" ? A::relu : act == "Clip" ? A::clip : act == "LeakyRelu" ? A::leaky_relu : A::none;
    if (s.act == A::none && !act.empty()) return false;
    s.alpha = op.real("alpha");
    s.beta = op.real("beta");
    s.x_zero = static_cast<int>(op.integer("x_zero_point"));
    s.y_zero = static_cast<int>(op.integer("y_zero_point"));
    s.residual = c.given(4);
    s.residual_scale = op.real("residual_scale");
    return !s.residual || (c.in_dtype(4) == s.dst && c.in(4) == c.out());
}

struct Int8Step final : StepKernel {
    std::unique_ptr<int8::Kernel> kernel;
    bool residual = false;
    void run(const StepArgs& a) const override { kernel->run({a.in[0], a.out[0], residual ? a.in[4] : nullptr, a.scratch}); }
    size_t scratch_bytes() const override { return kernel->scratch_bytes(); }
    size_t packed_bytes() const override { return kernel->packed_bytes(); }
    std::string implementation() const override { return kernel->implementation(); }
};

void add(const LowerContext& c, const int8::Spec& s, LayoutRule layout, bool transposed, std::vector<Candidate>& list) {
    const Tensor weights = *c.constant(1), scales = *c.constant(3), bias = c.constant(2) ? *c.constant(2) : Tensor();
    Candidate k;
    k.name = "int8_madd";
    k.layout = layout;
    k.isa = Isa::avx2;
    if (s.residual) k.in_place = {4};
    k.packed = {1, 2, 3};
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        int8::Spec spec = s;
        spec.scales = scales.data<float>();
        spec.scale_count = scales.count();
        auto step = std::make_unique<Int8Step>();
        step->residual = s.residual;
        step->kernel = int8::make(spec, weights.data<int8_t>(), bias.defined() ? bias.data<int32_t>() : nullptr, transposed);
        if (!step->kernel) return nullptr;
        return step;
    };
    list.push_back(std::move(k));
}

}  // namespace

void int8_conv(const LowerContext& c, std::vector<Candidate>& list) {
    int8::Spec s;
    const Dims x = c.in(0), y = c.out();
    if (x.size() < 3 || x.size() > 4 || !numbers(c, s)) return;
    const OpContext op = c.op();
    const Tensor& w = *c.constant(1);
    const Window win = conv_window(op, x, w.dims());
    const size_t a = x.size() - 3;  // of the last axis; 1-D: pictures of one row
    s.n = x[0], s.in_channels = x[1], s.out_channels = y[1];
    s.groups = op.integer("group");
    s.w = x[a + 2], s.out_w = y[a + 2], s.kernel_w = w.dim(a + 2);
    s.stride_w = win.strides[a], s.dilation_w = win.dilations[a], s.pad_left = win.pads_begin[a];
    if (a == 1) {
        s.h = x[2], s.out_h = y[2], s.kernel_h = w.dim(2);
        s.stride_h = win.strides[0], s.dilation_h = win.dilations[0], s.pad_top = win.pads_begin[0];
    }
    if (s.pad_left < 0 || s.pad_top < 0) return;
    add(c, s, LayoutRule::channels_last, false, list);
}

void int8_gemm(const LowerContext& c, std::vector<Candidate>& list) {
    int8::Spec s;
    const Dims x = c.in(0);
    if (x.empty() || !numbers(c, s)) return;
    const bool transposed = c.op().integer("transB") == 0;
    const Tensor& w = *c.constant(1);
    s.in_channels = x.back();
    s.out_channels = w.dim(transposed ? 1 : 0);
    s.n = count_of(x) / s.in_channels;
    add(c, s, LayoutRule::plain, transposed, list);
}

}  // namespace hone::lower
