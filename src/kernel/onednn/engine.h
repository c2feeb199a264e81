// SPDX-License-Identifier: Apache-2.0
// What the adapter's sources share: oneDNN's engine, the choice of an implementation, packing of weights, attributes of
// an epilogue, and the Kernel that runs one primitive. Private to src/kernel/onednn.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernel/onednn/onednn.h"
#include "oneapi/dnnl/dnnl.hpp"

namespace hone::onednn {

/// Up to a whole number of cache lines.
inline size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The CPU engine; the first call caps oneDNN's instruction set at usable_isa().
const dnnl::engine& engine();

bool is_int8(DType t);
/// HONE_CHECKs that oneDNN knows the type.
dnnl::memory::data_type data_type(DType t);

/// Outputs scales, zero points, residual, activation; user scratchpad. `channel_mask`: the mask of a scale per channel.
struct Numbers {
    DType dst;
    const Epilogue& epilogue;
    const std::vector<float>& scales;
    int src_zero_point, dst_zero_point;
};
dnnl::primitive_attr attributes(const Numbers& n, int channel_mask);

/// Weights of one output channel, summed; what an int8 accumulator can reach follows from it.
struct ChannelSums {
    int64_t positive = 0, negative = 0;  ///< negative is <= 0
    int largest = 0;                     ///< of |w|
    void add(int w);
};
/// True when oneDNN's int8 kernels follow the rule of onednn.h for these weights bit for bit.
bool int8_is_exact(DType src, const Numbers& n, const std::vector<ChannelSums>& sums, const int32_t* bias);

/// Bytes that a kernel owns, 64-byte aligned.
using Buffer = std::shared_ptr<void>;

/// A primitive with everything it needs at run time.
struct Parts {
    dnnl::primitive_desc_base descriptor;
    dnnl::primitive primitive;
    dnnl::memory::desc src, dst, weights, bias, scratch;  ///< empty where absent
    Buffer packed_weights, packed_bias;                   ///< null with a descriptor: given at run time
    int src_role = DNNL_ARG_SRC, weights_role = DNNL_ARG_WEIGHTS, dst_role = DNNL_ARG_DST;  ///< others in a backward pass
    bool residual = false;
    int threads = 1;
};
std::unique_ptr<Kernel> make_kernel(Parts parts);

/// A copy into another layout, as a kernel: src to dst.
std::unique_ptr<Kernel> make_reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to, int threads);
/// Copies `plain` into the layout `to`.
Buffer pack(const dnnl::memory::desc& from, const void* plain, const dnnl::memory::desc& to);
Buffer copy_bytes(const void* from, size_t bytes);
/// Weights packed before, or `plain` packed now; null when what was packed before is of another size.
Buffer packed_or_pack(const PackedWeights& packed, const dnnl::memory::desc& from, const void* plain, const dnnl::memory::desc& to);

/// [N, C, spatial...] of 1 to 3 spatial axes, plain or channels last.
dnnl::memory::format_tag activation_tag(size_t spatial, bool channels_last);
/// A convolution of whatever kind with what it needs at run time: its weights (`plain` describes `weights`) taken packed
/// from the spec or packed now, its bias (may be null) copied. Null where weights packed before do not fit.
std::unique_ptr<Kernel> conv_kernel(const ConvSpec& s, const dnnl::primitive_desc_base& descriptor, dnnl::primitive primitive,
                                    const dnnl::memory::desc& src, const dnnl::memory::desc& dst, const dnnl::memory::desc& plain,
                                    const void* weights, const dnnl::memory::desc& bias_desc, const void* bias);

/// Advances `pd` to the `variant`-th implementation (by distinct name) that is not a reference; false when there is
/// none.
template <class Descriptor>
bool choose_implementation(Descriptor& pd, int variant, const std::function<bool(const std::string&)>& refuse = {}) {
    if (!pd.get(true)) return false;
    std::vector<std::string> seen;
    do {
        const std::string name = pd.impl_info_str();
        if (name.find("ref") != std::string::npos || (refuse && refuse(name))) continue;
        if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
        if (static_cast<int>(seen.size()) == variant) return true;
        seen.push_back(name);
    } while (pd.next_impl());
    return false;
}

/// Runs `make`; oneDNN's "unimplemented" becomes null, its other errors ours.
std::unique_ptr<Kernel> guarded(const std::function<std::unique_ptr<Kernel>()>& make);

}  // namespace hone::onednn
