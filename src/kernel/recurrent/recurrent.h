// SPDX-License-Identifier: Apache-2.0
// RNN, LSTM and GRU, forward, by ONNX's definition with the default activations (sigmoid, tanh, tanh; RNN: or relu), without
// sequence_lens, peepholes, clip or input_forget, layout 0. Weights are packed once so that the inner loop is a fused
// multiply-add over contiguous memory with all gates of a block of hidden units in registers. They may be kept in fp32,
// in bf16 (inputs and states are rounded to bf16 where they meet them; sums, gates and cell state stay fp32) or in s8
// with a scale a row (inputs and states enter the product in 16 bits; the sums of products are exact).
//
//   recurrent::Recurrent lstm({.cell = Cell::lstm, .input = 28, .hidden = 128}, w, r, b);
//   lstm.run({.x = x, .steps = 28, .batch = 1, .y_h = last, .scratch = scratch});
//
// The object is immutable; `run` may be called from several threads at once, each with its own scratch. It takes
// ThreadPool::current() where a step is large enough to share; the result does not depend on the number of threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernel/recurrent/cell.h"

namespace hone::recurrent {

enum class Cell { lstm, gru, rnn, rnn_relu };
constexpr int64_t gates_of(Cell c) { return c == Cell::lstm ? 4 : c == Cell::gru ? 3 : 1; }
enum class Direction { forward, reverse, bidirectional };

struct Spec {
    Cell cell = Cell::lstm;
    Direction direction = Direction::forward;
    int64_t input = 1, hidden = 1;
    bool linear_before_reset = false;  ///< GRU only
};

/// All dense. D is 2 for bidirectional, else 1. Outputs and initial states may be null (not wanted; zeros).
struct Arguments {
    const float* x = nullptr;   ///< [steps, batch, input]
    int64_t steps = 0, batch = 0;
    const float* h0 = nullptr;  ///< [D, batch, hidden]
    const float* c0 = nullptr;  ///< [D, batch, hidden], LSTM
    float* y = nullptr;         ///< [steps, D, batch, hidden]
    float* y_h = nullptr;       ///< [D, batch, hidden]
    float* y_c = nullptr;       ///< [D, batch, hidden], LSTM
    void* scratch = nullptr;    ///< scratch_bytes(steps, batch), 64-byte aligned
};

/// s8 weights w[d][row][k] * scale[row]: ONNX's W and R with a scale for each of the gates * hidden rows, or one.
struct Quantised {
    const int8_t *w, *r;
    const float *w_scale, *r_scale;
    int64_t w_scales, r_scales;  ///< 1 or gates * hidden
};

class Recurrent {
  public:
    /// ONNX's W [D, gates * hidden, input], R [D, gates * hidden, hidden], B [D, 2 * gates * hidden] or null; gates in
    /// ONNX's order (iofc, zrh; RNN has one). Copied. Packed for usable_isa().
    Recurrent(const Spec& spec, const float* w, const float* r, const float* b);
    /// Sizes alone, for weights that change from run to run: `with_weights` packs into `memory` of packed_bytes(), 64-byte
    /// aligned, which the object that it gives must not outlive.
    explicit Recurrent(const Spec& spec);
    Recurrent with_weights(const float* w, const float* r, const float* b, void* memory) const;
    /// Weights rounded to bf16. Needs Isa::avx512_bf16.
    struct InBf16 {};
    Recurrent(const Spec& spec, const float* w, const float* r, const float* b, InBf16);
    /// Needs Isa::avx512_vnni, input and hidden <= 65536, and initial states h0 within [-1, 1].
    Recurrent(const Spec& spec, const Quantised& q, const float* b);
    size_t scratch_bytes(int64_t steps, int64_t batch) const;
    size_t packed_bytes() const { return bytes_; }
    void run(const Arguments& a) const;

  private:
    struct Shared;
    void measure(bool scaled);
    int64_t group() const;
    void pack(const float* b, const Quantised* q, const float* w, const float* r);
    int64_t x_stride() const { return (spec_.input + lanes_ - 1) / lanes_ * lanes_; }
    void init_state(const Arguments& a, Shared& s) const;
    void project(const Arguments& a, const Shared& s, int64_t d, int64_t begin, int64_t end) const;
    void step(const Arguments& a, const Shared& s, int64_t phase, int64_t d, int64_t begin, int64_t end) const;
    bool two_phases() const { return spec_.cell == Cell::gru && !spec_.linear_before_reset; }

    Spec spec_;
    const CellTable* table_;
    int64_t lanes_, gates_, dirs_, blocks_;  ///< blocks of `lanes_` hidden units
    size_t bytes_ = 0;
    std::shared_ptr<void> memory_;
    /// Per direction: the matrices as in cell.h, [block][gate][lane] for the bias of the projection, [block][lane] for
    /// the bias inside the reset product. GRU without linear_before_reset keeps z and r apart from h.
    struct Packed {
        Matrix w, r, r_candidate;
        const float *bias, *candidate_bias;
    };
    std::vector<Packed> packed_;
};

}  // namespace hone::recurrent
