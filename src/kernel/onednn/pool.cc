// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

Tag tag_of(size_t spatial, bool channels_last) {
    constexpr Tag kLast[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc}, kPlain[] = {Tag::ncw, Tag::nchw, Tag::ncdhw};
    return (channels_last ? kLast : kPlain)[spatial - 1];
}
dnnl::algorithm algorithm_of(PoolSpec::Kind kind) {
    switch (kind) {
        case PoolSpec::Kind::max: return dnnl::algorithm::pooling_max;
        case PoolSpec::Kind::average_include_pad: return dnnl::algorithm::pooling_avg_include_padding;
        case PoolSpec::Kind::average_exclude_pad: return dnnl::algorithm::pooling_avg_exclude_padding;
    }
    return dnnl::algorithm::undef;
}

std::unique_ptr<Kernel> build(const PoolSpec& s, bool gradient) {
    const size_t spatial = s.src_dims.size() - 2;
    Dims pads_end = s.pads_end, dilations = s.dilations;
    for (size_t i = 0; i < spatial; ++i) {
        const int64_t extent = (s.kernel[i] - 1) * s.dilations[i] + 1;
        const int64_t needed = (s.dst_dims[i + 2] - 1) * s.strides[i] + extent - s.src_dims[i + 2] - s.pads_begin[i];
        if (needed > pads_end[i]) {  // a window of ceil mode hangs over the padding
            if (s.kind == PoolSpec::Kind::average_include_pad) return nullptr;
            pads_end[i] = needed;
        }
        if (s.pads_begin[i] >= extent || pads_end[i] >= extent) return nullptr;
        --dilations[i];
    }
    const Tag tag = tag_of(spatial, s.channels_last);
    const memory::desc src(s.src_dims, data_type(s.type), tag), dst(s.dst_dims, data_type(s.type), tag);
    const auto prop = gradient ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const dnnl::pooling_v2_forward::desc desc(prop, algorithm_of(s.kind), src, dst, s.strides, s.kernel, dilations, s.pads_begin, pads_end);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const omp::Width width(s.threads);
    dnnl::pooling_v2_forward::primitive_desc pd(desc, attr, engine(), true);
    Parts parts;
    parts.src = src;
    parts.dst = dst;
    parts.threads = s.threads;
    if (!gradient) {
        if (!choose_implementation(pd, 0)) return nullptr;
        parts.descriptor = pd;
        parts.primitive = dnnl::pooling_v2_forward(pd);
        parts.scratch = pd.scratchpad_desc();
        return make_kernel(std::move(parts));
    }
    if (!pd.get(true)) return nullptr;
    const dnnl::pooling_v2_backward::desc back(algorithm_of(s.kind), src, dst, s.strides, s.kernel, dilations, s.pads_begin, pads_end);
    dnnl::pooling_v2_backward::primitive_desc back_pd(back, attr, engine(), pd, true);
    if (!choose_implementation(back_pd, 0)) return nullptr;
    parts.descriptor = back_pd;
    parts.primitive = dnnl::pooling_v2_backward(back_pd);
    std::swap(parts.src, parts.dst);
    parts.src_role = DNNL_ARG_DIFF_DST, parts.dst_role = DNNL_ARG_DIFF_SRC;
    parts.scratch = back_pd.scratchpad_desc();
    return make_kernel(std::move(parts));
}

void check(const PoolSpec& spec) {
    const size_t spatial = spec.src_dims.size() - 2;
    HONE_CHECK(spec.src_dims.size() >= 3 && spatial <= 3 && spec.dst_dims.size() == spatial + 2 &&
                   spec.kernel.size() == spatial && spec.strides.size() == spatial &&
                   spec.pads_begin.size() == spatial && spec.pads_end.size() == spatial &&
                   spec.dilations.size() == spatial,
               "pool of rank ", spec.src_dims.size());
}
}  // namespace

std::unique_ptr<Kernel> make_pool(const PoolSpec& spec) {
    check(spec);
    return guarded([&] { return build(spec, false); });
}
std::unique_ptr<Kernel> make_average_pool_gradient(const PoolSpec& spec) {
    check(spec);
    if (spec.kind == PoolSpec::Kind::max) return nullptr;
    return guarded([&] { return build(spec, true); });
}

}  // namespace hone::onednn
