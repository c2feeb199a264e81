// SPDX-License-Identifier: Apache-2.0
// The steps of `optimize` share this state. Each step appends to the record what it decided and why.
#pragma once
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compress/quantize.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "eval/verdict.h"
#include "optimize/optimize.h"

namespace hone {

/// A whole model that may be the answer.
struct Trial {
    std::string name;                 ///< "int8, min-max ranges"
    Graph graph;                      ///< portable: may be written
    Precision precision = Precision::fp32;
    std::set<std::string> keep_float;
    bool quantized = false;
    compress::Range range = compress::Range::min_max;
    eval::Answers validation;
    eval::PairedCounts counts;        ///< on validation, against the original in fp32
    double latency_ms = 0;            ///< quick, in this process: for choosing only
    double drop() const { return counts.samples ? static_cast<double>(counts.lost - counts.gained) / static_cast<double>(counts.samples) : 0; }
    /// The upper limit of the drop that the verdict is to be expected to state on `samples` samples.
    double expected_high(int64_t samples) const;
};

struct Search {
    const OptimizeRequest& request;
    const DataParts& parts;
    record::Run run;
    double started;
    Graph original;                   ///< portable passes run
    std::vector<compress::Layer> layers;
    eval::Answers reference;          ///< of the original in fp32 on validation
    compress::Calibration calibration;
    std::vector<compress::Sensitivity> sensitivity;  ///< most sensitive first
    std::vector<double> fp32_layer_ms, int8_layer_ms;

    Search(const OptimizeRequest& r, const DataParts& p);
    void say(const std::string& line) const;
    void decide(const std::string& what, const std::string& why, record::Numbers figures = {});
    double seconds_left() const;      ///< of the budget; huge without one
    eval::EvalOptions eval_options(Precision p) const;

    Trial judge_on_validation(std::string name, Graph g, Precision p) const;
    Trial quantized_trial(const std::set<std::string>& keep_float, compress::Range range, Precision p) const;
    /// Median times of both in this process, interleaved; returns {a, b} in ms.
    std::pair<double, double> quick_times(const Graph& a, Precision pa, const Graph& b, Precision pb) const;
    /// Milliseconds of each original layer name (whole runs, profiled), in the order of `layers`.
    std::vector<double> layer_times(const Graph& g, Precision p) const;
    void measure_sensitivity(compress::Range range);
    void add_candidate(const Trial& t, bool kept, const std::string& reason);
};

}  // namespace hone
