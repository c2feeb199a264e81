// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

/// As ONNX stores them, input channels first; oneDNN's logical order is g O I.
Tag weight_tag(size_t spatial, bool grouped) {
    constexpr Tag kGrouped[] = {Tag::acbd, Tag::acbde, Tag::acbdef}, kDense[] = {Tag::bac, Tag::bacd, Tag::bacde};
    return (grouped ? kGrouped : kDense)[spatial - 1];
}
Dims logical_dims(const ConvSpec& s) {
    Dims d = {s.weight_dims[1], s.weight_dims[0] / s.groups};
    d.insert(d.end(), s.weight_dims.begin() + 2, s.weight_dims.end());
    if (s.groups > 1) d.insert(d.begin(), s.groups);
    return d;
}

std::unique_ptr<Kernel> build(const ConvSpec& s, const void* weights, const void* bias) {
    const size_t spatial = s.src_dims.size() - 2;
    const Dims weight_dims = logical_dims(s);
    const memory::desc src(s.src_dims, data_type(s.src), activation_tag(spatial, s.channels_last));
    const memory::desc dst(s.dst_dims, data_type(s.dst), activation_tag(spatial, s.channels_last));
    const memory::desc any(weight_dims, data_type(s.weights), Tag::any);
    const memory::desc plain(weight_dims, data_type(s.weights), weight_tag(spatial, s.groups > 1));
    const memory::desc bias_desc = bias ? memory::desc({s.dst_dims[1]}, data_type(s.bias), Tag::a) : memory::desc();
    Dims dilations = s.dilations;
    for (int64_t& d : dilations) --d;
    const dnnl::deconvolution_forward::desc desc(dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct,
                                                 src, any, bias_desc, dst, s.strides, dilations, s.pads_begin, s.pads_end);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const omp::Width width(s.threads);
    dnnl::deconvolution_forward::primitive_desc pd(desc, attr, engine(), true);
    const auto refuse = [](const std::string& name) { return name.find("sse41") != std::string::npos; };
    if (!choose_implementation(pd, s.variant, refuse)) return nullptr;
    return conv_kernel(s, pd, dnnl::deconvolution_forward(pd), src, dst, plain, weights, bias_desc, bias);
}
}  // namespace

std::unique_ptr<Kernel> make_deconv(const ConvSpec& spec, const void* weights, const void* bias) {
    const size_t spatial = spec.src_dims.size() - 2;
    HONE_CHECK(spec.src_dims.size() >= 3 && spatial <= 3 && spec.weight_dims.size() == spatial + 2 &&
                   spec.dst_dims.size() == spatial + 2 && spec.strides.size() == spatial && spec.pads_begin.size() == spatial &&
                   spec.pads_end.size() == spatial && spec.dilations.size() == spatial && is_float(spec.src),
               "deconv of rank ", spec.src_dims.size());
    if (spec.bias == DType::undefined) bias = nullptr;
    return guarded([&] { return build(spec, weights, bias); });
}

}  // namespace hone::onednn
