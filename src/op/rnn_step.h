// SPDX-License-Identifier: Apache-2.0
// One step of an RNN, GRU or LSTM cell in double, for one sample, and the step back through it: what the references of the
// operators (rnn.cc) and of their gradients (rnn_gradient.cc) share.
//
//   const Cells cells(c, sizes);
//   step_cell(cells.of(direction), x, h, cell, trace);                    // h and cell become the next
//   step_back(cells.of(direction), trace, dh, dcell, gates, peepholes);   // dh and dcell become those of before
#pragma once
#include <algorithm>
#include <vector>

#include "op/rnn_cell.h"

namespace hone {

using Vector = std::vector<double>;

/// One direction's weights, transposed so that a row vector times them is a plain product.
struct RecurrentWeights {
    Vector w, r, wb, rb, p;  ///< [input,gates*hidden], [hidden,gates*hidden], [gates*hidden] twice, [3*hidden]
};

/// One direction.
struct RecurrentCell {
    size_t gates;
    int64_t input, hidden;
    RecurrentWeights weights;
    std::vector<Activation> f;
    double clip;                   ///< 0: none
    bool coupled, linear_reset;    ///< input_forget of LSTM, linear_before_reset of GRU
    double act(size_t which, double x) const { return f[which](clip > 0 ? std::clamp(x, -clip, clip) : x); }
    double slope(size_t which, double x) const { return clip > 0 && (x < -clip || x > clip) ? 0 : f[which].slope(x); }
};

/// Both directions, read from a node whose inputs begin with X, W, R, B, sequence_lens.
class Cells {
  public:
    Cells(const RefContext& c, const Recurrent& s);
    const RecurrentCell& of(size_t direction) const { return cells_[direction]; }
    /// Steps of sample b, and the time of its i-th.
    int64_t length(const RefContext& c, int64_t b) const { return c.given(4) ? c.in[4].at_int(b) : steps_; }
    int64_t time(size_t direction, int64_t i, int64_t length) const { return direction == 1 || reverse_ ? length - 1 - i : i; }

  private:
    std::vector<RecurrentCell> cells_;
    int64_t steps_;
    bool reverse_;
};

/// initial_h and, for LSTM, initial_c of one sample, or zeros.
void initial_state(const RefContext& c, const Recurrent& s, size_t direction, int64_t b, Vector& h, Vector& cell);

/// What a step leaves for the way back.
struct Trace {
    Vector h, cell, cell_next;  ///< states before the step, and the LSTM's cell after it
    Vector gates;               ///< [gates*hidden] what enters the activations, before clip
    Vector candidate;           ///< GRU: what the reset gate multiplies: h*R + Rb with linear_before_reset, else h
};
void step_cell(const RecurrentCell& k, const double* x, Vector& h, Vector& cell, Trace& trace);

/// Gradients of what enters each gate from the input (x*W + Wb) and from the state (h*R + Rb). They are one thing but for
/// the candidate of a GRU with linear_before_reset; without it, what multiplies the candidate's rows of R is reset * h.
struct GateGradients {
    Vector input, state;  ///< [gates*hidden]
    Vector reset_h;       ///< GRU without linear_before_reset: reset * h
};
/// `dh` and `dcell` are the gradients of the states after the step, and then of those before it; dp [3*hidden] is added to.
void step_back(const RecurrentCell& k, const Trace& trace, Vector& dh, Vector& dcell, GateGradients& g, Vector& dp);

}  // namespace hone
