// SPDX-License-Identifier: Apache-2.0
// Paired bootstrap: one-sided limits of how much worse one of two models is, for metrics that no exact test covers (F1,
// AUC, MSE). Samples are drawn with both models' answers to them, so that what they have in common cancels. Called by
// metric_verdict.cc.
//
//   const MeanStatistic s(differences);                       // any PairedStatistic
//   const BootstrapLimits l = bootstrap_limits(s, {.confidence = 0.95, .seed = 1});
//   l.low; l.high;
//
// Limits are BCa (Efron, JASA 82, 1987, 171-185): corrected for median bias and, by the influence of each sample, for
// skewness. Before the upper limit is drawn, one adverse sample is added to those seen, and one favourable before the
// lower: what was never seen cannot be redrawn, so that few disagreements would give limits that are too narrow (of none
// at all, [0, 0]). With 0/1 answers that makes the limit Clopper and Pearson's, k + 1 for k seen; with many it vanishes.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hone::eval {

/// Of n samples, the last of which may be the added one.
class PairedStatistic {
  public:
    virtual ~PairedStatistic() = default;
    virtual int64_t size() const = 0;
    /// How much worse the second model is where sample i counts weights[i] times. Thread-safe.
    virtual double worse(std::span<const int32_t> weights) const = 0;
    /// The change of `worse` by a little more weight of each sample; any common factor.
    virtual std::vector<double> influence() const = 0;
    /// With one more sample that speaks against (or for) the second model as strongly as is plausible.
    virtual std::unique_ptr<PairedStatistic> with_adverse() const = 0;
    virtual std::unique_ptr<PairedStatistic> with_favourable() const = 0;
};

struct BootstrapOptions {
    double confidence = 0.95;  ///< of each limit
    int replicates = 2000;
    uint64_t seed = 0;  ///< the same limits at every thread count (the current pool is used)
};
struct BootstrapLimits {
    double estimate = 0, low = 0, high = 0;
};
BootstrapLimits bootstrap_limits(const PairedStatistic& statistic, const BootstrapOptions& options);

/// One BCa limit of `statistic` as it is: the quantile `confidence` (above 0.5: an upper limit).
double bca_limit(const PairedStatistic& statistic, double confidence, int replicates, uint64_t seed);

}  // namespace hone::eval
