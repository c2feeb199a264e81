// SPDX-License-Identifier: Apache-2.0
// The body of vector_scalar.cc, vector_avx2.cc and vector_avx512.cc: every kernel, for the flags of that source.
// GCC 12's own AVX-512 headers trip this warning (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "kernel/vector/table.h"

namespace hone::vec {
namespace {
#include "kernel/vector/simd.inl"
#include "kernel/vector/math.inl"
#include "kernel/vector/elementwise.inl"
#include "kernel/vector/norm.inl"
#include "kernel/vector/gradient.inl"
#include "kernel/vector/quantise.inl"
#include "kernel/vector/reorder.inl"
#include "kernel/vector/update.inl"

constexpr Table kTable = {
    .unary = {map1<Relu>, map1<LeakyRelu>, map1<Clip>, map1<Sigmoid>, map1<Tanh>, map1<Silu>, map1<HardSigmoid>,
              map1<HardSwish>, map1<Gelu>, map1<GeluTanh>, map1<Erf>, map1<Exp>, map1<Log>, map1<Sqrt>,
              map1<Reciprocal>, map1<Abs>, map1<Neg>, map1<Floor>, map1<Ceil>, map1<Round>, map1<Softplus>, map1<Elu>,
              map1<Sign>},
    .binary = {HONE_FORMS(Add), HONE_FORMS(Sub), HONE_FORMS(Mul), HONE_FORMS(Div), HONE_FORMS(Max), HONE_FORMS(Min),
               HONE_FORMS(Pow), HONE_FORMS(Prelu), HONE_FORMS(AddRelu), HONE_FORMS(MulSigmoid),
               HONE_FORMS(ReluGradient)},
    .softmax = softmax<false>,
    .log_softmax = softmax<true>,
    .softmax_middle = softmax_middle<false>,
    .log_softmax_middle = softmax_middle<true>,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .group_norm = group_norm,
    .layer_norm_grad = layer_norm_grad,
    .log_sum_exp = log_sum_exp_middle,
    .cross_entropy_grad = cross_entropy_grad_middle,
    .softmax_grad = softmax_grad_middle<false>,
    .log_softmax_grad = softmax_grad_middle<true>,
    .affine_last = affine_last,
    .affine_middle = affine_middle,
    .reduce_last = {reduce_last<SumOp, false>, reduce_last<SumOp, true>, reduce_last<MaxOp, false>,
                    reduce_last<MinOp, false>, reduce_last<SquareOp, false>},
    .reduce_middle = {reduce_middle<SumOp, false>, reduce_middle<SumOp, true>, reduce_middle<MaxOp, false>,
                      reduce_middle<MinOp, false>, reduce_middle<SquareOp, false>},
    .argmax_last = argmax_last,
    .argmax_middle = argmax_middle,
    .quantize = {quantize<uint8_t>, quantize<int8_t>},
    .dequantize = {dequantize<uint8_t>, dequantize<int8_t>, dequantize<int32_t>},
    .dequantize_last = {dequantize_last<uint8_t>, dequantize_last<int8_t>, dequantize_last<int32_t>},
    .dequantize_middle = {dequantize_middle<uint8_t>, dequantize_middle<int8_t>, dequantize_middle<int32_t>},
    .requantize = {requantize<uint8_t>, requantize<int8_t>},
    .sum_middle = {sum_middle<uint8_t>, sum_middle<int8_t>},
    .q_add = q_add,
    .q_mul = q_mul,
    .lookup8 = lookup8,
    .f32_to_bf16 = f32_to_bf16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .f16_to_f32 = f16_to_f32,
    .update_sgd = update_sgd,
    .update_adagrad = update_adagrad,
    .update_rmsprop = update_rmsprop,
    .update_adam = update_adam,
    .transpose = {transpose<Tile1>, transpose<Tile2>, transpose<Tile4>, transpose<Tile8>},
};
}  // namespace
}  // namespace hone::vec
