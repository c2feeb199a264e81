// SPDX-License-Identifier: Apache-2.0
// Mixed precision of a training step (Micikevicius et al., "Mixed Precision Training", 2018) as two passes around autodiff:
// the forward graph keeps its activations in a 16-bit float, and gradients follow the types of what they are gradients of;
// weights stay f32 and are cast where they are used, and their gradients are delivered in f32.
//
//   narrow_activations(g, DType::bf16);                 // before loss and gradients: outputs are f32 as before
//   ... d = add_gradients(g, {{loss}}, weights);
//   d = widen_gradients(g, d);
#pragma once
#include <vector>

#include "op/op.h"

namespace hone {

/// Products (Conv, Gemm, MatMul, the recurrent operators) take and give `type`; elementwise operators, pools, moves and
/// normalisations follow their activations, with sums and statistics in f32 inside; everything else (Softmax, reductions,
/// losses, Exp, Log, Pow) reads and gives f32. Scale, bias and statistics of BatchNormalization stay f32. Only f32 values
/// change; inputs and outputs of the graph keep their types. True when it changed something.
bool narrow_activations(Graph& g, DType type);

/// The same gradients with their sums over samples kept in f32: each cast to f32 moves before the sum that it follows, or
/// becomes the type in which the product gives it.
std::vector<ValueId> widen_gradients(Graph& g, const std::vector<ValueId>& gradients);

}  // namespace hone
