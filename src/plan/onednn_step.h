// SPDX-License-Identifier: Apache-2.0
// A oneDNN kernel as a step, and a fused node's epilogue as oneDNN's.
#pragma once
#include <memory>

#include "kernel/onednn/onednn.h"
#include "plan/lower.h"

namespace hone {

/// Null stays null. `residual` is the input that holds it, or -1; `weights` the input given at run time, or -1.
std::unique_ptr<StepKernel> onednn_step(std::unique_ptr<onednn::Kernel> k, int residual = -1, int weights = -1);
inline onednn::PackedWeights onednn_packed(const Packed& p) { return {p.data, p.bytes, p.owner}; }
/// False when oneDNN has no such activation.
bool onednn_epilogue(const OpContext& op, bool residual, onednn::Epilogue& e);

}  // namespace hone
