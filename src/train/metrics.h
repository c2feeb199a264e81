// SPDX-License-Identifier: Apache-2.0
// What the loop measures after an epoch and what it goes by: the metric that ends training early and lowers the rate of
// `plateau`. Names are those of eval/metric_verdict.h, and "r2" of a regression.
//
//   const Watched w = watched("f1_macro", data);              // {"f1_macro", true}
//   const auto m = measure_metrics(model, data, w.name, eval_options);    // {"f1_macro": ..., "top1": ...}
#pragma once
#include <map>
#include <string>

#include "eval/evaluate.h"

namespace hone::train {

struct Watched {
    std::string name;
    bool higher = true;  ///< is better
};
/// The metric asked for; empty: "top1" of classes, "mse" of numbers. Throws usage "usage.metric", and "train.metric" for
/// one that the data does not allow.
Watched watched(const std::string& asked, const Dataset& data);

/// "top1" of classes and the watched one; "mse", "mae" and "r2" of numbers.
std::map<std::string, double> measure_metrics(const Graph& model, const Dataset& data, const std::string& watched, eval::EvalOptions options);

}  // namespace hone::train
