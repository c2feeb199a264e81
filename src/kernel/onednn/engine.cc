// SPDX-License-Identifier: Apache-2.0
#include "kernel/onednn/engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/cpu.h"
#include "base/error.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
dnnl::cpu_isa isa_of(Isa isa) {
    switch (isa) {
        case Isa::scalar: return dnnl::cpu_isa::sse41;
        case Isa::avx2: return dnnl::cpu_isa::avx2;
        case Isa::avx512: return dnnl::cpu_isa::avx512_core;
        case Isa::avx512_vnni: return dnnl::cpu_isa::avx512_core_vnni;
        case Isa::avx512_bf16: return dnnl::cpu_isa::avx512_core_bf16;
        case Isa::amx: return dnnl::cpu_isa::avx512_core_amx;
    }
    return dnnl::cpu_isa::sse41;
}
constexpr int kCachedPrimitives = 64;

const dnnl::stream& stream() {
    static const dnnl::stream s(engine());
    return s;
}

dnnl::algorithm algorithm_of(Act act) {
    switch (act) {
        case Act::relu:
        case Act::leaky_relu: return dnnl::algorithm::eltwise_relu;
        case Act::clip: return dnnl::algorithm::eltwise_clip;
        case Act::sigmoid: return dnnl::algorithm::eltwise_logistic;
        case Act::tanh: return dnnl::algorithm::eltwise_tanh;
        case Act::swish: return dnnl::algorithm::eltwise_swish;
        case Act::hardswish: return dnnl::algorithm::eltwise_hardswish;
        case Act::gelu_erf: return dnnl::algorithm::eltwise_gelu_erf;
        case Act::none: break;
    }
    return dnnl::algorithm::undef;
}

void append_activation(dnnl::post_ops& ops, const Epilogue& e) {
    float alpha = 0, beta = 0;
    if (e.act == Act::clip)
        alpha = e.alpha, beta = e.beta;
    else if (e.act == Act::leaky_relu)
        alpha = e.alpha;
    else if (e.act == Act::swish)
        alpha = 1;
    ops.append_eltwise(1.f, algorithm_of(e.act), alpha, beta);
}

dnnl_memory_t new_memory(const dnnl::memory::desc& d, void* data) {
    dnnl_memory_t memory = nullptr;
    dnnl::error::wrap_c_api(dnnl_memory_create(&memory, &d.data, engine().get(), data), "memory");
    return memory;
}

/// The memory objects of one call in flight. They are reused, so that a call makes none.
struct Call {
    dnnl_memory_t src, dst, weights = nullptr, bias = nullptr, scratch = nullptr;
    std::array<dnnl_exec_arg_t, 5> arguments;
    int count = 0;
    void add(int role, dnnl_memory_t memory) { arguments[count++] = {role, memory}; }
};

class PrimitiveKernel final : public Kernel {
  public:
    explicit PrimitiveKernel(Parts parts) : p_(std::move(parts)) {
        if (!p_.weights.is_zero()) packed_bytes_ += p_.packed_weights ? p_.weights.get_size() : 0;
        if (p_.packed_weights) weights_ = dnnl::memory(p_.weights, engine(), p_.packed_weights.get());
        if (p_.packed_bias) {
            bias_ = dnnl::memory(p_.bias, engine(), p_.packed_bias.get());
            packed_bytes_ += p_.bias.get_size();
        }
        scratch_bytes_ = p_.scratch.is_zero() ? 0 : p_.scratch.get_size();
        dst_bytes_ = p_.dst.get_size();
        const char* name = nullptr;
        dnnl::error::wrap_c_api(dnnl_primitive_desc_query(p_.descriptor.get(), dnnl_query_impl_info_str, 0, &name),
                                "implementation name");
        name_ = name;
        give(make_call());
    }
    ~PrimitiveKernel() override {
        for (std::atomic<Call*>& slot : idle_) drop(slot.load());
    }

