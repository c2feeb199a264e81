// SPDX-License-Identifier: Apache-2.0
// A tuned plan: steps chosen by measuring (plan/tuner.h), the whole then run by turns with the fixed plan and kept only
// where it is measured faster. For running models fast; whatever decides what ends up in a model uses the fixed plan.
//
//   record::Journal journal = record::Journal::open(cache, record::machine_key());
//   const TunedPlan t = tune_plan(graph, dims, {.threads = 2}, &pool, journal);
//   Session session(t.plan, &pool);
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "plan/tuner.h"

namespace hone {

struct TunedPlan {
    std::shared_ptr<const Plan> plan;
    bool tuned = false;            ///< false: it is the fixed plan
    double fixed_ms = 0, tuned_ms = 0;  ///< medians of whole runs; tuned_ms is 0 when no step was chosen otherwise
    Tuning tuning;
};

/// `options.choose` must be empty. The same journal gives the same plan.
TunedPlan tune_plan(const Graph& g, const std::vector<Dims>& input_dims, const PlanOptions& options, ThreadPool* pool,
                    record::Journal& journal, const TunerOptions& t = {});
/// A table: step, what it was and is done by, milliseconds of each alternative.
std::string to_text(const TunedPlan& t);

/// $XDG_CACHE_HOME/hone or ~/.cache/hone; empty where neither is known.
std::string cache_folder();

}  // namespace hone
