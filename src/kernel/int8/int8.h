// SPDX-License-Identifier: Apache-2.0
// Convolutions (channels last, any kernel, stride, dilation and groups, 1-D and 2-D) and matrix products of 8-bit
// integers on AVX2 and AVX-512, exact for every weight: docs/int8.md bit for bit. A matrix product is a
// convolution of m pictures of one pixel.
//
//   auto k = int8::make(spec, weights, bias);       // null: not on this machine
//   k->run({x, y, residual, scratch});
#pragma once
#include <memory>
#include <string>

#include "base/dtype.h"
#include "kernel/int8/table.h"

namespace hone::int8 {

enum class Act { none, relu, clip, leaky_relu };

struct Spec {
    int64_t n = 1, h = 1, w = 1, in_channels = 1, out_h = 1, out_w = 1, out_channels = 1, groups = 1;
    int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
    DType src = DType::u8, dst = DType::u8;  ///< u8 or i8; dst f32 too
    const float* scales = nullptr;           ///< one, or out_channels
    int64_t scale_count = 1;
    int x_zero = 0, y_zero = 0;
    Act act = Act::none;                     ///< leaky_relu into f32 only
    float alpha = 0, beta = 0;
    bool residual = false;                   ///< of dst's type and dims
    float residual_scale = 1;
};

struct Arguments {
    const void* x = nullptr;
    void* y = nullptr;
    const void* residual = nullptr;  ///< may be y
    void* scratch = nullptr;
};

class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const Arguments& a) const = 0;  ///< on the current pool; thread-safe, each with its own scratch
    virtual size_t scratch_bytes() const = 0;
    virtual size_t packed_bytes() const = 0;
    virtual std::string implementation() const = 0;
};

/// `weights` [out_channels, in_channels / groups, kernel_h, kernel_w], or with `transposed` [in_channels, out_channels];
/// `bias` [out_channels] or null.
std::unique_ptr<Kernel> make(const Spec& s, const int8_t* weights, const int32_t* bias, bool transposed = false);

}  // namespace hone::int8
