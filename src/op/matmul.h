// SPDX-License-Identifier: Apache-2.0
// The inner loops of Gemm, MatMul and the recurrent references: plain row-major products in double or int64.
#pragma once
#include <cstdint>
#include <vector>

#include "op/numeric.h"

namespace hone {

/// y[m,n] += a[m,k] * b[k,n].
template <class T>
void multiply(const T* a, const T* b, T* y, int64_t m, int64_t k, int64_t n) {
    for (int64_t i = 0; i < m; ++i)
        for (int64_t p = 0; p < k; ++p) {
            const T v = a[i * k + p];
            const T* row = b + p * n;
            T* out = y + i * n;
            for (int64_t j = 0; j < n; ++j) out[j] = wrapping_add(out[j], wrapping_mul(v, row[j]));
        }
}

/// [rows,cols] -> [cols,rows].
template <class T>
std::vector<T> transposed(const std::vector<T>& v, int64_t rows, int64_t cols) {
    std::vector<T> out(v.size());
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < cols; ++j) out[static_cast<size_t>(j * rows + i)] = v[static_cast<size_t>(i * cols + j)];
    return out;
}

}  // namespace hone
