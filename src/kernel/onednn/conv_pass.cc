// SPDX-License-Identifier: Apache-2.0
// Convolutions of a training step: forward, gradient of the input, gradient of the weights, with every operand given at
// run time. oneDNN wants weights in layouts of its own: they are reordered in the step's scratch.
#include <algorithm>

#include "base/error.h"
#include "base/thread_pool.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

/// A kernel between reorders of those of its operands that lie otherwise.
class Reordered final : public Kernel {
  public:
    struct Operand {
        std::unique_ptr<Kernel> reorder;  ///< null: as it is
        size_t bytes = 0;
    };
    Reordered(std::unique_ptr<Kernel> core, Operand src, Operand weights, Operand dst)
        : core_(std::move(core)), src_(std::move(src)), weights_(std::move(weights)), dst_(std::move(dst)) {
        weights_at_ = src_.reorder ? aligned(src_.bytes) : 0;
        dst_at_ = weights_at_ + (weights_.reorder ? aligned(weights_.bytes) : 0);
        rest_at_ = dst_at_ + (dst_.reorder ? aligned(dst_.bytes) : 0);
    }
    void run(const Arguments& a) const override {
        char* scratch = static_cast<char*>(a.scratch);
        void* rest = scratch + rest_at_;
        Arguments inner = a;
        inner.scratch = rest;
        if (src_.reorder) src_.reorder->run({.src = a.src, .dst = scratch, .scratch = rest}), inner.src = scratch;
        if (weights_.reorder) {
            inner.weights = scratch + weights_at_;
            weights_.reorder->run({.src = a.weights, .dst = scratch + weights_at_, .scratch = rest});
        }
        if (dst_.reorder) inner.dst = scratch + dst_at_;
        core_->run(inner);
        if (dst_.reorder) dst_.reorder->run({.src = inner.dst, .dst = a.dst, .scratch = rest});
    }
    size_t scratch_bytes() const override {
        size_t most = core_->scratch_bytes();
        for (const Operand* o : {&src_, &weights_, &dst_})
            if (o->reorder) most = std::max(most, o->reorder->scratch_bytes());
        return rest_at_ + aligned(most);
    }
    size_t packed_bytes() const override { return 0; }
    PackedWeights packed_weights() const override { return {}; }
    std::string implementation() const override { return core_->implementation() + (src_.reorder ? ", blocked" : ""); }

  private:
    std::unique_ptr<Kernel> core_;
    Operand src_, weights_, dst_;
    size_t weights_at_, dst_at_, rest_at_;
};

/// Turns the weights around in scratch, then convolves.
class Rotated final : public Kernel {
  public:
    Rotated(std::unique_ptr<Kernel> core, const ConvSpec& s)
        : core_(std::move(core)), groups_(s.groups), out_(s.weight_dims[0] / s.groups), in_(s.weight_dims[1]),
          taps_(count_of(Dims(s.weight_dims.begin() + 2, s.weight_dims.end()))), type_(s.weights), threads_(s.threads) {}
    void run(const Arguments& a) const override {
        type_ == DType::f32 ? turn<uint32_t>(a) : turn<uint16_t>(a);
        core_->run({.src = a.src, .dst = a.dst, .scratch = static_cast<char*>(a.scratch) + turned_bytes(), .weights = a.scratch});
    }
    size_t scratch_bytes() const override { return turned_bytes() + core_->scratch_bytes(); }
    size_t packed_bytes() const override { return 0; }
    PackedWeights packed_weights() const override { return {}; }
    std::string implementation() const override { return core_->implementation() + ", rotated"; }

