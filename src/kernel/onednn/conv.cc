// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"
#include "base/error.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

Tag weight_tag(size_t spatial, bool grouped) {
    constexpr Tag kGrouped[] = {Tag::goiw, Tag::goihw, Tag::goidhw}, kDense[] = {Tag::oiw, Tag::oihw, Tag::oidhw};
    return (grouped ? kGrouped : kDense)[spatial - 1];
}
Dims grouped_dims(const ConvSpec& s) {
    if (s.groups == 1) return s.weight_dims;
    Dims d = s.weight_dims;
    d[0] /= s.groups;
    d.insert(d.begin(), s.groups);
    return d;
}
Dims minus_one(Dims d) {
    for (int64_t& v : d) --v;
    return d;
}

bool exact(const ConvSpec& s, const Numbers& numbers, const void* weights, const void* bias) {
    const bool depthwise = s.groups > 1 && s.weight_dims[1] == 1;
    if (depthwise && usable_isa() < Isa::avx512_vnni) return false;
    const int64_t channels = s.weight_dims[0], each = count_of(s.weight_dims) / channels;
    const auto* w = static_cast<const int8_t*>(weights);
    std::vector<ChannelSums> sums(static_cast<size_t>(channels));
    for (ChannelSums& sum : sums)
        for (int64_t i = 0; i < each; ++i) sum.add(*w++);
    return int8_is_exact(s.src, numbers, sums, static_cast<const int32_t*>(bias));
}

std::unique_ptr<Kernel> build(const ConvSpec& s, const void* weights, const void* bias) {
    const size_t spatial = s.src_dims.size() - 2;
    const bool grouped = s.groups > 1;
    const Numbers numbers{s.dst, s.epilogue, s.scales, s.src_zero_point, s.dst_zero_point};
    if (is_int8(s.src) && !s.packed.data && !exact(s, numbers, weights, bias)) return nullptr;

    const Dims weight_dims = grouped_dims(s);
    const memory::desc src(s.src_dims, data_type(s.src), activation_tag(spatial, s.channels_last));
    const memory::desc dst(s.dst_dims, data_type(s.dst), activation_tag(spatial, s.channels_last && !s.dst_plain));
    const memory::desc any(weight_dims, data_type(s.weights), Tag::any);
    const memory::desc plain(weight_dims, data_type(s.weights), weight_tag(spatial, grouped));
    const memory::desc bias_desc = bias ? memory::desc({s.weight_dims[0]}, data_type(s.bias), Tag::a) : memory::desc();
    const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
                                               src, any, bias_desc, dst, s.strides, minus_one(s.dilations),
                                               s.pads_begin, s.pads_end);
    const omp::Width width(s.threads);
    dnnl::convolution_forward::primitive_desc pd(desc, attributes(numbers, 1 << 1), engine(), true);
    // The SSE4.1 convolutions crash on channels-last sources; the AVX2 int8 ones saturate sums of two products.
    const bool vnni_int8 = is_int8(s.src) && usable_isa() >= Isa::avx512_vnni;
    const auto refuse = [&](const std::string& name) {
        return name.find("sse41") != std::string::npos || (vnni_int8 && name.find("avx2") != std::string::npos);
    };
    if (!choose_implementation(pd, s.variant, refuse)) return nullptr;
    return conv_kernel(s, pd, dnnl::convolution_forward(pd), src, dst, plain, weights, bias_desc, bias);
}
}  // namespace

std::unique_ptr<Kernel> make_conv(const ConvSpec& spec, const void* weights, const void* bias) {
    const size_t spatial = spec.src_dims.size() - 2;
    HONE_CHECK(spec.src_dims.size() >= 3 && spatial <= 3 && spec.weight_dims.size() == spatial + 2 &&
                   spec.dst_dims.size() == spatial + 2,
               "conv of rank ", spec.src_dims.size());
    HONE_CHECK(spec.strides.size() == spatial && spec.pads_begin.size() == spatial && spec.pads_end.size() == spatial &&
                   spec.dilations.size() == spatial,
               "a value per spatial axis");
    HONE_CHECK(
        !is_int8(spec.src) || spec.scales.size() == 1 || spec.scales.size() == static_cast<size_t>(spec.weight_dims[0]),
        spec.scales.size(), " scales");
    if (spec.bias == DType::undefined) bias = nullptr;
    return guarded([&] { return build(spec, weights, bias); });
}

}  // namespace hone::onednn
