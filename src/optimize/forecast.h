// SPDX-License-Identifier: Apache-2.0
// What `optimize` would do, without doing it: which samples serve what, which layers may change, which candidates will
// be tried, and about how long it takes, from a second of measuring here. Called by `hone optimize --dry-run`.
//
//   const record::Forecast f = forecast(graph, parts, {.threads = 2});
//   f.seconds_low, f.seconds_high
#pragma once
#include "data/open.h"
#include "plan/plan.h"
#include "record/forecast.h"

namespace hone {

struct ForecastOptions {
    int threads = 1;
    int batch = 1;                ///< at which latency counts
    int64_t calibration_samples = 512;
    int processes = 5;            ///< fresh timing processes behind each stated speed-up
    bool bf16_asked = true;       ///< the floats may become bf16
    double time_budget = 0;       ///< seconds; 0: none
};

/// `g`: portable passes run. Throws data errors where a part is missing that `optimize` needs.
record::Forecast forecast(const Graph& g, const DataParts& parts, const ForecastOptions& options);

}  // namespace hone
