// SPDX-License-Identifier: Apache-2.0
// Which constants of a network are its parameters, also where they are stored quantised. Used by the reader's count and
// by `inspect`.
//
//   if (holds_parameters(node.op, i, constant.dtype())) sum += constant.count();
#pragma once
#include <cstddef>
#include <string>

#include "base/dtype.h"

namespace hone {

/// Whether a constant of this type at input `input` of an operator of the standard holds trained numbers: floating
/// point, but not the scales of quantisation; integers only where they are what is dequantised.
bool holds_parameters(const std::string& op, size_t input, DType type);

/// Whether that input is where an operator of the standard has its trained numbers: the weights of a convolution, not
/// the first state of an LSTM. Tells weights that a node makes (ConstantOfShape) from other made values.
bool takes_parameters(const std::string& op, size_t input);

}  // namespace hone
