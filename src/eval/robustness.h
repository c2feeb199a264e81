// SPDX-License-Identifier: Apache-2.0
// How a model's answers hold up on corrupted samples: one model, called by the verb `eval`; two side by side, called by
// `optimize`.
//
//   const auto rows = robustness(graph, parts.test, parts.preprocess, parse_corruptions("all"), seed, options);
//   rows[0].corruption;  rows[0].metrics;  rows[0].worse.high;
#pragma once
#include <functional>

#include "data/corrupt.h"
#include "eval/evaluate.h"
#include "eval/metric_verdict.h"
#include "record/eval.h"
#include "record/robustness.h"

namespace hone::eval {

/// A row a corruption, with top1 (or mse and mae of a regression) and how much worse that is than on the clean samples,
/// with its limits of 95 % each. Those that do not apply to the samples are left out. `clean` are the answers to the
/// samples as they are; computed unless given.
std::vector<record::CorruptionRow> robustness(const Graph& g, const DatasetPtr& data, const Preprocess& preprocess,
                                              const std::vector<Corruption>& corruptions, uint64_t seed,
                                              const EvalOptions& options, const Answers* clean = nullptr);

/// A model's answers to all samples of a data set.
using Answerer = std::function<Answers(const Dataset&)>;
/// Two models on the same samples: as they are in the first row, then a row a corruption that applies to them. Bootstraps
/// run on the current thread pool.
std::vector<record::RobustnessRow> robustness_beside(Metric metric, const Answerer& before, const Answerer& after,
                                                     const DatasetPtr& data, const Preprocess& preprocess,
                                                     const std::vector<Corruption>& corruptions, uint64_t seed);

}  // namespace hone::eval
