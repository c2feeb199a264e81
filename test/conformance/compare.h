// SPDX-License-Identifier: Apache-2.0
// Is an answer the expected one? Shapes and types exactly; floats within 1e-3 relative and 1e-7 absolute, NaN equal to
// NaN; everything else exactly.
#pragma once
#include <string>

#include "base/tensor.h"

namespace conformance {
/// "" when equal, else what differs. `values` false: only shape and type.
std::string difference(const hone::Tensor& got, const hone::Tensor& want, bool values);
/// Elements of bf16 outputs so far that were taken as equal although they differ by one step of bf16 (2^-8 to 2^-7
/// relative, more than rtol).
int64_t bf16_steps();

}  // namespace conformance
