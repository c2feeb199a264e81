// SPDX-License-Identifier: Apache-2.0
// Latency of models, measured so that it can be trusted: whole runs, two models interleaved (A B A B ...), warmed up,
// and repeated in several fresh processes, each of which loads the models itself. Called by `bench` and `optimize`.
//
//   const PairTiming t = time_pair({"a.onnx"}, {"b.onnx"}, {.threads = 2});
//   paired_speedup(t.blocks).faster();
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/timing.h"
#include "eval/speedup.h"
#include "plan/plan.h"
#include "run/session.h"

namespace hone::eval {

struct TimedModel {
    std::string path;
    Precision precision = Precision::fp32;
    std::string plan_file = {};  ///< taken instead of planning where it is this model's; empty: none
};
struct TimingOptions {
    int threads = 1;
    int batch = 1;
    int processes = 5;
    int runs = 40;               ///< a model in a process, at least
    double min_seconds = 0.3;    ///< a process goes on until it has measured for this long
    double max_seconds = 20;     ///< ... and stops when it has, after at least 5 runs
    std::string program;         ///< the hone binary; empty: this process's own file
};
/// What one process saw of one model.
struct ProcessTiming {
    std::vector<double> ms;
    double load_ms = 0;          ///< reading the file and making the plan
    int64_t peak_bytes = 0;      ///< the plan's memory; what is resident: eval/usage.h
};
struct PairTiming {
    std::vector<TimedBlock> blocks;  ///< one a process; `after` empty when only one model was timed
    ProcessTiming first, second;     ///< of all processes together; load_ms is the median
};

/// Inputs for a model where no data was given: seeded normal values, symbolic dims 1 except the batch.
std::vector<Tensor> synthetic_inputs(const Graph& g, int64_t batch, uint64_t seed = 1);
std::vector<Dims> synthetic_dims(const Graph& g, int64_t batch);
/// The same inputs from the plan that was made at those dims.
std::vector<Tensor> synthetic_inputs(const Plan& plan, uint64_t seed = 1);
/// From a model's file, or its plan file, to the plan for `batch` samples.
using StartModel = std::function<std::shared_ptr<const Plan>(const TimedModel& m, int64_t batch, const PlanOptions& options)>;

/// In this process. `b` may be null.
void time_interleaved(Session& a, const std::vector<Tensor>& xa, Session* b, const std::vector<Tensor>& xb,
                      const TimingOptions& o, TimedBlock& block);
/// The body of a timing process (the hidden verb `time-pair`): the text that time_pair reads.
std::string timing_process(const StartModel& start, const TimedModel& a, const TimedModel* b, const TimingOptions& o);
/// Starts `processes` processes one after another. Throws what they report.
PairTiming time_pair(const TimedModel& a, const TimedModel* b, const TimingOptions& o);

Precision precision_from_name(const std::string& name);  ///< "fp32", "bf16"; usage "precision.unknown"
std::string precision_name(Precision p);

}  // namespace hone::eval
