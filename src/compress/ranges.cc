// SPDX-License-Identifier: Apache-2.0
#include "compress/ranges.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace hone::compress {

namespace {

double bin_width(const Observed& o) { return (static_cast<double>(o.high) - o.low) / Observed::bins; }
bool usable(const Observed& o) { return !o.histogram.empty() && o.high > o.low; }

/// 1, then down to `least` in equal ratios.
std::vector<double> shrinkings(double least, int steps) {
    std::vector<double> out;
    for (int i = 0; i <= steps; ++i) out.push_back(std::pow(least, static_cast<double>(i) / steps));
    return out;
}

std::pair<float, float> least_divergence(const Observed& o) {
    double best = std::numeric_limits<double>::infinity(), chosen = 1;
    for (double t : shrinkings(1.0 / 16, 160)) {
        const double kl = quantised_divergence(o, o.low * t, o.high * t);
        if (kl < best) best = kl, chosen = t;
    }
    return {static_cast<float>(o.low * chosen), static_cast<float>(o.high * chosen)};
}

/// Each end in turn, the other held, twice.
std::pair<float, float> least_squared_error(const Observed& o) {
    auto low = std::min(o.low, 0.f), high = std::max(o.high, 0.f);
    const float low0 = low, high0 = high;
    const std::vector<double> factors = shrinkings(1.0 / 32, 120);
    for (int round = 0; round < 2; ++round)
        for (float* end : {&high, &low}) {
            const float widest = end == &high ? high0 : low0;
            if (widest == 0) continue;
            double best = std::numeric_limits<double>::infinity();
            float chosen = *end;
            for (double t : factors) {
                *end = static_cast<float>(widest * t);
                const double e = expected_squared_error(o, affine_u8(low, high));
                if (e < best) best = e, chosen = *end;
            }
            *end = chosen;
        }
    return {std::max(low, o.low), std::min(high, o.high)};
}

}  // namespace

int64_t Observed::count() const { return std::accumulate(histogram.begin(), histogram.end(), int64_t{0}); }

std::pair<float, float> Observed::percentile(double p) const {
    const int64_t total = count();
    if (total == 0 || high <= low) return {low, high};
    const double width = bin_width(*this);
    const auto cut = static_cast<int64_t>(std::floor((1 - p) * static_cast<double>(total) / (low >= 0 ? 1 : 2)));
    int first = 0, last = bins - 1;
    if (low < 0)
        for (int64_t seen = 0; first < last && seen + histogram[static_cast<size_t>(first)] <= cut; ++first) seen += histogram[static_cast<size_t>(first)];
    for (int64_t seen = 0; last > first && seen + histogram[static_cast<size_t>(last)] <= cut; --last) seen += histogram[static_cast<size_t>(last)];
    return {static_cast<float>(low + first * width), static_cast<float>(low + (last + 1) * width)};
}

double Observed::share_outside(double from, double to) const {
    const int64_t total = count();
    if (total == 0) return 0;
    const double width = bin_width(*this);
    int64_t outside = 0;
    for (int i = 0; i < bins; ++i) {
        const double centre = low + (i + 0.5) * width;
        if (centre < from || centre > to) outside += histogram[static_cast<size_t>(i)];
    }
    return static_cast<double>(outside) / static_cast<double>(total);
}

const char* range_name(Range r) {
    switch (r) {
        case Range::percentile: return "percentile";
        case Range::entropy: return "entropy";
        case Range::mse: return "mse";
        default: return "min_max";
    }
}

std::pair<float, float> range_of(const Observed& o, Range r, double percentile) {
    if (!usable(o)) return {o.low, o.high};
    switch (r) {
        case Range::percentile: return o.percentile(percentile);
        case Range::entropy: return least_divergence(o);
        case Range::mse: return least_squared_error(o);
        default: return {o.low, o.high};
    }
}

Affine affine_u8(float low, float high) {
    const double lo = std::min(low, 0.f), hi = std::max(high, 0.f);
    const double scale = (hi - lo) / 255;
    if (!(scale > 1e-30)) return {};
    const auto s = static_cast<float>(scale);
    return {s, static_cast<int>(std::clamp(std::nearbyint(-lo / s), 0.0, 255.0))};
}

double expected_squared_error(const Observed& o, const Affine& a) {
    const double width = bin_width(o), inverse = 1.0 / static_cast<double>(a.scale), z = a.zero_point;
    double sum = 0, total = 0;
    for (int i = 0; i < Observed::bins; ++i) {
        const auto n = static_cast<double>(o.histogram[static_cast<size_t>(i)]);
        const double v = o.low + (i + 0.5) * width;
        // Round half to even by the mantissa's end, which compilers vectorise.
        const double level = std::clamp((v * inverse + z + 0x1.8p52) - 0x1.8p52, 0.0, 255.0);
        const double e = (level - z) * static_cast<double>(a.scale) - v;
        sum += n * e * e;
        total += n;
    }
    return total > 0 ? sum / total : 0;
}

double quantised_divergence(const Observed& o, double low, double high, int levels) {
    const double width = bin_width(o);
    const int first = std::clamp(static_cast<int>(std::nearbyint((low - o.low) / width)), 0, Observed::bins - 1);
    const int last = std::clamp(static_cast<int>(std::nearbyint((high - o.low) / width)), first + 1, Observed::bins);
    const int n = last - first;
    std::vector<double> p(static_cast<size_t>(n)), inside(static_cast<size_t>(n)), q(static_cast<size_t>(n), 0);
    for (int i = 0; i < Observed::bins; ++i) {
        const auto count = static_cast<double>(o.histogram[static_cast<size_t>(i)]);
        const int at = std::clamp(i - first, 0, n - 1);
        p[static_cast<size_t>(at)] += count;
        if (i >= first && i < last) inside[static_cast<size_t>(at)] += count;
    }
    const int zero = static_cast<int>(std::floor((0.0 - o.low) / width)) - first;
    if (zero >= 0 && zero < n) p[static_cast<size_t>(zero)] = inside[static_cast<size_t>(zero)] = 0;
    // Each level's mass is spread over the bins of it that were not empty.
    for (int level = 0; level < levels; ++level) {
        const auto from = static_cast<size_t>(static_cast<int64_t>(level) * n / levels), to = static_cast<size_t>(static_cast<int64_t>(level + 1) * n / levels);
        double mass = 0, used = 0;
        for (size_t i = from; i < to; ++i) mass += inside[i], used += p[i] > 0;
        for (size_t i = from; i < to; ++i)
            if (p[i] > 0) q[i] = mass / used;
    }
    const double sum_p = std::accumulate(p.begin(), p.end(), 0.0), sum_q = std::accumulate(q.begin(), q.end(), 0.0);
    if (sum_p <= 0 || sum_q <= 0) return std::numeric_limits<double>::infinity();
    double kl = 0;
    for (size_t i = 0; i < p.size(); ++i) {
        if (p[i] <= 0) continue;
        const double pi = p[i] / sum_p, qi = std::max(q[i] / sum_q, 1e-12);
        kl += pi * std::log(pi / qi);
    }
    return kl;
}

}  // namespace hone::compress
