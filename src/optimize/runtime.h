// SPDX-License-Identifier: Apache-2.0
// The engine that judges candidates: hone's own, or another one over a pipe (`--runtime onnxruntime|openvino`), whose
// times and answers then decide. Calibration and sensitivity always run in hone.
//
//   auto runtime = open_runtime("onnxruntime", {.threads = 2});
//   const auto ms = runtime->times({&original, "net.onnx"}, {&candidate});   // interleaved
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "eval/evaluate.h"
#include "eval/latency.h"

namespace hone {

/// A model in memory, and the file that it came from where there is one.
struct RuntimeModel {
    const Graph* graph = nullptr;
    std::string path = {};
    Precision precision = Precision::fp32;
};

class Runtime {
  public:
    virtual ~Runtime() = default;
    virtual std::string name() const = 0;     ///< "hone", "onnxruntime"
    virtual bool permits(Precision p) const = 0;
    /// Whether `layer_ms` is known.
    virtual bool profiles() const { return false; }
    /// Answers to all samples, of a classifier or of a regression. Errors as eval::answer; unsupported "peer.refused".
    virtual eval::Answers answers(const RuntimeModel& m, const Dataset& data) = 0;
    /// Milliseconds of runs of both, interleaved, on seeded inputs: for choosing between candidates.
    virtual eval::TimedBlock times(const RuntimeModel& a, const RuntimeModel& b) = 0;
    /// In fresh processes, for what is stated.
    virtual eval::PairTiming pair(const eval::TimedModel& a, const eval::TimedModel& b, int processes) = 0;
};

struct RuntimeOptions {
    int threads = 1;
    int batch = 1;
    std::string program = {};  ///< the hone binary for timing processes; empty: this program
    bool scores = false;       ///< answers keep their scores, which some metrics need
};
/// Throws usage "runtime.unknown"; io "peer.absent" where the engine is not installed.
std::unique_ptr<Runtime> open_runtime(const std::string& name, const RuntimeOptions& options);
std::unique_ptr<Runtime> open_hone_runtime(const RuntimeOptions& options);
std::unique_ptr<Runtime> open_peer_runtime(const std::string& engine, const RuntimeOptions& options);

}  // namespace hone
