// SPDX-License-Identifier: Apache-2.0
// Weights on a symmetric s8 grid, a scale a channel. Called by quantize.cc.
#pragma once
#include <vector>

#include "base/tensor.h"

namespace hone::compress {

/// How a channel's scale is chosen: its greatest magnitude / 127, or the scale of least squared error, which clips
/// ("MSE-optimal", as in Nagel et al., "A White Paper on Neural Network Quantization", arXiv 2106.08295, section 3.1).
enum class WeightRange { peak, mse };

/// f32 [channels] for weights `w` with output channels along `axis`; never below `least` (empty: no lower bound).
Tensor weight_scales(const Tensor& w, int64_t axis, WeightRange range, const std::vector<double>& least = {});
/// i8 of w's dims: round-half-even(w / scale), -127..127.
Tensor quantized_weights(const Tensor& w, int64_t axis, const Tensor& scales);
/// The values of each channel, in order.
std::vector<std::vector<float>> channels_of(const Tensor& w, int64_t axis);
/// Mean squared error of rounding `values` to multiples of `scale` within -127..127.
double weight_squared_error(const std::vector<float>& values, double scale);

}  // namespace hone::compress
