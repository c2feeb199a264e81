// SPDX-License-Identifier: Apache-2.0
// The runtime's fused operators (domain "hone"), made by runtime passes and never written to a file:
//   hone.Conv  X W [B] [R]        Conv, + R, activation
//   hone.Gemm  A W [C] [R]        A[..., k] * W[k, n] (or W[n, k] with transB), + C[n], + R, activation
//   hone.QConv X W B|- M [R]      int8 rule of architecture.md, decision 6; M: scales [1] or [O], B: i32
//   hone.QGemm A W B|- M [R]      likewise
//   hone.Silu  X                  x * sigmoid(x)
//   hone.QAdd  A B                y = saturate(round_half_even(act(fma(sa, a - za, float(b - zb) * sb))) + zy)
// Activations by attribute `activation` ("", Relu, Clip, Sigmoid, Tanh, Silu, HardSwish, Gelu, LeakyRelu), `alpha`,
// `beta`; in int8 operators their limits are in quantised steps before the zero point.
#pragma once
#include <string>

namespace hone {
/// One activation in double. Throws an internal error for an unknown name.
double apply_activation(const std::string& name, double x, double alpha, double beta);
}  // namespace hone
