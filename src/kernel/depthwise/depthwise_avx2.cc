// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernel/depthwise/table.h"

namespace hone::depthwise {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"
#include "kernel/depthwise/f32.inl"
#include "kernel/depthwise/u8_madd.inl"
}  // namespace

void f32_avx2(const F32Call& a, int64_t begin, int64_t end) { f32_rows(a, begin, end); }
void u8_avx2(const U8Call& a, int64_t begin, int64_t end) { u8_rows(a, begin, end); }
}  // namespace hone::depthwise