    void run(const Arguments& a) const override {
        const ThreadPool* pool = ThreadPool::current();
        HONE_CHECK(p_.threads == 1 || (pool && pool->threads() >= p_.threads && !ThreadPool::inside()), "a kernel for ",
                   p_.threads, " threads without a pool of as many");
        HONE_CHECK(scratch_bytes_ == 0 || a.scratch, "no scratch");
        if (p_.residual && a.residual != a.dst) copy_residual(a);
        Call* call = take();
        dnnl_memory_set_data_handle(call->src, const_cast<void*>(a.src));
        dnnl_memory_set_data_handle(call->dst, a.dst);
        if (call->weights) dnnl_memory_set_data_handle(call->weights, const_cast<void*>(a.weights));
        if (call->bias) dnnl_memory_set_data_handle(call->bias, const_cast<void*>(a.bias));
        if (call->scratch) dnnl_memory_set_data_handle(call->scratch, a.scratch);
        dnnl_status_t status;
        {
            const omp::Width width(p_.threads);
            status = dnnl_primitive_execute(p_.primitive.get(), stream().get(), call->count, call->arguments.data());
        }
        give(call);
        if (status == dnnl_out_of_memory) fail(ErrorKind::budget, "memory.limit", "oneDNN ran out of memory");
        HONE_CHECK(status == dnnl_success, "oneDNN status ", static_cast<int>(status), " from ", name_);
    }
    size_t scratch_bytes() const override { return scratch_bytes_; }
    size_t packed_bytes() const override { return packed_bytes_; }
    PackedWeights packed_weights() const override {
        if (!p_.packed_weights) return {};
        return {p_.packed_weights.get(), p_.weights.get_size(), nullptr};
    }
    std::string implementation() const override { return name_; }

  private:
    Call* make_call() const {
        auto call = std::make_unique<Call>();
        call->add(p_.src_role, call->src = new_memory(p_.src, DNNL_MEMORY_NONE));
        call->add(p_.dst_role, call->dst = new_memory(p_.dst, DNNL_MEMORY_NONE));
        if (weights_)
            call->add(p_.weights_role, weights_.get());
        else if (!p_.weights.is_zero())
            call->add(p_.weights_role, call->weights = new_memory(p_.weights, DNNL_MEMORY_NONE));
        if (bias_)
            call->add(DNNL_ARG_BIAS, bias_.get());
        else if (!p_.bias.is_zero())
            call->add(DNNL_ARG_BIAS, call->bias = new_memory(p_.bias, DNNL_MEMORY_NONE));
        if (scratch_bytes_ > 0)
            call->add(DNNL_ARG_SCRATCHPAD, call->scratch = new_memory(p_.scratch, DNNL_MEMORY_NONE));
        return call.release();
    }
    static void drop(Call* call) {
        if (!call) return;
        for (dnnl_memory_t m : {call->src, call->dst, call->weights, call->bias, call->scratch})
            if (m) dnnl_memory_destroy(m);
        delete call;
    }
    Call* take() const {
        for (std::atomic<Call*>& slot : idle_) {
            if (!slot.load(std::memory_order_relaxed)) continue;
            if (Call* call = slot.exchange(nullptr, std::memory_order_acquire)) return call;
        }
        return make_call();
    }
    void give(Call* call) const {
        for (std::atomic<Call*>& slot : idle_) {
            Call* empty = nullptr;
            if (slot.compare_exchange_strong(empty, call, std::memory_order_release, std::memory_order_relaxed)) return;
        }
        drop(call);
    }
    void copy_residual(const Arguments& a) const {
        HONE_CHECK(a.residual, "no residual");
        constexpr size_t kParallelBytes = 512 << 10;
        if (p_.threads == 1 || dst_bytes_ < kParallelBytes) {
            std::memcpy(a.dst, a.residual, dst_bytes_);
            return;
        }
        const size_t chunks = static_cast<size_t>(p_.threads) * 2;
        ThreadPool::current()->run(static_cast<int>(chunks), [&](int i) {
            const size_t from = dst_bytes_ * static_cast<size_t>(i) / chunks;
            const size_t to = dst_bytes_ * static_cast<size_t>(i + 1) / chunks;
            std::memcpy(static_cast<char*>(a.dst) + from, static_cast<const char*>(a.residual) + from, to - from);
        });
    }

    Parts p_;
    dnnl::memory weights_, bias_;
    size_t packed_bytes_ = 0, scratch_bytes_ = 0, dst_bytes_ = 0;
    std::string name_;
    mutable std::array<std::atomic<Call*>, 8> idle_{};
};

