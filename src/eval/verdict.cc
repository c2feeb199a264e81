// SPDX-License-Identifier: Apache-2.0
#include "eval/verdict.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "eval/verdict_math.h"

namespace hone::eval {
namespace {

constexpr double budget_share = 0.02;  // gamma / alpha
constexpr int nuisance_points = 32;
constexpr int64_t most_exact = 200000;  // disagreements

void check(const PairedCounts& c, double confidence) {
    HONE_CHECK(c.lost >= 0 && c.gained >= 0 && c.lost + c.gained <= c.samples, c.lost, " + ", c.gained, " of ",
               c.samples);
    HONE_CHECK(confidence >= 0.5 && confidence < 1, confidence);
}

// ln(0!) .. ln(k!), grown on demand.
class LogFactorials {
  public:
    double operator()(int64_t k) {
        while (static_cast<int64_t>(table_.size()) <= k)
            table_.push_back(table_.back() + std::log(double(table_.size())));
        return table_[static_cast<size_t>(k)];
    }

  private:
    std::vector<double> table_{0.0};
};

// The outcomes ordered at or below the seen one. For each number m of disagreements they are those with
// lost <= threshold(m); the ordering is rising in lost and falling in gained, so the threshold rises by 0 or 1.
class Region {
  public:
    Region(const PairedCounts& seen, double z) : adjusted_(static_cast<double>(seen.samples) + 2), z_(z) {
        limit_ = order(seen.lost, seen.gained) * (1 + 1e-12) + 1e-12;
        const int64_t start = order(0, 0) <= limit_ ? 0 : -1;
        thresholds_.push_back(start);
    }
    int64_t threshold(int64_t m) {
        while (static_cast<int64_t>(thresholds_.size()) <= m) {
            const int64_t at = static_cast<int64_t>(thresholds_.size()), next = thresholds_.back() + 1;
            thresholds_.push_back(next <= at && order(next, at - next) <= limit_ ? next : next - 1);
        }
        return thresholds_[static_cast<size_t>(m)];
    }

  private:
    // Agresti & Min's limit times adjusted_: half a count in every cell.
    double order(int64_t lost, int64_t gained) const {
        const double difference = static_cast<double>(lost - gained), sum = static_cast<double>(lost + gained) + 1;
        return difference + z_ * std::sqrt(std::max(0.0, sum - difference * difference / adjusted_));
    }
    double adjusted_, z_, limit_;
    std::vector<int64_t> thresholds_;
};

class UpperTest {
  public:
    UpperTest(const PairedCounts& seen, double confidence)
        : n_(seen.samples),
          alpha_(1 - confidence),
          // Beyond 1.96 the ordering would not be monotone at (0, 0); any monotone ordering is valid.
          region_(seen, std::min(1.96, std::max(0.5, normal_quantile(confidence)))),
          gained_low_(binomial_lower(seen.gained, n_, alpha_ * budget_share / 2)),
          gained_high_(binomial_upper(seen.gained, n_, alpha_ * budget_share / 2)) {}

    bool refutes(double drop) {
        const double most = std::min(gained_high_, (1 - drop) / 2), least = std::max(gained_low_, -drop);
        const double bar = alpha_ * (1 - budget_share);
        if (drop <= -gained_high_) return false;
        if (least > most) return true;
        for (int i = 0; i <= nuisance_points; ++i)
            if (probability(drop, least + (most - least) * i / nuisance_points) > bar) return false;
        return true;
    }

  private:
    // P(outcome in region) with p01 = gained and p10 = gained + drop.
    double probability(double drop, double gained) {
        const double both = std::min(1.0, drop + 2 * gained), n = static_cast<double>(n_);
        if (both <= 0) return 1;
        const double lost_share = std::clamp((gained + drop) / both, 0.0, 1.0);
        const double spread = 9 * std::sqrt(n * both * (1 - both)) + 20;
        const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(n * both - spread));
        const int64_t last = std::min(n_, static_cast<int64_t>(n * both + spread) + 1);
        if (both >= 1) return cdf(region_.threshold(n_), n_, lost_share);
        double weight =
            std::exp(std::lgamma(n + 1) - std::lgamma(double(first) + 1) - std::lgamma(n - double(first) + 1) +
                     double(first) * std::log(both) + (n - double(first)) * std::log1p(-both));
        const double odds = both / (1 - both);
        int64_t k = region_.threshold(first);
        double below = cdf(k, first, lost_share), sum = 0;
        for (int64_t m = first; m <= last; ++m) {
            sum += weight * std::clamp(below, 0.0, 1.0);
            weight *= odds * double(n_ - m) / double(m + 1);
            below -= lost_share * mass(k, m, lost_share);
            if (m < last && region_.threshold(m + 1) > k) below += mass(++k, m + 1, lost_share);
        }
        return sum;
    }
    double mass(int64_t k, int64_t m, double p) {
        if (k < 0 || k > m) return 0;
        if (p <= 0 || p >= 1) return k == (p <= 0 ? 0 : m) ? 1 : 0;
        return std::exp(factorial_(m) - factorial_(k) - factorial_(m - k) + double(k) * std::log(p) +
                        double(m - k) * std::log1p(-p));
    }
    double cdf(int64_t k, int64_t m, double p) {
        if (k < 0) return 0;
        if (k >= m) return 1;
        if (p <= 0) return 1;
        if (p >= 1) return 0;
        return binomial_cdf(k, m, p);
    }

