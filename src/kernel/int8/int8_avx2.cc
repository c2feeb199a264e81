// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include "kernel/int8/table.h"

namespace hone::int8 {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/int8/kernels.inl"
}  // namespace

const Table& table_avx2() { return kTable; }
}  // namespace hone::int8
