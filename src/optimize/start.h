// SPDX-License-Identifier: Apache-2.0
// From a model's file to its plan: from the plan file where that is this model's, else read, planned anew. Called by the
// verbs that run models, and by the end of `optimize`, which leaves the answer's plan file.
//
//   const Started s = start_plan({.model = "net.onnx", .plan_file = "net.plan", .batch = 1, .options = {.threads = 2}});
#pragma once
#include <memory>
#include <string>

#include "eval/latency.h"
#include "plan/plan.h"

namespace hone {

struct StartRequest {
    std::string model;
    std::string plan_file;  ///< empty: none
    int64_t batch = 1;
    PlanOptions options{};
};
struct Started {
    std::shared_ptr<const Plan> plan;
    bool from_file = false;
    std::string why;  ///< why not
};

/// "net.plan" for "net.onnx".
std::string default_plan_file(const std::string& model);
/// The key of the model's plan at this batch size; hashes the model's files.
std::string model_plan_key(const StartRequest& r);
/// The plan in r.plan_file; null with the reason where it is not what is asked for.
std::shared_ptr<const Plan> plan_from_file(const StartRequest& r, std::string* why = nullptr);
Started start_plan(const StartRequest& r);
/// What timing processes start with (eval/latency.h).
std::shared_ptr<const Plan> start_model(const eval::TimedModel& m, int64_t batch, const PlanOptions& options);

/// Writes the fixed plan of the model to r.plan_file. False with the reason, and no file there, where a plan file cannot
/// hold it or cannot be written. Throws what reading and planning the model throws.
bool leave_plan(const StartRequest& r, std::string* why);

}  // namespace hone
