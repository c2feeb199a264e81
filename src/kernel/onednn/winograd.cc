// SPDX-License-Identifier: Apache-2.0
// Winograd's minimal filtering F(4x4, 3x3) by oneDNN, which has it for blocked activations only: they are reordered on
// the way in and out. (Lavin, Gray: Fast Algorithms for Convolutional Neural Networks, 2016.)
#include "base/cpu.h"
#include "base/error.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

class WinogradKernel final : public Kernel {
  public:
    WinogradKernel(std::unique_ptr<Kernel> in, std::unique_ptr<Kernel> residual, std::unique_ptr<Kernel> conv, std::unique_ptr<Kernel> out,
                   size_t src_bytes, size_t dst_bytes)
        : in_(std::move(in)), residual_(std::move(residual)), conv_(std::move(conv)), out_(std::move(out)), dst_at_(aligned(src_bytes)),
          rest_at_(dst_at_ + aligned(dst_bytes)) {}

    void run(const Arguments& a) const override {
        char* scratch = static_cast<char*>(a.scratch);
        void *src = scratch, *dst = scratch + dst_at_, *rest = scratch + rest_at_;
        in_->run({.src = a.src, .dst = src, .scratch = rest});
        if (residual_) residual_->run({.src = a.residual, .dst = dst, .scratch = rest});
        conv_->run({.src = src, .dst = dst, .residual = dst, .scratch = rest});
        out_->run({.src = dst, .dst = a.dst, .scratch = rest});
    }
    size_t scratch_bytes() const override {
        size_t most = std::max({in_->scratch_bytes(), conv_->scratch_bytes(), out_->scratch_bytes()});
        if (residual_) most = std::max(most, residual_->scratch_bytes());
        return rest_at_ + aligned(most);
    }
    size_t packed_bytes() const override { return conv_->packed_bytes(); }
    PackedWeights packed_weights() const override { return conv_->packed_weights(); }
    std::string implementation() const override { return conv_->implementation(); }

  private:
    std::unique_ptr<Kernel> in_, residual_, conv_, out_;
    size_t dst_at_, rest_at_;
};

bool all_are(const Dims& d, int64_t v) {
    return std::all_of(d.begin(), d.end(), [v](int64_t x) { return x == v; });
}

std::unique_ptr<Kernel> build(const ConvSpec& s, const void* weights, const void* bias) {
    const bool fits = s.src == DType::f32 && s.dst == DType::f32 && s.src_dims.size() == 4 && s.groups == 1 && s.channels_last &&
                      !s.dst_plain && s.weight_dims[2] == 3 && s.weight_dims[3] == 3 && all_are(s.strides, 1) && all_are(s.dilations, 1);
    if (!fits) return nullptr;
    constexpr auto f32 = memory::data_type::f32;
    const memory::desc src(s.src_dims, f32, Tag::nChw16c), dst(s.dst_dims, f32, Tag::nChw16c);
    const memory::desc any(s.weight_dims, f32, Tag::any), plain(s.weight_dims, f32, Tag::oihw);
    const memory::desc bias_desc = bias ? memory::desc({s.weight_dims[0]}, data_type(s.bias), Tag::a) : memory::desc();
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_winograd, src, any,
                                               bias_desc, dst, s.strides, {0, 0}, s.pads_begin, s.pads_end);
    const omp::Width width(s.threads);
    dnnl::convolution_forward::primitive_desc pd(desc, attributes({s.dst, s.epilogue, s.scales, 0, 0}, 1 << 1), engine(), true);
    if (!choose_implementation(pd, s.variant, [](const std::string& name) { return name.find("wino") == std::string::npos; })) return nullptr;
    std::unique_ptr<Kernel> conv = conv_kernel(s, pd, dnnl::convolution_forward(pd), src, dst, plain, weights, bias_desc, bias);
    if (!conv) return nullptr;
    const memory::desc src_last(s.src_dims, f32, Tag::nhwc), dst_last(s.dst_dims, f32, Tag::nhwc);
    return std::make_unique<WinogradKernel>(make_reorder(src_last, src, s.threads),
                                            s.epilogue.residual ? make_reorder(dst_last, dst, s.threads) : nullptr, std::move(conv),
                                            make_reorder(dst, dst_last, s.threads), src.get_size(), dst.get_size());
}
}  // namespace

std::unique_ptr<Kernel> make_winograd(const ConvSpec& spec, const void* weights, const void* bias) {
    if (spec.bias == DType::undefined) bias = nullptr;
    return guarded([&] { return build(spec, weights, bias); });
}

}  // namespace hone::onednn
