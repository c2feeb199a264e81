// SPDX-License-Identifier: Apache-2.0
// GCC 12's own AVX-512 headers trip this warning (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/depthwise/table.h"

namespace hone::depthwise {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/depthwise/u8_vnni.inl"
}  // namespace

void u8_avx512vnni(const U8Call& a, int64_t begin, int64_t end) { u8_rows(a, begin, end); }
}  // namespace hone::depthwise
