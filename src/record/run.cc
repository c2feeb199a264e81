// SPDX-License-Identifier: Apache-2.0
#include "record/runs.h"

namespace hone::record {

std::vector<double> thinned(const std::vector<double>& samples, size_t limit) {
    if (samples.size() <= limit || limit < 2) return samples;
    std::vector<double> kept(limit);
    for (size_t i = 0; i < limit; ++i) kept[i] = samples[i * (samples.size() - 1) / (limit - 1)];
    return kept;
}

RunSummary summary_of(const std::string& file, const Run& run) {
    RunSummary s;
    s.file = file;
    s.original = run.original;
    s.model = run.model;
    s.reason = run.reason;
    s.metric = run.metric;
    s.accepted = run.accepted;
    s.goal = run.goal;
    s.before = run.before;
    s.after = run.after;
    s.drop = run.drop;
    s.speedup = run.speedup;
    s.machine = run.machine;
    s.finished = run.finished;
    return s;
}

}  // namespace hone::record
