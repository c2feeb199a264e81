// SPDX-License-Identifier: Apache-2.0
// Any metric of a model, and the verdict on how much worse by it a second model is: exact where answers are right or
// wrong (verdict.h), else by the paired bootstrap (bootstrap.h). Called by the verb `eval` and by `optimize`.
//
//   const Metric m = parse_metric("f1_macro");
//   const MetricVerdict v = judge_metric(m, before, after, data, 0.005);     // Answers to the same samples
//   v.accepted;                                                              // v.high <= 0.005
#pragma once
#include <optional>
#include <span>
#include <string>

#include "data/dataset.h"
#include "eval/bootstrap.h"
#include "eval/evaluate.h"
#include "eval/verdict.h"

namespace hone::eval {

enum class Metric { top1, top5, precision_macro, recall_macro, f1_macro, auc, mse, mae };

struct MetricInfo {
    const char* name;
    bool higher_is_better;
    bool regression;  ///< of numbers, not of classes
    bool scores;      ///< needs Answers::logits (EvalOptions::keep_logits)
};
std::span<const MetricInfo> metric_list();  ///< in the order of the enum
const MetricInfo& info_of(Metric m);
/// Throws usage "usage.metric" with the nearest name.
Metric parse_metric(const std::string& name);
/// The metrics that a data set allows.
std::vector<Metric> metrics_for(const Dataset& data);

/// `answers` are to all samples of `data`: of `evaluate`, or of `predict` for the metrics of a regression. NaN where the
/// metric is not defined (AUC of one class).
double metric_value(Metric m, const Answers& answers, const Dataset& data);

struct MetricVerdict {
    Metric metric = Metric::top1;
    double before = 0, after = 0;
    /// How much worse `after` is, in the metric's unit; one-sided limits each. NaN, and not accepted, where `before` or
    /// `after` is not finite.
    double estimate = 0, low = 0, high = 0;
    double confidence = 0.95;
    int64_t samples = 0;
    bool exact = false;     ///< by the exact test; else by the bootstrap
    PairedCounts counts = {};             ///< of an exact verdict
    std::optional<double> mcnemar_p = {};  ///< likewise
    bool accepted = false;  ///< high <= bound
};
/// Deterministic in options.seed. Replicates run on the current thread pool.
MetricVerdict judge_metric(Metric m, const Answers& before, const Answers& after, const Dataset& data, double bound,
                           const BootstrapOptions& options = {});

/// The same for the errors of a regression where they may grow by a `share` of the first model's. The limits are those of
/// after - (1 + share) * before with share * before added: what is not known of `before` counts too, and `accepted` is
/// high <= share * before.
MetricVerdict judge_growth(Metric m, const Answers& before, const Answers& after, const Dataset& data, double share,
                           const BootstrapOptions& options = {});

/// About how many samples would accept what looks better than the bound, with probability 0.9: limits narrow with the
/// root of the number. Empty where no number helps or none is needed.
std::optional<int64_t> samples_needed(const MetricVerdict& v, double bound);

}  // namespace hone::eval
