// SPDX-License-Identifier: Apache-2.0
// One axis resampled: each output a weighted sum of a few inputs (linear and cubic Resize).
//
//   resample(axis, x, y, 0, rows, inner);      // x [rows, axis.in, inner] -> y [rows, axis.out, inner]
#pragma once
#include <cstdint>
#include <vector>

namespace hone::move {

struct ResampleAxis {
    int64_t in = 0, out = 0, taps = 0;
    std::vector<int64_t> index;  ///< [out, taps]
    std::vector<float> weight;   ///< [out, taps], 0 where there are fewer
};
/// Rows [begin, end) of the axes before it; x and y point to row 0 and are apart.
void resample(const ResampleAxis& a, const float* x, float* y, int64_t begin, int64_t end, int64_t inner);

}  // namespace hone::move
