// SPDX-License-Identifier: Apache-2.0
// Is an answer the expected one? Shapes and types exactly; floats within 1e-3 relative and 1e-7 absolute, NaN equal to
// NaN; everything else exactly.
#pragma once
#include <string>

#include "base/tensor.h"

namespace conformance {
/// "" when equal, else what differs. `values` false: only shape and type.
std::string difference(const hone::Tensor& got, const hone::Tensor& want, bool values);
}  // namespace conformance
