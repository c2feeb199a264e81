// SPDX-License-Identifier: Apache-2.0
// Each way to choose a range against a plain reference on seeded histograms.
#include "compress/ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "compress/weights.h"

using namespace hone;
using namespace hone::compress;

namespace {

/// A histogram of `n` seeded values: a bell with a few far outliers, clipped at 0 for `one_sided`.
Observed seeded(uint64_t seed, bool one_sided, std::vector<double>* values = nullptr) {
    Rng r(seed);
    std::vector<double> x;
    for (int i = 0; i < 40000; ++i) {
        double v = r.normal() * (r.uniform() < 0.002 ? 12 : 1) + 0.3;
        if (one_sided) v = std::max(v, 0.0);
        x.push_back(v);
    }
    Observed o;
    o.low = static_cast<float>(*std::min_element(x.begin(), x.end()));
    o.high = static_cast<float>(*std::max_element(x.begin(), x.end()));
    o.histogram.assign(Observed::bins, 0);
    for (double v : x) ++o.histogram[static_cast<size_t>(std::clamp(static_cast<int>((v - o.low) / (static_cast<double>(o.high) - o.low) * Observed::bins), 0, Observed::bins - 1))];
    if (values) *values = x;
    return o;
}

double true_error(const std::vector<double>& x, float low, float high) {
    const Affine a = affine_u8(low, high);
    double sum = 0;
    for (double v : x) {
        const double q = std::clamp(std::nearbyint(v / static_cast<double>(a.scale) + a.zero_point), 0.0, 255.0);
        const double e = (q - a.zero_point) * static_cast<double>(a.scale) - v;
        sum += e * e;
    }
    return sum / static_cast<double>(x.size());
}

/// Divergence as Migacz writes it, by lists: the reference distribution with what is outside put on the last bins, its
/// form in 256 levels spread over the bins that were not empty.
double plain_divergence(const Observed& o, int first, int last) {
    std::vector<double> reference(o.histogram.begin() + first, o.histogram.begin() + last), candidate = reference;
    for (int i = 0; i < first; ++i) reference.front() += static_cast<double>(o.histogram[static_cast<size_t>(i)]);
    for (int i = last; i < Observed::bins; ++i) reference.back() += static_cast<double>(o.histogram[static_cast<size_t>(i)]);
    const int zero = static_cast<int>(std::floor(-static_cast<double>(o.low) / ((static_cast<double>(o.high) - o.low) / Observed::bins))) - first;
    if (zero >= 0 && zero < last - first) reference[static_cast<size_t>(zero)] = candidate[static_cast<size_t>(zero)] = 0;
    const auto n = static_cast<int64_t>(reference.size());
    std::vector<double> spread(reference.size(), 0);
    for (int64_t level = 0; level < 256; ++level) {
        double mass = 0;
        int used = 0;
        for (int64_t i = 0; i < n; ++i)
            if (level * n / 256 <= i && i < (level + 1) * n / 256) {
                mass += candidate[static_cast<size_t>(i)];
                used += reference[static_cast<size_t>(i)] > 0;
            }
        for (int64_t i = 0; i < n; ++i)
            if (level * n / 256 <= i && i < (level + 1) * n / 256 && reference[static_cast<size_t>(i)] > 0) spread[static_cast<size_t>(i)] = mass / used;
    }
    double p_sum = 0, q_sum = 0, kl = 0;
    for (double p : reference) p_sum += p;
    for (double q : spread) q_sum += q;
    for (size_t i = 0; i < reference.size(); ++i)
        if (reference[i] > 0) kl += reference[i] / p_sum * std::log(reference[i] / p_sum / std::max(spread[i] / q_sum, 1e-12));
    return kl;
}

}  // namespace

TEST(Ranges, MinMaxIsWhatWasSeen) {
    const Observed o = seeded(3, false);
    EXPECT_EQ(range_of(o, Range::min_max, 0), std::pair(o.low, o.high));
}

TEST(Ranges, PercentileLeavesOutTheShare) {
    for (bool one_sided : {false, true}) {
        std::vector<double> x;
        const Observed o = seeded(5, one_sided, &x);
        const auto [low, high] = range_of(o, Range::percentile, 0.999);
        const auto outside = static_cast<double>(std::count_if(x.begin(), x.end(), [&, a = low, b = high](double v) { return v < static_cast<double>(a) || v > static_cast<double>(b); }));
        EXPECT_LE(outside / static_cast<double>(x.size()), 0.001);
        EXPECT_GE(outside / static_cast<double>(x.size()), 0.0005);
        EXPECT_NEAR(o.share_outside(static_cast<double>(low), static_cast<double>(high)), outside / static_cast<double>(x.size()), 2e-4);
    }
}

