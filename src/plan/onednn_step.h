// SPDX-License-Identifier: Apache-2.0
// A oneDNN kernel as a step, and a fused node's epilogue as oneDNN's.
#pragma once
#include <memory>

#include "kernel/onednn/onednn.h"
#include "kernel/vector/table.h"
#include "plan/lower.h"

namespace hone {

/// Null stays null. The inputs that hold the residual, and the weights and bias given at run time; -1: none.
std::unique_ptr<StepKernel> onednn_step(std::unique_ptr<onednn::Kernel> k, int residual = -1, int weights = -1, int bias = -1);
inline onednn::PackedWeights onednn_packed(const Packed& p) { return {p.data, p.bytes, p.owner}; }
/// Dims, group and window of a convolution: X, W and Y.
void onednn_window(const OpContext& op, const Dims& x, const Dims& w, const Dims& y, onednn::ConvSpec& s);
/// False when oneDNN has no such activation.
bool onednn_epilogue(const OpContext& op, bool residual, onednn::Epilogue& e);

/// The activation that our vector kernels do behind the product, because oneDNN's costs several times as much.
struct CurvedActivation {
    vec::Unary op = vec::Unary::count;  ///< count: none
    DType type = DType::f32;
    int64_t count = 0;
};
/// Takes a curved activation out of `e` where the result is f32 or bf16.
CurvedActivation take_curved(onednn::Epilogue& e, DType dst, int64_t count);
/// `k`, then `a` over output 0 in place. Null stays null.
std::unique_ptr<StepKernel> then_activation(std::unique_ptr<StepKernel> k, const CurvedActivation& a);

}  // namespace hone
