// SPDX-License-Identifier: Apache-2.0
// The accuracy verdict: is the candidate worse than the original by at most the bound, judged by answers of both to the
// same samples. The drop is an interval of two one-sided limits that err in at most 1 - confidence of all cases at
// any number of samples, not only many. Called by `optimize`, `compare` and `eval`.
//
//   const PairedCounts counts = count_pairs(original_right, candidate_right);
//   const Verdict v = judge(counts, 0.005);
//   if (!v.accepted) need = samples_needed(0.005, v.discordance(), v.estimate);
//
// Method: exact unconditional limits. Of n samples b were right before and wrong after, c the other way round:
// trinomial with drop d = p10 - p01. All outcomes are ordered by an approximate upper limit, the adjusted Wald limit of
// Agresti & Min (Statistics in Medicine 24, 2005, 729-740); the limit is the d at which an outcome ordered at or below
// the seen one has probability alpha, at the worst p01 (Buehler's construction; for exact one-sided limits of paired
// proportions see Shan & Wang, The R Journal 5/2, 2013, 62-70). p01 is searched in its Clopper-Pearson interval of
// error gamma = alpha / 50, which is added to the probability (Berger & Boos, JASA 89, 1994, 1012-1016). Score limits
// (Tango, Statistics in Medicine 17, 1998, 891-908) are a little tighter, but err in up to 8.6 % of cases at few
// disagreements; beyond 200,000 disagreements, where both agree, they are used.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace hone::eval {

struct PairedCounts {
    int64_t samples = 0;
    int64_t lost = 0;    ///< original right, candidate wrong
    int64_t gained = 0;  ///< original wrong, candidate right
};

/// Non-zero means right. HONE_CHECKs that both have the same length.
PairedCounts count_pairs(const std::vector<uint8_t>& original, const std::vector<uint8_t>& candidate);

struct Verdict {
    PairedCounts counts;
    double estimate = 0;        ///< (lost - gained) / samples
    double low = -1, high = 1;  ///< one-sided limits, each of `confidence`
    double confidence = 0.95;
    double mcnemar_p = 1;        ///< two-sided exact (binomial)
    double mcnemar_mid_p = 1;    ///< the same with half the weight of the seen outcome
    bool accepted = false;       ///< high <= bound
    double discordance() const;  ///< share of samples answered differently in correctness
};

/// HONE_CHECKs counts that cannot be (negative, lost + gained > samples) and 0.5 <= confidence < 1. With no samples the
/// limits are -1 and 1.
Verdict judge(const PairedCounts& counts, double bound, double confidence = 0.95);

/// The upper limit of the drop alone; the lower one is minus the upper one with lost and gained exchanged.
double drop_upper_limit(const PairedCounts& counts, double confidence = 0.95);

/// True when a drop of `drop` or more is refuted: what drop_upper_limit < drop means, for one value.
bool drop_refuted(const PairedCounts& counts, double drop, double confidence = 0.95);

/// Samples at which a candidate of this discordance and true drop is accepted with probability `power`; empty when no
/// number helps (drop >= bound). A normal approximation, but at least what identical answers would need.
std::optional<int64_t> samples_needed(double bound, double discordance, double drop, double confidence = 0.95,
                                      double power = 0.9);

/// Two-sided McNemar test of lost against gained (McNemar, Psychometrika 12, 1947; mid-p: Fagerland, Lydersen & Laake,
/// BMC Medical Research Methodology 13:91, 2013).
double mcnemar_exact_p(int64_t lost, int64_t gained);
double mcnemar_mid_p(int64_t lost, int64_t gained);

}  // namespace hone::eval
