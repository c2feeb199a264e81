// SPDX-License-Identifier: Apache-2.0
// Sliding windows of convolutions and pools: attributes (auto_pad, defaults, ceil_mode) resolved into explicit numbers
// for a given input. Declarations infer with it, references run by it, the planner lowers by it.
//
//   const Window w = conv_window(ctx, {1, 3, 224, 224}, {64, 3, 7, 7});
//   w.out;          // {112, 112}
//   w.pads_begin;   // {3, 3}, whatever auto_pad said
#pragma once
#include "op/op.h"

namespace hone {

/// One entry a spatial axis. Output o reads inputs o*strides - pads_begin + k*dilations, k in [0, kernel).
struct Window {
    Dims kernel, strides, dilations, pads_begin, pads_end;
    Dims out;  ///< spatial dims of the output
    size_t axes() const { return kernel.size(); }
    int64_t extent(size_t a) const { return (kernel[a] - 1) * dilations[a] + 1; }
    int64_t taps() const { return count_of(kernel); }
};

/// Of Conv, ConvInteger, QLinearConv: `src` is [N,C,spatial...], `weights` [M,C/group,kernel...].
/// Refuses kernels, strides, pads and dilations that make no sense.
Window conv_window(const OpContext& c, const Dims& src, const Dims& weights);
/// Of MaxPool, AveragePool, LpPool: `src` is [N,C,spatial...].
Window pool_window(const OpContext& c, const Dims& src);
/// Of ConvTranspose: `weights` is [C,M/group,kernel...]; output i adds to o = i*strides - pads_begin + k*dilations.
Window conv_transpose_window(const OpContext& c, const Dims& src, const Dims& weights);

enum class WindowKind { conv, pool, conv_transpose };
/// Spatial output dims where only some input dims are known; `kernel` has one entry an axis, unknown ones allowed.
/// The attributes are checked all the same.
Shape window_shape(const OpContext& c, WindowKind kind, const Shape& spatial, const Shape& kernel);
/// The kernel_shape attribute, or the weights' spatial dims (which must agree with it).
Shape conv_kernel(const OpContext& c, const Shape& weights);

/// First and one-past-last output position whose tap k falls inside the input, for one axis.
struct TapRange {
    int64_t begin, end;
};
TapRange tap_range(int64_t in, int64_t out, int64_t stride, int64_t pad, int64_t offset);

}  // namespace hone
