// SPDX-License-Identifier: Apache-2.0
// One axis of Resize: which inputs each output reads, with which weights. Used by the reference and by kernels' tables.
//
//   AxisTaps t = axis_taps(ctx, {2.0, 8, true}, 4, {});    // 4 -> 8
#pragma once
#include "op/op.h"

namespace hone {

struct AxisScale {
    double scale = 1;
    int64_t out = 0;
    bool known = false;  ///< `out` is known
};
struct Roi {
    double start = 0, end = 1;
};
struct Tap {
    int64_t index;
    double weight;
};
struct AxisTaps {
    std::vector<std::vector<Tap>> of;  ///< one list an output
    std::vector<bool> outside;         ///< takes the extrapolation value
    bool identity = false;
};
/// Unsupported: an axis of more than 2^24 outputs.
AxisTaps axis_taps(const OpContext& c, const AxisScale& scale, int64_t in, const Roi& roi);
/// Separable: one pass an axis that is not the identity.
std::vector<double> apply_taps(const Tensor& x, const std::vector<AxisTaps>& axes, double extrapolation);
/// The adjoint: from the gradient of the output that of the input, of dims `in`. Extrapolated outputs give nothing.
std::vector<double> apply_taps_transposed(const Tensor& dy, const std::vector<AxisTaps>& axes, const Dims& in);
/// Each axis with one tap: elements of any type are copied.
void pick_nearest(const Tensor& x, const std::vector<AxisTaps>& axes, Tensor& y);

}  // namespace hone
