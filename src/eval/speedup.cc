// SPDX-License-Identifier: Apache-2.0
#include "eval/speedup.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/timing.h"
#include "eval/verdict_math.h"

namespace hone::eval {
namespace {

constexpr double median_for_mean = 1.15;
// Of log ratios between measurements minutes apart, of which none sees anything itself: 0.3 to 1.2 % over 20 repetitions.
constexpr double unseen_deviation = 0.01;
constexpr size_t most_stretches = 8, least_pairs = 4;

double log_ratio(const TimedBlock& block, size_t first, size_t last) {
    std::vector<double> ratios;
    for (size_t i = first; i < last; ++i) {
        HONE_CHECK(block.before[i] > 0 && block.after[i] > 0, "times must be positive");
        ratios.push_back(std::log(block.before[i] / block.after[i]));
        if (i + 1 < last) ratios.push_back(std::log(block.before[i + 1] / block.after[i]));
    }
    return median(ratios);
}

size_t pairs_of(const TimedBlock& block) { return std::min(block.before.size(), block.after.size()); }

std::vector<double> stretches_of(const TimedBlock& block) {
    const size_t pairs = pairs_of(block), count = std::clamp(pairs / least_pairs, size_t{1}, most_stretches);
    std::vector<double> ratios;
    for (size_t i = 0; i < count; ++i) ratios.push_back(log_ratio(block, i * pairs / count, (i + 1) * pairs / count));
    return ratios;
}

// Half the width of the interval of a repetition's median.
double half_width(const std::vector<double>& ratios, double quantile_at) {
    const double count = static_cast<double>(ratios.size()), centre = mean(ratios);
    double squares = 0;
    for (double r : ratios) squares += (r - centre) * (r - centre);
    const double error = std::sqrt(squares / (count - 1) / count);
    return student_quantile(quantile_at, count - 1) * error * median_for_mean * std::numbers::sqrt2;
}

}  // namespace

Speedup paired_speedup(const std::vector<TimedBlock>& blocks, double confidence) {
    HONE_CHECK(!blocks.empty() && confidence > 0 && confidence < 1);
    const double quantile_at = 0.5 + confidence / 2;
    std::vector<double> ratios;
    for (const TimedBlock& block : blocks) {
        HONE_CHECK(pairs_of(block) > 0, "a block without a pair");
        ratios.push_back(log_ratio(block, 0, pairs_of(block)));
    }
    const double estimate = median(ratios);
    if (blocks.size() == 1) ratios = stretches_of(blocks[0]);
    const double unseen = normal_quantile(quantile_at) * unseen_deviation * std::numbers::sqrt2;
    const double half = ratios.size() > 1 ? std::hypot(half_width(ratios, quantile_at), unseen) : std::log(2.0);
    return {std::exp(estimate), std::exp(estimate - half), std::exp(estimate + half), static_cast<int>(blocks.size())};
}

}  // namespace hone::eval