TEST(Ranges, DivergenceIsThePlainOne) {
    for (uint64_t seed : {7, 8})
        for (bool one_sided : {false, true}) {
            const Observed o = seeded(seed, one_sided);
            const double width = (static_cast<double>(o.high) - o.low) / Observed::bins;
            for (const auto& [first, last] : {std::pair(0, 4096), std::pair(0, 1500), std::pair(700, 3000)}) {
                if (one_sided && first > 0) continue;
                const double got = quantised_divergence(o, o.low + first * width, o.low + last * width);
                EXPECT_NEAR(got, plain_divergence(o, first, last), 1e-9) << seed << " " << first << ".." << last;
            }
        }
}

TEST(Ranges, EntropyIsTheLeastDivergence) {
    for (bool one_sided : {false, true}) {
        const Observed o = seeded(11, one_sided);
        const auto [low, high] = range_of(o, Range::entropy, 0);
        const double width = (static_cast<double>(o.high) - o.low) / Observed::bins;
        const auto bin = [&](double v) { return static_cast<int>(std::nearbyint((v - o.low) / width)); };
        const double got = plain_divergence(o, std::max(0, bin(low)), bin(high));
        for (double t = 0.07; t <= 1; t += 0.031) {
            // The divergence jumps from bin to bin, so that two searches on different steps part a little.
            const int first = std::max(0, bin(o.low * t)), last = std::max(first + 1, bin(o.high * t));
            EXPECT_LE(got, plain_divergence(o, first, last) * 1.15 + 1e-9) << t;
        }
        EXPECT_LT(high, o.high);  // the outliers are cut
    }
}

TEST(Ranges, LeastSquaredErrorIsLeast) {
    for (uint64_t seed : {13, 14})
        for (bool one_sided : {false, true}) {
            std::vector<double> x;
            const Observed o = seeded(seed, one_sided, &x);
            EXPECT_NEAR(expected_squared_error(o, affine_u8(o.low, o.high)), true_error(x, o.low, o.high), 0.05 * true_error(x, o.low, o.high));
            const auto [low, high] = range_of(o, Range::mse, 0);
            const double got = true_error(x, low, high);
            double least = std::numeric_limits<double>::infinity();
            for (double a = 0.05; a <= 1; a += 0.05)
                for (double b = 0.05; b <= 1; b += 0.05) least = std::min(least, true_error(x, o.low * static_cast<float>(a), o.high * static_cast<float>(b)));
            EXPECT_LE(got, 1.05 * least);
            EXPECT_LT(got, true_error(x, o.low, o.high));
        }
}

TEST(Ranges, EmptyAndConstantValuesAreLeftAlone) {
    Observed o;
    o.low = o.high = 2;
    for (Range r : {Range::min_max, Range::percentile, Range::entropy, Range::mse}) EXPECT_EQ(range_of(o, r, 0.99), std::pair(2.f, 2.f));
    o.histogram.assign(Observed::bins, 0);
    o.high = 3;
    for (Range r : {Range::entropy, Range::mse}) {
        const auto [low, high] = range_of(o, r, 0.99);
        EXPECT_LE(low, high);
        EXPECT_TRUE(std::isfinite(high));
    }
}

TEST(Ranges, WeightScaleOfLeastErrorIsLeast) {
    Rng r(17);
    Tensor w = Tensor::zeros(DType::f32, {4, 300});
    for (int64_t i = 0; i < w.count(); ++i) w.set(i, r.normal() * (i % 97 == 0 ? 6 : 1));
    const Tensor peak = weight_scales(w, 0, WeightRange::peak), mse = weight_scales(w, 0, WeightRange::mse);
    const auto channels = channels_of(w, 0);
    for (size_t c = 0; c < channels.size(); ++c) {
        const auto at = static_cast<int64_t>(c);
        double top = 0, least = std::numeric_limits<double>::infinity();
        for (float v : channels[c]) top = std::max<double>(top, std::abs(v));
        EXPECT_FLOAT_EQ(static_cast<float>(peak.at(at)), static_cast<float>(top / 127));
        for (double t = 0.4; t <= 1; t += 0.003) {
            double sum = 0;
            for (float v : channels[c]) sum += std::pow(std::clamp(std::nearbyint(static_cast<double>(v) / (top / 127 * t)), -127.0, 127.0) * (top / 127 * t) - static_cast<double>(v), 2);
            least = std::min(least, sum / static_cast<double>(channels[c].size()));
        }
        EXPECT_LE(weight_squared_error(channels[c], mse.at(at)), least * 1.05);
        EXPECT_LE(weight_squared_error(channels[c], mse.at(at)), weight_squared_error(channels[c], peak.at(at)));
    }
    const Tensor floored = weight_scales(w, 0, WeightRange::peak, {1, 1, 1, 1});
    for (int64_t c = 0; c < 4; ++c) EXPECT_EQ(floored.at(c), 1);
}