  private:
    size_t turned_bytes() const { return aligned(static_cast<size_t>(groups_ * in_ * out_ * taps_) * dtype_size(type_)); }
    template <class T>
    void turn(const Arguments& a) const {
        const auto* w = static_cast<const T*>(a.weights);
        auto* turned = static_cast<T*>(a.scratch);
        const auto rows = [&](int64_t begin, int64_t end) {  // g O I k -> g I O k
            for (int64_t r = begin; r < end; ++r)
                for (int64_t o = 0; o < out_; ++o) {
                    const T* from = w + ((r / in_ * out_ + o) * in_ + r % in_) * taps_;
                    std::reverse_copy(from, from + taps_, turned + (r * out_ + o) * taps_);
                }
        };
        const int64_t all = groups_ * in_, chunks = threads_ > 1 ? std::min<int64_t>(all, 16) : 1;
        if (chunks > 1) ThreadPool::current()->run(static_cast<int>(chunks), [&](int i) { rows(all * i / chunks, all * (i + 1) / chunks); });
        else rows(0, all);
    }
    std::unique_ptr<Kernel> core_;
    int64_t groups_, out_, in_, taps_;
    DType type_;
    int threads_;
};

/// Of the convolution, whichever pass it is.
struct Operands {
    memory::desc x, w, y;
};

Tag weight_tag(size_t spatial, bool grouped) {
    constexpr Tag kGrouped[] = {Tag::goiw, Tag::goihw, Tag::goidhw}, kDense[] = {Tag::oiw, Tag::oihw, Tag::oidhw};
    return (grouped ? kGrouped : kDense)[spatial - 1];
}
memory::desc any(const memory::desc& d) { return memory::desc(d.dims(), d.data_type(), Tag::any); }

std::unique_ptr<Kernel> build(ConvPass pass, const ConvSpec& s, bool blocked) {
    const size_t spatial = s.src_dims.size() - 2;
    Dims weight_dims = s.weight_dims, dilations = s.dilations;
    if (s.groups > 1) weight_dims[0] /= s.groups, weight_dims.insert(weight_dims.begin(), s.groups);
    for (int64_t& d : dilations) --d;
    const Tag tag = activation_tag(spatial, s.channels_last);
    const Operands given{{s.src_dims, data_type(s.src), tag},
                         {weight_dims, data_type(s.weights), weight_tag(spatial, s.groups > 1)},
                         {s.dst_dims, data_type(s.dst), tag}};
    const memory::desc x = blocked ? any(given.x) : given.x, y = blocked ? any(given.y) : given.y, w = any(given.w);
    const bool bias = pass == ConvPass::forward && s.bias != DType::undefined;
    const memory::desc bias_desc = bias ? memory::desc({s.weight_dims[0]}, data_type(s.bias), Tag::a) : memory::desc();
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto direct = dnnl::algorithm::convolution_direct;
    const omp::Width width(s.threads);
    const memory::desc hint_w(w.dims(), data_type(s.src), Tag::any);  // a forward convolution takes no f32 weights beside bf16
    const dnnl::convolution_forward::desc forward(dnnl::prop_kind::forward_training, direct, x, hint_w, bias_desc, y, s.strides, dilations, s.pads_begin, s.pads_end);
    dnnl::convolution_forward::primitive_desc hint(forward, attr, engine(), true);
    if (!hint.get(true)) return nullptr;
    const auto refuse = [](const std::string& name) { return name.find("sse41") != std::string::npos; };

    Parts parts;
    memory::desc src = given.x, weights = given.w, dst = given.y;
    if (pass == ConvPass::forward) {
        if (!choose_implementation(hint, s.variant, refuse)) return nullptr;
        parts.descriptor = hint, parts.primitive = dnnl::convolution_forward(hint);
        parts.src = hint.src_desc(), parts.weights = hint.weights_desc(), parts.dst = hint.dst_desc(), parts.bias = bias_desc;
        parts.scratch = hint.scratchpad_desc();
    } else if (pass == ConvPass::input_gradient) {
        const dnnl::convolution_backward_data::desc desc(direct, x, w, y, s.strides, dilations, s.pads_begin, s.pads_end);
        dnnl::convolution_backward_data::primitive_desc pd(desc, attr, engine(), hint, true);
        if (!choose_implementation(pd, s.variant, refuse)) return nullptr;
        parts.descriptor = pd, parts.primitive = dnnl::convolution_backward_data(pd);
        parts.src = pd.diff_dst_desc(), parts.weights = pd.weights_desc(), parts.dst = pd.diff_src_desc();
        parts.src_role = DNNL_ARG_DIFF_DST, parts.dst_role = DNNL_ARG_DIFF_SRC;
        parts.scratch = pd.scratchpad_desc();
        src = given.y, dst = given.x;
    } else {
        const dnnl::convolution_backward_weights::desc desc(direct, x, w, y, s.strides, dilations, s.pads_begin, s.pads_end);
        dnnl::convolution_backward_weights::primitive_desc pd(desc, attr, engine(), hint, true);
        if (!choose_implementation(pd, s.variant, refuse)) return nullptr;
        parts.descriptor = pd, parts.primitive = dnnl::convolution_backward_weights(pd);
        parts.src = pd.src_desc(), parts.weights = pd.diff_dst_desc(), parts.dst = pd.diff_weights_desc();
        parts.weights_role = DNNL_ARG_DIFF_DST, parts.dst_role = DNNL_ARG_DIFF_WEIGHTS;
        parts.scratch = pd.scratchpad_desc();
        weights = given.y, dst = given.w;
    }
    parts.threads = s.threads;
    const auto reorder = [&](const memory::desc& from, const memory::desc& to) -> Reordered::Operand {
        if (from == to) return {};
        return {make_reorder(from, to, s.threads), (&to == &dst ? from : to).get_size()};
    };
    Reordered::Operand in = reorder(src, parts.src), by = reorder(weights, parts.weights), out = reorder(parts.dst, dst);
    std::unique_ptr<Kernel> core = make_kernel(std::move(parts));
    if (!in.reorder && !by.reorder && !out.reorder) return core;
    return std::make_unique<Reordered>(std::move(core), std::move(in), std::move(by), std::move(out));
}
}  // namespace

