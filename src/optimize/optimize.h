// SPDX-License-Identifier: Apache-2.0
// The main job: a model and labelled data in; the fastest model within the accuracy bound out, or the original and the
// reason. Calibration sees training samples only, every choice is made on validation samples, and the test samples are
// touched once, at the end, by the verdict. Called by the verb `optimize`.
//
//   OptimizeRequest r{.model = "net.onnx", .max_drop = 0.005, .threads = 2, .out = "out"};
//   record::Run run = optimize(r, parts);
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "data/open.h"
#include "plan/plan.h"
#include "record/run.h"

namespace hone {

enum class PrecisionPolicy { fp32, bf16, automatic };

struct OptimizeRequest {
    std::string model;                ///< path
    double max_drop = 0.01;           ///< fraction
    int threads = 1;
    int batch = 1;                    ///< at which latency counts
    PrecisionPolicy precision = PrecisionPolicy::automatic;
    std::string out;                  ///< folder; made when absent
    uint64_t seed = 0;
    int64_t calibration_samples = 512;
    int processes = 5;                ///< fresh timing processes behind each stated speed-up
    double time_budget = 0;           ///< seconds; 0: none. Sensitivity and search stop in time, the verdict does not
    std::string program;              ///< the hone binary for timing processes; empty: this program
    std::string data;                 ///< as the user gave it, for the record
    std::string command;              ///< for the record
    record::Texts recipe;             ///< resolved options, for the record
    std::function<void(const std::string&)> log;  ///< one line for the user; may be empty
};

/// Writes the answer, `run.json` and `report.html` into request.out. Throws data errors where a part is missing.
record::Run optimize(const OptimizeRequest& request, const DataParts& parts);

}  // namespace hone
