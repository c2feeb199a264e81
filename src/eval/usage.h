// SPDX-License-Identifier: Apache-2.0
// What one model costs beside time, seen in a fresh process that does nothing else: memory, processor time, energy, and
// the throughput at a batch size. Called by `bench` and the benchmark suites.
//
//   const Usage u = measure_usage({"net.onnx"}, {.threads = 2, .batch = 8});
//   u.peak_bytes, u.throughput();
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "eval/latency.h"

namespace hone::eval {

struct Usage {
    int batch = 1;
    double load_ms = 0;
    int64_t start_bytes = 0;  ///< resident before the model was opened: the program itself
    int64_t peak_bytes = 0;   ///< the most that was resident, the program and mapped files included
    int64_t plan_bytes = 0;   ///< arena, scratch, weights, as the plan counts them
    std::vector<double> ms;   ///< runs one after another
    double cpu_seconds = 0;   ///< a sample, all threads
    std::optional<double> joules;  ///< a sample, of the whole processor, where RAPL can be read
    double throughput() const;     ///< samples a second, by the median run
};

/// The body of the fresh process (the hidden verb `usage`): the text that measure_usage reads.
std::string usage_process(const StartModel& start_model, const TimedModel& m, const TimingOptions& o);
/// Throws what the process reports. Of the options counts all but `processes`.
Usage measure_usage(const TimedModel& m, const TimingOptions& o);

}  // namespace hone::eval