std::unique_ptr<Kernel> make_conv_pass(ConvPass pass, const ConvSpec& spec, bool blocked) {
    const size_t spatial = spec.src_dims.size() - 2;
    HONE_CHECK(spec.src_dims.size() >= 3 && spatial <= 3 && spec.weight_dims.size() == spatial + 2 && spec.dst_dims.size() == spatial + 2 &&
                   spec.strides.size() == spatial && spec.pads_begin.size() == spatial && spec.pads_end.size() == spatial &&
                   spec.dilations.size() == spatial && is_float(spec.src) && is_float(spec.weights) && is_float(spec.dst),
               "conv of rank ", spec.src_dims.size());
    return guarded([&] { return build(pass, spec, blocked); });
}

std::unique_ptr<Kernel> make_conv_rotated(const ConvSpec& s) {
    ConvSpec back = s;
    back.bias = DType::undefined;
    std::swap(back.src_dims, back.dst_dims);
    std::swap(back.src, back.dst);
    back.weight_dims[0] = s.weight_dims[1] * s.groups;
    back.weight_dims[1] = s.weight_dims[0] / s.groups;
    for (size_t a = 0; a < s.strides.size(); ++a) {
        const int64_t reach = (s.weight_dims[a + 2] - 1) * s.dilations[a];
        back.pads_begin[a] = reach - s.pads_begin[a];
        back.pads_end[a] = reach - s.pads_end[a];
        if (s.strides[a] != 1 || back.pads_begin[a] < 0 || back.pads_end[a] < 0) return nullptr;
    }
    std::unique_ptr<Kernel> core = make_conv_pass(ConvPass::forward, back, false);
    if (!core) return nullptr;
    return std::make_unique<Rotated>(std::move(core), s);
}

}  // namespace hone::onednn
