// SPDX-License-Identifier: Apache-2.0
// What each instruction set provides to recurrent_gradient.cc: the elementwise work of one time step, forward and back, for
// some samples. Plain types, as these sources are built with instruction-set flags.
#pragma once
#include <cstdint>

namespace hone::recurrent {

/// Rows of a step; a row of g and s is [gates * hidden], of the others [hidden] unless a stride is given.
struct BackStep {
    float* g;              ///< what enters the gates, then the gates, then its gradients
    float* s;              ///< GRU, linear_before_reset: h*R + Rb, then its gradients
    const float* h;        ///< GRU: the state before
    const float* h_next;   ///< RNN: the state after
    float* reset_h;        ///< GRU in two phases: reset * h
    const float* c;        ///< LSTM: the cell before the step
    float* c_next;         ///< ... and after it
    float* dc;             ///< gradient of the cell after the step, then of that before
    const float* dy;       ///< gradient of Y at this step, or null
    float* direct;         ///< GRU: part of the gradient of the state that passed no product
    const float* product;  ///< the other part, rows of product_stride
    int64_t product_stride, rows, hidden;
};

struct BackTable {
    void (*lstm_gates)(const BackStep& s);     ///< g to gates, c to c_next
    void (*lstm)(const BackStep& s);           ///< gates to gradients; dc
    void (*rnn_tanh)(const BackStep& s);       ///< writes g
    void (*rnn_relu)(const BackStep& s);
    void (*gru_linear)(const BackStep& s);     ///< g and s to gradients; direct
    void (*gru_reset)(const BackStep& s);      ///< two phases, on the way forth: gates z and r, reset_h
    void (*gru_candidate)(const BackStep& s);  ///< two phases, first: gradients of z and of the candidate; direct
    void (*gru_back_reset)(const BackStep& s); ///< second: `product` is the gradient of reset * h; that of r; direct
    /// out[j] += the sum over rows of g[row][j].
    void (*column_sums)(const float* g, int64_t rows, int64_t stride, int64_t columns, float* out);
};
const BackTable& back_scalar();
const BackTable& back_avx2();
const BackTable& back_avx512();

}  // namespace hone::recurrent
