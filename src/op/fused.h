// SPDX-License-Identifier: Apache-2.0
// The runtime's fused operators (domain "hone"), made by runtime passes and never written to a file:
//   hone.Conv  X W [B] [R]        Conv, + R, activation
//   hone.Gemm  A W [C] [R]        A[..., k] * W[k, n] (or W[n, k] with transB), + C[n], + R, activation
//   hone.QConv X W B|- M [R]      int8 rule of architecture.md, decision 6; M: scales [1] or [O], B: i32
//   hone.QGemm A W B|- M [R]      likewise
//   hone.Silu  X                  x * sigmoid(x)
//   hone.QAdd  A B                y = saturate(round_half_even(act(fma(sa, a - za, float(b - zb) * sb))) + zy)
//   hone.Attention Q K V [M]      softmax(scale * q k^T + mask) v over strided views of the inputs (op/attention.cc)
//   hone.Chain X...               a tree of elementwise operators, kept as a graph (op/chain.cc)
//   hone.LSTM, hone.GRU           the standard inputs, then scales of W and R [1] or [rows]; W and R are s8, or bf16
//                                 without scales
//   hone.RNNGrad, hone.GRUGrad, hone.LSTMGrad   back-propagation through time (op/rnn_gradient.cc)
// Activations by attribute `activation` ("", Relu, Clip, Sigmoid, Tanh, Silu, HardSwish, Gelu, LeakyRelu), `alpha`,
// `beta`; in int8 operators their limits are in quantised steps before the zero point.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace hone {
struct OpContext;

/// Where one operand of hone.Attention lies in its tensor: element (b, h, row, column), in elements.
struct AttentionView {
    int64_t offset = 0, batch = 0, head = 0, row = 0, column = 0;
    int64_t at(int64_t b, int64_t h, int64_t r, int64_t c) const { return offset + b * batch + h * head + r * row + c * column; }
};
/// hone.Attention: attributes `sizes`, `q`, `k`, `v`, `y` and `mask` (a view each: offset and strides), `scale`, `shape`
/// (dims of the output, which the view y fills). Rows of k and v are keys; rows of q and y are queries.
struct AttentionSizes {
    int64_t batch = 1, heads = 1, queries = 1, keys = 1, depth = 1, value_depth = 1;
    AttentionView q, k, v, y, mask;
    float scale = 1;
};
AttentionSizes attention_sizes(const OpContext& c);

/// Index of the scale of W among the inputs of hone.LSTM or hone.GRU; that of R follows.
size_t recurrent_scales_at(const std::string& op);

/// One activation in double. Throws an internal error for an unknown name.
double apply_activation(const std::string& name, double x, double alpha, double beta);
}  // namespace hone
