// SPDX-License-Identifier: Apache-2.0
// GCC 12's own AVX-512 headers trip this warning (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/depthwise/table.h"

namespace hone::depthwise {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"
#include "kernel/depthwise/f32.inl"
}  // namespace

void f32_avx512(const F32Call& a, int64_t begin, int64_t end) { f32_rows(a, begin, end); }
}  // namespace hone::depthwise
