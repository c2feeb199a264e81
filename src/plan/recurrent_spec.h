// SPDX-License-Identifier: Apache-2.0
// RNN, LSTM, GRU and their gradients as kernel/recurrent takes them.
#pragma once
#include <optional>

#include "kernel/recurrent/recurrent.h"
#include "plan/lower.h"

namespace hone::lower {

/// Nothing where the kernels do not do it: other activations, clip, sequence_lens, peepholes, input_forget, layout 1,
/// nothing to compute. The node's inputs begin with those of the standard's operator.
std::optional<recurrent::Spec> recurrent_spec(const LowerContext& c, recurrent::Cell cell);
/// By the name of the operator: "LSTM", "GRUGrad".
recurrent::Cell recurrent_cell(const std::string& op);
/// Whether all of `inputs` that are given are f32.
bool all_f32(const LowerContext& c, std::initializer_list<size_t> inputs);

}  // namespace hone::lower
