// SPDX-License-Identifier: Apache-2.0
// GCC 12 trips this in its own AVX-512 headers (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#define HONE_BYTES
#include "kernel/int8/table.h"

namespace hone::int8 {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/int8/kernels.inl"
}  // namespace

const Table& table_avx512vnni() { return kTable; }
}  // namespace hone::int8
