// SPDX-License-Identifier: Apache-2.0
// What `optimize` would do, without doing it: which samples serve what, which layers may change, which candidates will
// be tried for the goal in the engine that judges, and about how long it takes, from a few seconds of measuring here.
// Called by `hone optimize --dry-run`.
//
//   const record::Forecast f = forecast(graph, parts, request);
//   f.wanted, f.seconds_low, f.seconds_high
#pragma once
#include "optimize/optimize.h"
#include "record/forecast.h"

namespace hone {

/// `g`: the model of the request, portable passes run. Writes nothing. Throws what `optimize` would throw before its
/// search: of data and metric (check_request), of an engine that is not installed, of bf16 that is not there.
record::Forecast forecast(const Graph& g, const DataParts& parts, const OptimizeRequest& request);

}  // namespace hone
