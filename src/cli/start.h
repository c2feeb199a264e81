// SPDX-License-Identifier: Apache-2.0
// From a model's file to its plan: from the plan file where that is this model's, else read, planned anew. Called by the
// verbs that run models.
//
//   const Started s = start_plan({.model = "net.onnx", .plan_file = "net.plan", .batch = 1, .options = {.threads = 2}});
#pragma once
#include <memory>
#include <string>

#include "plan/plan.h"

namespace hone::cli {

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
Started start_plan(const StartRequest& r);

}  // namespace hone::cli
