// SPDX-License-Identifier: Apache-2.0
// The determinant that Det and hone.Cofactor share.
#pragma once
#include <cstddef>
#include <vector>

namespace hone {
/// Of an n x n row-major matrix, by elimination with partial pivoting; 1 when n is 0.
double determinant(std::vector<double> m, size_t n);
}  // namespace hone
