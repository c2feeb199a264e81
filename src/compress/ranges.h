// SPDX-License-Identifier: Apache-2.0
// From what was seen of a value to the range that 8 bits shall cover. Called by the quantiser and by the report's
// explaining part. Everything is computed in double from a histogram, so the same for any number of threads.
//
//   const auto [low, high] = range_of(observed, Range::mse, 0.9999);
//   const Affine a = affine_u8(low, high);
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace hone::compress {

/// What was seen of one value over the calibration samples. Constant memory: extremes, then a histogram between them.
struct Observed {
    static constexpr int bins = 4096;
    float low = 0, high = 0;
    std::vector<int64_t> histogram;  ///< `bins` equal bins over [low, high]
    /// Bounds that leave out a share of (1 - p) of the values, half at each end (all at the upper end where low >= 0).
    std::pair<float, float> percentile(double p) const;
    /// Share of the values outside [from, to], to the histogram's resolution.
    double share_outside(double from, double to) const;
    int64_t count() const;
};
/// By value name. The same for any number of threads.
using Calibration = std::map<std::string, Observed>;

/// How the range of an activation is chosen.
///   min_max     the extremes seen
///   percentile  see Observed::percentile
///   entropy     least Kullback-Leibler divergence between the histogram and its quantised form (Migacz, "8-bit
///               Inference with TensorRT", GTC 2017); two-sided values are shrunk in proportion
///   mse         least expected squared error of rounding and clipping together (as in Banner et al., arXiv 1810.05723,
///               over the histogram instead of a fitted density)
enum class Range { min_max, percentile, entropy, mse };
const char* range_name(Range r);  ///< "min_max"

/// [low, high] within what was seen; min_max where the histogram is empty or the value constant.
std::pair<float, float> range_of(const Observed& o, Range r, double percentile);

/// u8 scale and zero point for [low, high] widened to hold 0; zero point 0 where low >= 0.
struct Affine {
    float scale = 1;
    int zero_point = 0;
    double low() const { return -static_cast<double>(scale) * zero_point; }           ///< of what is represented
    double high() const { return static_cast<double>(scale) * (255 - zero_point); }
};
Affine affine_u8(float low, float high);

/// Mean squared error of `a` over the histogram (each bin at its centre).
double expected_squared_error(const Observed& o, const Affine& a);
/// Divergence KL(P||Q) in nats of the values within `low`..`high` (those outside counted at the ends) and their form
/// in `levels` levels; the bin of 0 is left out, since 0 is exact.
double quantised_divergence(const Observed& o, double low, double high, int levels = 256);

}  // namespace hone::compress
