// SPDX-License-Identifier: Apache-2.0
// The statistics that the paired bootstrap draws: macro means of a classifier's counts, areas under ROC curves, mean
// errors. No score and no error may be NaN. Called by metric_verdict.cc.
//
//   const auto s = macro_statistic(labels, before, after, classes, Macro::f1);
//   bootstrap_limits(*s, {});
#pragma once
#include <memory>
#include <span>

#include "eval/bootstrap.h"
#include "eval/metrics.h"

namespace hone::eval {

/// Mean of after - before; both of one length.
std::unique_ptr<PairedStatistic> mean_statistic(std::span<const double> before, std::span<const double> after);
/// macro_mean of before minus that of after. The added sample is one that the one model answers rightly and the other
/// not, of the class where that matters most.
std::unique_ptr<PairedStatistic> macro_statistic(std::span<const int> labels, std::span<const int> before,
                                                 std::span<const int> after, int64_t classes, Macro which);
/// mean_auc of before minus that of after; f64 probabilities [N, C]. The added sample is a copy of the one that speaks
/// strongest.
std::unique_ptr<PairedStatistic> auc_statistic(std::span<const int> labels, const Tensor& before, const Tensor& after);

}  // namespace hone::eval
