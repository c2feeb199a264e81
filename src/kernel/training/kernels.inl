// SPDX-License-Identifier: Apache-2.0
// The body of training_scalar.cc, training_avx2.cc and training_avx512.cc.
// GCC 12's own AVX-512 headers trip this warning (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/training/table.h"

namespace hone::train {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/training/batch_norm.inl"
#include "kernel/training/batch_norm_fused.inl"
#include "kernel/training/max_pool.inl"
#include "kernel/training/dropout.inl"

constexpr Table kTable = {
    .moments_last = moments_last,
    .moments_plane = moments_plane,
    .gradient_sums_last = gradient_sums_last,
    .gradient_sums_plane = gradient_sums_plane,
    .gradient_last = gradient_last,
    .gradient_plane = gradient_plane,
    .batch_norm_apply = {batch_norm_apply<float>, batch_norm_apply<uint16_t>},
    .batch_norm_sums = {batch_norm_sums<float>, batch_norm_sums<uint16_t>},
    .batch_norm_gradient = {batch_norm_gradient<float>, batch_norm_gradient<uint16_t>},
    .max_pool_gradient = max_pool_gradient,
    .dropout = dropout,
};
}  // namespace
}  // namespace hone::train
