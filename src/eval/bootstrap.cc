// SPDX-License-Identifier: Apache-2.0
#include "eval/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "base/thread_pool.h"
#include "eval/verdict_math.h"

namespace hone::eval {

namespace {
enum Stream : uint64_t { kUpper = 1, kLower = 2 };
constexpr uint64_t kStreamsOfOne = uint64_t{1} << 32;

std::vector<double> replicate(const PairedStatistic& s, int replicates, uint64_t seed, uint64_t stream) {
    const auto n = static_cast<uint64_t>(s.size());
    std::vector<double> out(static_cast<size_t>(replicates));
    const auto some = [&](int begin, int end) {
        std::vector<int32_t> weights(n);
        for (int b = begin; b < end; ++b) {
            Rng rng(seed, stream * kStreamsOfOne + static_cast<uint64_t>(b));
            std::fill(weights.begin(), weights.end(), 0);
            // 32 bits scaled: a bias of n / 2^32 is below what the replicates resolve.
            for (uint64_t i = 0; i < n; ++i) ++weights[rng.next_u32() * n >> 32];
            out[static_cast<size_t>(b)] = s.worse(weights);
        }
    };
    ThreadPool* pool = ThreadPool::current();
    constexpr int each = 50;
    const int chunks = (replicates + each - 1) / each;
    if (!pool)
        some(0, replicates);
    else
        pool->run(chunks, [&](int c) { some(c * each, std::min(replicates, (c + 1) * each)); });
    std::sort(out.begin(), out.end());
    return out;
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// Sum of cubes over sum of squares to the 3/2, over 6.
double acceleration(const PairedStatistic& s) {
    const std::vector<double> influence = s.influence();
    double mean = 0, squares = 0, cubes = 0;
    for (const double u : influence) mean += u / static_cast<double>(influence.size());
    for (const double u : influence) {
        squares += (u - mean) * (u - mean);
        cubes += (u - mean) * (u - mean) * (u - mean);
    }
    return squares > 0 ? cubes / (6 * std::pow(squares, 1.5)) : 0;
}

/// Linear between order statistics, as many below the first as above the last.
double quantile(const std::vector<double>& sorted, double p) {
    const double at = std::clamp(p * (static_cast<double>(sorted.size()) + 1) - 1, 0.0, static_cast<double>(sorted.size() - 1));
    const auto k = static_cast<size_t>(at);
    const double next = sorted[std::min(k + 1, sorted.size() - 1)];
    return sorted[k] + (at - static_cast<double>(k)) * (next - sorted[k]);
}

double limit(const PairedStatistic& s, double confidence, int replicates, uint64_t seed, uint64_t stream) {
    const std::vector<double> draws = replicate(s, replicates, seed, stream);
    const double seen = s.worse(std::vector<int32_t>(static_cast<size_t>(s.size()), 1));
    // Equal draws count half: of few distinct values many are the seen one itself.
    const double slack = 1e-12 * (1 + std::fabs(seen));
    const auto first = std::lower_bound(draws.begin(), draws.end(), seen - slack);
    const auto last = std::upper_bound(draws.begin(), draws.end(), seen + slack);
    const double below = 0.5 * static_cast<double>((first - draws.begin()) + (last - draws.begin()));
    const double many = static_cast<double>(draws.size());
    const double bias = normal_quantile(std::clamp(below / many, 0.5 / many, 1 - 0.5 / many));
    const double z = bias + normal_quantile(confidence), a = acceleration(s);
    const double corrected = 1 - a * z > 0 ? normal_cdf(bias + z / (1 - a * z)) : (z > 0 ? 1 : 0);
    return quantile(draws, corrected);
}
}  // namespace

double bca_limit(const PairedStatistic& s, double confidence, int replicates, uint64_t seed) {
    return limit(s, confidence, replicates, seed, confidence > 0.5 ? kUpper : kLower);
}

BootstrapLimits bootstrap_limits(const PairedStatistic& s, const BootstrapOptions& o) {
    HONE_CHECK(s.size() > 0 && o.replicates >= 100 && o.confidence >= 0.5 && o.confidence < 1);
    BootstrapLimits out;
    out.estimate = s.worse(std::vector<int32_t>(static_cast<size_t>(s.size()), 1));
    out.high = bca_limit(*s.with_adverse(), o.confidence, o.replicates, o.seed);
    out.low = bca_limit(*s.with_favourable(), 1 - o.confidence, o.replicates, o.seed);
    out.high = std::max(out.high, out.estimate);
    out.low = std::min(out.low, out.estimate);
    return out;
}

}  // namespace hone::eval