/// Without VNNI the products of two neighbours are added in 16 bits with saturation.
constexpr int kLargestWithoutVnni = 63;
constexpr double kExactFloat = 16777216;  // 2^24: integers up to here are exact in fp32

/// Whether every accumulator past 2^24 ends saturated, so that its rounding cannot be seen.
bool large_saturates(const Numbers& n, double bias, double scale) {
    if (n.dst != DType::u8 && n.dst != DType::i8) return false;
    const double slope = n.epilogue.act == Act::leaky_relu ? std::min(1.0, std::abs(double{n.epilogue.alpha})) : 1;
    const double residual = n.epilogue.residual ? 255 * std::abs(double{n.epilogue.residual_scale}) : 0;
    return ((kExactFloat - std::abs(bias)) * scale * 0.999 - residual) * slope > 1024;
}
}  // namespace

const dnnl::engine& engine() {
    static const dnnl::engine e = [] {
        dnnl::set_max_cpu_isa(isa_of(usable_isa()));
        dnnl::set_primitive_cache_capacity(kCachedPrimitives);
        return dnnl::engine(dnnl::engine::kind::cpu, 0);
    }();
    return e;
}

bool is_int8(DType t) { return t == DType::u8 || t == DType::i8; }

dnnl::memory::data_type data_type(DType t) {
    switch (t) {
        case DType::f32: return dnnl::memory::data_type::f32;
        case DType::bf16: return dnnl::memory::data_type::bf16;
        case DType::u8: return dnnl::memory::data_type::u8;
        case DType::i8: return dnnl::memory::data_type::s8;
        case DType::i32: return dnnl::memory::data_type::s32;
        default: HONE_CHECK(false, "oneDNN has no ", dtype_name(t));
    }
    return dnnl::memory::data_type::undef;
}

dnnl::primitive_attr attributes(const Numbers& n, int channel_mask) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (!n.scales.empty()) attr.set_output_scales(n.scales.size() == 1 ? 0 : channel_mask, n.scales);
    if (n.src_zero_point != 0) attr.set_zero_points(DNNL_ARG_SRC, 0, {n.src_zero_point});
    if (n.dst_zero_point != 0) attr.set_zero_points(DNNL_ARG_DST, 0, {n.dst_zero_point});
    dnnl::post_ops ops;
    if (n.epilogue.residual) ops.append_sum(n.epilogue.residual_scale);
    if (n.epilogue.act != Act::none) append_activation(ops, n.epilogue);
    // oneDNN adds the zero point before it rounds; the rule rounds first.
    if (n.dst_zero_point != 0) ops.append_eltwise(1.f, dnnl::algorithm::eltwise_round, 0.f, 0.f);
    attr.set_post_ops(ops);
    return attr;
}

void ChannelSums::add(int w) {
    (w > 0 ? positive : negative) += w;
    largest = std::max(largest, std::abs(w));
}

bool int8_is_exact(DType src, const Numbers& n, const std::vector<ChannelSums>& sums, const int32_t* bias) {
    const bool exact_act = n.epilogue.act == Act::none || n.epilogue.act == Act::relu || n.epilogue.act == Act::clip ||
                           n.epilogue.act == Act::leaky_relu;
    if (n.dst == DType::f32) {
        if (n.dst_zero_point != 0) return false;
    } else if (!exact_act) {
        return false;
    }
    const bool vnni = usable_isa() >= Isa::avx512_vnni;
    if (!vnni && src != DType::u8) return false;
    const double low = (src == DType::u8 ? 0 : -128) - n.src_zero_point, high = low + 255;
    for (size_t o = 0; o < sums.size(); ++o) {
        const ChannelSums& s = sums[o];
        if (!vnni && s.largest > kLargestWithoutVnni) return false;
        if (n.dst == DType::f32) continue;
        const double positive = static_cast<double>(s.positive), negative = static_cast<double>(s.negative);
        const double reach = std::max(high * positive + low * negative, -(low * positive + high * negative));
        const double b = bias ? bias[o] : 0;
        // oneDNN adds the bias in fp32: one rounding, as the rule has, when both terms are exact.
        const bool exact_sum = (b == 0 && n.dst != DType::i32) || (reach <= kExactFloat && std::abs(b) <= kExactFloat);
        const double scale = n.scales.empty() ? 1 : n.scales[n.scales.size() == 1 ? 0 : o];
        if (!exact_sum && !large_saturates(n, b, scale)) return false;
    }
    return true;
}

