// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "base/cpu.h"
#include "base/error.h"
#include "kernel/onednn/engine.h"
#include "kernel/onednn/omp_shim.h"

namespace hone::onednn {

namespace {
using Tag = dnnl::memory::format_tag;
using dnnl::memory;

bool all_one(const Dims& d) {
    return std::all_of(d.begin(), d.end(), [](int64_t v) { return v == 1; });
}

/// The same product with as few batch axes as possible; batch * m rows of one product where the weights have no batch.
MatmulSpec collapsed(MatmulSpec s) {
    const int64_t batch = count_of(s.batch);
    if (all_one(s.weight_batch) && s.src_batch == s.batch && (!s.transpose_src || batch == 1)) {
        s.m *= batch;
        s.batch = s.src_batch = s.weight_batch = {};
    } else if (s.src_batch == s.batch && s.weight_batch == s.batch) {
        s.batch = s.src_batch = s.weight_batch = {batch};
    } else if (s.src_batch == s.batch && all_one(s.weight_batch)) {
        s.batch = s.src_batch = {batch};
        s.weight_batch = {1};
    } else if (s.weight_batch == s.batch && all_one(s.src_batch)) {
        s.batch = s.weight_batch = {batch};
        s.src_batch = {1};
    }
    return s;
}

/// [batch..., rows, columns], stored as [batch..., columns, rows] when transposed.
memory::desc matrix(const Dims& batch, int64_t rows, int64_t columns, bool transposed, DType type) {
    Dims dims = batch;
    dims.push_back(rows);
    dims.push_back(columns);
    Dims strides = strides_of(dims);
    if (transposed) {
        strides[dims.size() - 2] = 1;
        strides[dims.size() - 1] = rows;
    }
    return memory::desc(dims, data_type(type), strides);
}
memory::desc any_layout(const memory::desc& d) { return memory::desc(d.dims(), d.data_type(), Tag::any); }

bool exact(const MatmulSpec& s, const Numbers& numbers, const void* weights, const void* bias) {
    if (!s.constant_weights) return usable_isa() >= Isa::avx512_vnni && s.k * 128 * 255 <= (1 << 24) && !bias;
    const auto* w = static_cast<const int8_t*>(weights);
    std::vector<ChannelSums> sums(static_cast<size_t>(s.n));
    const int64_t batch = count_of(s.weight_batch);
    for (int64_t b = 0; b < batch; ++b) {
        std::fill(sums.begin(), sums.end(), ChannelSums{});
        for (int64_t i = 0; i < s.k * s.n; ++i)
            sums[static_cast<size_t>(s.transpose_weights ? i / s.k : i % s.n)].add(*w++);
        if (!int8_is_exact(s.src, numbers, sums, static_cast<const int32_t*>(bias))) return false;
    }
    return true;
}

/// alpha (a b) + bias, where oneDNN has alpha (a b + bias).
std::vector<float> scaled_bias(const MatmulSpec& s, const void* bias) {
    std::vector<float> b(static_cast<size_t>(s.n));
    std::memcpy(b.data(), bias, b.size() * sizeof(float));
    for (float& v : b) v /= s.scales[0];
    return b;
}

template <class Primitive>
std::unique_ptr<Kernel> finish(const typename Primitive::primitive_desc& pd, const MatmulSpec& s,
                               const memory::desc& plain, const void* weights, const memory::desc& bias_desc,
                               const void* bias) {
    Parts parts;
    parts.descriptor = pd;
    parts.primitive = Primitive(pd);
    parts.src = pd.src_desc();
    parts.dst = pd.dst_desc();
    parts.weights = pd.weights_desc();
    parts.scratch = pd.scratchpad_desc();
    if (s.constant_weights && !(parts.packed_weights = packed_or_pack(s.packed, plain, weights, parts.weights))) return nullptr;
    parts.bias = bias_desc;
    if (bias) parts.packed_bias = copy_bytes(bias, bias_desc.get_size());
    parts.residual = s.epilogue.residual;
    parts.threads = s.threads;
    return make_kernel(std::move(parts));
}

std::unique_ptr<Kernel> build_inner_product(const MatmulSpec& s, const dnnl::primitive_attr& attr, const void* weights,
                                            const void* bias) {
    const memory::desc src({s.m, s.k}, data_type(s.src), Tag::ab), dst({s.m, s.n}, data_type(s.dst), Tag::ab);
    const memory::desc plain({s.n, s.k}, data_type(s.weights), s.transpose_weights ? Tag::ab : Tag::ba);
    const memory::desc bias_desc = bias ? memory::desc({s.n}, data_type(s.bias), Tag::a) : memory::desc();
    const dnnl::inner_product_forward::desc desc(dnnl::prop_kind::forward_inference, src, any_layout(plain), bias_desc,
                                                 dst);
    dnnl::inner_product_forward::primitive_desc pd(desc, attr, engine(), true);
    if (!choose_implementation(pd, s.variant)) return nullptr;
    return finish<dnnl::inner_product_forward>(pd, s, plain, weights, bias_desc, bias);
}

std::unique_ptr<Kernel> build_matmul(const MatmulSpec& s, const dnnl::primitive_attr& attr, const void* weights,
                                     const void* bias) {
    const memory::desc src = matrix(s.src_batch, s.m, s.k, s.transpose_src, s.src);
    const memory::desc plain = matrix(s.weight_batch, s.k, s.n, s.transpose_weights, s.weights);
    const memory::desc dst = matrix(s.batch, s.m, s.n, false, s.dst);
    Dims bias_dims(s.batch.size() + 2, 1);
    bias_dims.back() = s.n;
    const memory::desc bias_desc =
        bias || (!s.constant_weights && s.bias != DType::undefined) ? memory::desc(bias_dims, data_type(s.bias), strides_of(bias_dims)) : memory::desc();
    const dnnl::matmul::desc desc(src, s.constant_weights ? any_layout(plain) : plain, bias_desc, dst);
    dnnl::matmul::primitive_desc pd(desc, attr, engine(), true);
    if (!choose_implementation(pd, s.variant)) return nullptr;
    return finish<dnnl::matmul>(pd, s, plain, weights, bias_desc, bias);
}

/// Measured for m 1..128: inner_product is 0 to 7 % faster, but in float types it does not cut n over threads where m
/// is small, which cost it up to twice the time.
bool prefers_inner_product(const MatmulSpec& s) {
    const bool possible =
        s.batch.empty() && s.constant_weights && !s.transpose_src && s.src_zero_point == 0 && s.dst_zero_point == 0;
    if (!possible || s.route != MatmulSpec::Route::automatic) return possible && s.route != MatmulSpec::Route::matmul;
    return s.threads == 1 || s.m >= 16 || is_int8(s.src);
}

std::unique_ptr<Kernel> build(const MatmulSpec& given, const void* weights, const void* bias) {
    const MatmulSpec s = collapsed(given);
    const Numbers numbers{s.dst, s.epilogue, s.scales, s.src_zero_point, s.dst_zero_point};
    if (is_int8(s.src) && !s.packed.data && !exact(s, numbers, weights, bias)) return nullptr;
    std::vector<float> own_bias;
    if (bias && !is_int8(s.src) && !s.scales.empty() && s.scales[0] != 1) {
        own_bias = scaled_bias(s, bias);
        bias = own_bias.data();
    }
    const omp::Width width(s.threads);
    if (prefers_inner_product(s)) {
        auto kernel = build_inner_product(s, attributes(numbers, 1 << 1), weights, bias);
        if (kernel || s.route == MatmulSpec::Route::inner_product) return kernel;
    }
    const int channel_mask = 1 << (s.batch.size() + 1);
    return build_matmul(s, attributes(numbers, channel_mask), weights, bias);
}
}  // namespace

std::unique_ptr<Kernel> make_matmul(const MatmulSpec& spec, const void* weights, const void* bias) {
    HONE_CHECK(spec.src_batch.size() == spec.batch.size() && spec.weight_batch.size() == spec.batch.size(),
               "batch ranks differ");
    HONE_CHECK(!is_int8(spec.src) || spec.scales.size() == 1 || spec.scales.size() == static_cast<size_t>(spec.n),
               spec.scales.size(), " scales");
    if (spec.bias == DType::undefined) bias = nullptr;
    return guarded([&] { return build(spec, weights, bias); });
}

}  // namespace hone::onednn
