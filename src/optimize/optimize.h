// SPDX-License-Identifier: Apache-2.0
// The main job: a model and labelled data in; the best model within the goal out, or the original and the reason.
// Calibration sees training samples only, every choice is made on validation samples, and the test samples are touched
// once, at the end, by the verdict. Called by the verb `optimize`.
//
//   OptimizeRequest r{.model = "net.onnx", .goal = {.max_drop = 0.005}, .threads = 2, .out = "out"};
//   record::Run run = optimize(r, parts);
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "data/open.h"
#include "eval/metric_verdict.h"
#include "plan/plan.h"
#include "record/run.h"

namespace hone {

/// Of the float parts of the answer. bf16 only where the runtime has it; automatic: bf16 where it is faster within the goal.
enum class PrecisionPolicy { fp32, bf16, automatic };

/// An amount, or a share of the original's.
struct Bound {
    double value = 0;
    bool share = false;
    double of(double original) const { return share ? value * original : value; }
};

/// What is asked. With `max_latency` the most accurate model that meets the bounds is wanted, else the fastest.
struct OptimizeGoal {
    std::optional<double> max_drop = {};     ///< of the metric: absolute; of an error (MSE, MAE) a share of the original's
    std::optional<Bound> max_latency = {};   ///< ms, or a share of the original's in fp32
    std::optional<Bound> max_size = {};      ///< bytes, or a share of the original's, side files counted
};

struct OptimizeRequest {
    std::string model;                ///< path
    OptimizeGoal goal;
    int threads = 1;
    int batch = 1;                    ///< at which latency counts
    eval::Metric metric = eval::Metric::top1;  ///< that the bound is on, on validation as on test
    PrecisionPolicy precision = PrecisionPolicy::automatic;
    std::string runtime = "hone";     ///< the engine that times and judges: hone, onnxruntime, openvino
    std::string out;                  ///< folder; made when absent
    uint64_t seed = 0;
    int64_t calibration_samples = 512;
    int processes = 5;                ///< fresh timing processes behind each stated speed-up
    double time_budget = 0;           ///< seconds; 0: none. Sensitivity and search stop in time, the verdict does not
    bool robustness = false;          ///< measured whatever it costs, at more severities; else where it takes seconds
    bool resume = false;              ///< go on with out/journal.jsonl of a run that was stopped; else it is begun anew
    std::string replay;               ///< decide by the journal of this run.json: the same model, byte for byte
    std::string program;              ///< the hone binary for timing processes; empty: this program
    std::string data;                 ///< as the user gave it, for the record
    std::string command;              ///< for the record
    record::Texts recipe;             ///< resolved options, for the record
    std::function<void(const std::string&)> log;  ///< one line for the user; may be empty
};

/// Writes the answer, its plan file where hone's engine judged, and out/journal.jsonl into request.out. Throws data errors
/// where a part is missing, usage "optimize.other_run" where a journal to resume or replay is of another run, io
/// "journal.busy" while another process writes into that folder, usage "optimize.metric" for a metric that the data does not
/// have, usage "optimize.precision" for bf16 where there is none, and what the runtime throws.
record::Run optimize(const OptimizeRequest& request, const DataParts& parts);
/// The checks of data and metric that `optimize` begins with.
void check_request(const OptimizeRequest& request, const DataParts& parts);

}  // namespace hone