std::unique_ptr<Kernel> make_kernel(Parts parts) { return std::make_unique<PrimitiveKernel>(std::move(parts)); }

std::unique_ptr<Kernel> make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int threads) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attr);
    Parts parts;
    parts.descriptor = pd;
    parts.primitive = dnnl::reorder(pd);
    parts.src = from;
    parts.dst = to;
    parts.scratch = pd.scratchpad_desc();
    parts.threads = threads;
    return make_kernel(std::move(parts));
}

Buffer pack(const dnnl::memory::desc& from, const void* plain, const dnnl::memory::desc& to) {
    const omp::Width width(1);
    const Buffer buffer = allocate_aligned(std::max<size_t>(to.get_size(), 64));
    if (from == to) {
        std::memcpy(buffer.get(), plain, to.get_size());
        return buffer;
    }
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, attr);
    const size_t scratch_bytes = pd.scratchpad_desc().is_zero() ? 0 : pd.scratchpad_desc().get_size();
    const Buffer scratch = allocate_aligned(std::max<size_t>(scratch_bytes, 64));
    dnnl::memory a(from, engine(), const_cast<void*>(plain)), b(to, engine(), buffer.get());
    dnnl::memory s(pd.scratchpad_desc(), engine(), scratch.get());
    dnnl::reorder(pd).execute(stream(), {{DNNL_ARG_FROM, a}, {DNNL_ARG_TO, b}, {DNNL_ARG_SCRATCHPAD, s}});
    return buffer;
}

Buffer packed_or_pack(const PackedWeights& packed, const dnnl::memory::desc& from, const void* plain, const dnnl::memory::desc& to) {
    if (!packed.data) return pack(from, plain, to);
    if (packed.bytes != to.get_size()) return nullptr;
    return {std::const_pointer_cast<void>(packed.owner), const_cast<void*>(packed.data)};
}

dnnl::memory::format_tag activation_tag(size_t spatial, bool channels_last) {
    using Tag = dnnl::memory::format_tag;
    constexpr Tag kLast[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc}, kPlain[] = {Tag::ncw, Tag::nchw, Tag::ncdhw};
    return (channels_last ? kLast : kPlain)[spatial - 1];
}

std::unique_ptr<Kernel> conv_kernel(const ConvSpec& s, const dnnl::primitive_desc_base& descriptor, dnnl::primitive primitive,
                                    const dnnl::memory::desc& src, const dnnl::memory::desc& dst, const dnnl::memory::desc& plain,
                                    const void* weights, const dnnl::memory::desc& bias_desc, const void* bias) {
    Parts parts;
    parts.descriptor = descriptor;
    parts.primitive = std::move(primitive);
    parts.src = src;
    parts.dst = dst;
    parts.weights = descriptor.query_md(dnnl::query::weights_md, 0);
    parts.scratch = descriptor.query_md(dnnl::query::scratchpad_md, 0);
    parts.packed_weights = packed_or_pack(s.packed, plain, weights, parts.weights);
    if (!parts.packed_weights) return nullptr;
    if (bias) {
        parts.bias = bias_desc;
        parts.packed_bias = copy_bytes(bias, bias_desc.get_size());
    }
    parts.residual = s.epilogue.residual;
    parts.threads = s.threads;
    return make_kernel(std::move(parts));
}

Buffer copy_bytes(const void* from, size_t bytes) {
    const Buffer buffer = allocate_aligned(std::max<size_t>(bytes, 64));
    std::memcpy(buffer.get(), from, bytes);
    return buffer;
}

std::unique_ptr<Kernel> guarded(const std::function<std::unique_ptr<Kernel>()>& make) {
    try {
        return make();
    } catch (const dnnl::error& e) {
        if (e.status == dnnl_unimplemented) return nullptr;
        if (e.status == dnnl_out_of_memory) fail(ErrorKind::budget, "memory.limit", "oneDNN ran out of memory");
        HONE_CHECK(false, "oneDNN: ", e.what(), ", status ", static_cast<int>(e.status));
    }
    return nullptr;
}

std::string version() {
    const dnnl_version_t* v = dnnl_version();
    return cat(v->major, ".", v->minor, ".", v->patch);
}

}  // namespace hone::onednn
