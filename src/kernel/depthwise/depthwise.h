// SPDX-License-Identifier: Apache-2.0
// Depthwise convolutions of channels-last tensors in 2-D (one filter a channel), f32 and u8 x s8, on AVX2, AVX-512 and
// AVX-512 VNNI. The planner makes one object a node and runs it on ranges of output rows.
//
//   auto conv = depthwise::make_u8(geometry, weights, bias, numbers);    // null: no kernel for this geometry or machine
//   conv->run(x, y, 0, geometry.rows());
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "kernel/depthwise/table.h"

namespace hone::depthwise {

class Kernel {
  public:
    virtual ~Kernel() = default;
    /// Output rows [begin, end) of Geometry::rows(). `x` and `y` are the whole tensors. Thread-safe.
    virtual void run(const void* x, void* y, int64_t begin, int64_t end) const = 0;
    virtual size_t packed_bytes() const = 0;
    virtual std::string implementation() const = 0;
};

enum class Act { none, relu, clip, silu };

/// `weights` [c, kernel_h, kernel_w] f32; `bias` [c] or null. Clip to [alpha, beta].
std::unique_ptr<Kernel> make_f32(const Geometry& g, const float* weights, const float* bias, Act act, float alpha, float beta);

/// The numbers of docs/int8.md, Product: u8 source; u8 or f32 result.
struct Numbers {
    const float* scales = nullptr;  ///< one, or c
    int64_t scale_count = 1;
    int x_zero = 0, y_zero = 0;
    Act act = Act::none;            ///< none, relu, clip
    float alpha = 0, beta = 0;      ///< clip: in steps of y, before y_zero
    bool to_float = false;
};
/// `weights` [c, kernel_h, kernel_w] s8, `bias` [c] or null. Square kernels of 3, 5 and 7 with strides up to 2.
std::unique_ptr<Kernel> make_u8(const Geometry& g, const int8_t* weights, const int32_t* bias, const Numbers& n);

}  // namespace hone::depthwise