    int64_t n_;
    double alpha_;
    Region region_;
    double gained_low_, gained_high_;
    LogFactorials factorial_;
};

// Tango's score test, with p01 at its most likely value under the drop.
bool score_refutes(const PairedCounts& c, double drop, double confidence) {
    const double n = double(c.samples), lost = double(c.lost), gained = double(c.gained);
    if (drop >= 1) return c.lost < c.samples;
    const double b = (2 * n - lost + gained) * drop - lost - gained, k = -gained * drop * (1 - drop);
    const double p01 = (std::sqrt(std::max(0.0, b * b - 8 * n * k)) - b) / (4 * n);
    const double variance = n * (2 * p01 + drop * (1 - drop));
    return lost - gained - n * drop <= -normal_quantile(confidence) * std::sqrt(std::max(0.0, variance));
}

bool refutes(UpperTest* exact, const PairedCounts& counts, double drop, double confidence) {
    return exact ? exact->refutes(drop) : score_refutes(counts, drop, confidence);
}

std::optional<UpperTest> exact_test(const PairedCounts& counts, double confidence) {
    if (counts.lost + counts.gained > most_exact) return std::nullopt;
    return UpperTest(counts, confidence);
}

}  // namespace

PairedCounts count_pairs(const std::vector<uint8_t>& original, const std::vector<uint8_t>& candidate) {
    HONE_CHECK(original.size() == candidate.size(), original.size(), " and ", candidate.size());
    PairedCounts counts{.samples = static_cast<int64_t>(original.size())};
    for (size_t i = 0; i < original.size(); ++i) {
        counts.lost += original[i] && !candidate[i];
        counts.gained += !original[i] && candidate[i];
    }
    return counts;
}

double Verdict::discordance() const {
    return counts.samples ? static_cast<double>(counts.lost + counts.gained) / static_cast<double>(counts.samples) : 0;
}

bool drop_refuted(const PairedCounts& counts, double drop, double confidence) {
    check(counts, confidence);
    if (counts.samples == 0) return false;
    auto exact = exact_test(counts, confidence);
    return refutes(exact ? &*exact : nullptr, counts, drop, confidence);
}

double drop_upper_limit(const PairedCounts& counts, double confidence) {
    check(counts, confidence);
    if (counts.samples == 0) return 1;
    auto exact = exact_test(counts, confidence);
    const auto refuted = [&](double drop) { return refutes(exact ? &*exact : nullptr, counts, drop, confidence); };
    const double estimate = static_cast<double>(counts.lost - counts.gained) / static_cast<double>(counts.samples);
    double low = std::max(-1.0, estimate), high = 1;
    for (double step = 0.1 / static_cast<double>(counts.samples); low + step < 1; step *= 2) {
        if (refuted(low + step)) {
            high = low + step;
            break;
        }
        low += step;
    }
    while (high - low > 1e-5 * (high - estimate) + 1e-12) {
        const double middle = 0.5 * (low + high);
        (refuted(middle) ? high : low) = middle;
    }
    return high;
}

Verdict judge(const PairedCounts& counts, double bound, double confidence) {
    Verdict v{.counts = counts, .confidence = confidence};
    v.high = drop_upper_limit(counts, confidence);
    v.low = -drop_upper_limit({counts.samples, counts.gained, counts.lost}, confidence);
    if (counts.samples > 0)
        v.estimate = static_cast<double>(counts.lost - counts.gained) / static_cast<double>(counts.samples);
    v.mcnemar_p = mcnemar_exact_p(counts.lost, counts.gained);
    v.mcnemar_mid_p = mcnemar_mid_p(counts.lost, counts.gained);
    v.accepted = counts.samples > 0 && v.high <= bound;
    return v;
}

std::optional<int64_t> samples_needed(double bound, double discordance, double drop, double confidence, double power) {
    if (!(drop < bound)) return std::nullopt;
    discordance = std::clamp(discordance, std::fabs(drop), 1.0);
    const double z = normal_quantile(confidence), margin = bound - drop;
    const auto deviation = [&](double d) {
        return std::sqrt(std::max(0.0, std::max(discordance, std::fabs(d)) - d * d));
    };
    const double normal = std::pow((z * deviation(bound) + normal_quantile(power) * deviation(drop)) / margin, 2);
    const double alpha = (1 - confidence) * (1 - budget_share);
    const double identical = bound > 0 && bound < 1 ? std::log(alpha) / std::log1p(-bound) : 1;
    return static_cast<int64_t>(std::ceil(std::min(9e18, std::max(normal, identical))));
}

double mcnemar_exact_p(int64_t lost, int64_t gained) {
    return std::min(1.0, 2 * binomial_cdf(std::min(lost, gained), lost + gained, 0.5));
}

double mcnemar_mid_p(int64_t lost, int64_t gained) {
    const int64_t k = std::min(lost, gained), m = lost + gained;
    const double seen = binomial_cdf(k, m, 0.5) - binomial_cdf(k - 1, m, 0.5);
    return lost == gained ? 1 - 0.5 * seen : std::min(1.0, 2 * binomial_cdf(k, m, 0.5) - seen);
}

}  // namespace hone::eval
