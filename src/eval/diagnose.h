// SPDX-License-Identifier: Apache-2.0
// Faults of the data path, found by trying: a network that scores significantly better with its channels in BGR order,
// another scale or another mean was fed wrongly. Called by `optimize` and `eval`; the report shows what was found first.
//
//   for (const record::Finding& f : diagnose_data(graph, *parts.validation, parts.preprocess, {.threads = 2})) ...
#pragma once
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/preprocess.h"
#include "eval/evaluate.h"
#include "record/finding.h"

namespace hone::eval {

/// One way in which the samples could have been preprocessed.
struct Alternative {
    std::string fault, title, advice;  ///< fault: "channel_order", "scale", "mean", "normalisation"
    Preprocess preprocess;
    bool swap_channels = false;
};
/// What is worth trying for samples made by `given` whose pixels have these means and deviations (0 to 255), a channel.
std::vector<Alternative> alternatives(const Preprocess& given, const std::vector<double>& pixel_mean, const std::vector<double>& pixel_std);

/// Findings about images, most telling first; none for tables and regressions. On at most `samples` seeded samples of `data`; an
/// alternative counts when McNemar's test says at 1e-4 that it is better and it gains at least a point. Errors as
/// `evaluate`.
std::vector<record::Finding> diagnose_data(const Graph& g, const Dataset& data, const Preprocess& given, const EvalOptions& options, int64_t samples = 1000, uint64_t seed = 0);

}  // namespace hone::eval
