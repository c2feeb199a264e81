// SPDX-License-Identifier: Apache-2.0
// A plan kept in a file, so that a second start neither parses the model nor runs passes, chooses kernels or packs
// weights: the lowered graph, what was chosen for each step, and the packed weights, mapped. It belongs to one model,
// input dims, threads, precision, processor and set of kernels: its key. The file is untrusted: one with another key, of
// another version, damaged or hostile is no plan, and the caller makes one from the model as if there were none.
//
//   const std::string key = plan_key(files_hash({"net.onnx"}), dims, options);
//   auto plan = load_plan("net.plan", key);
//   if (!plan) save_plan(*(plan = make_plan(read_model("net.onnx"), dims, options)), "net.plan", key);
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace hone {

/// Says whose plan it is. `source` identifies the model with its weights; `dims` what was asked for, one an input.
std::string plan_key(const std::string& source, const std::vector<Dims>& dims, const PlanOptions& options);
/// Of the files' contents, at the speed of memory (record/fast_hash.h). Throws io errors.
std::string files_hash(const std::vector<std::string>& paths);

/// Writes atomically. False (with the reason, nothing written) for a plan that a file cannot hold: subgraphs, tensors of
/// strings. Throws io "file.write".
bool save_plan(const Plan& plan, const std::string& path, const std::string& key, std::string* why = nullptr);

/// Null, with the reason in a word, where there is no plan of this key in a file that can be read.
std::shared_ptr<const Plan> load_plan(const std::string& path, const std::string& key, const PlanOptions& options, std::string* why = nullptr);

}  // namespace hone
