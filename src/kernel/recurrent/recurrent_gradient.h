// SPDX-License-Identifier: Apache-2.0
// Back-propagation through time of RNN, LSTM and GRU in fp32, for what recurrent.h computes. The states of all steps are known
// from the forward's Y, so that the gates come again from two products over all steps (RNN needs none); the sweep back over time runs for
// each range of samples by itself; the gradients of W, R and X are then one product each.
//
//   const RecurrentGradient back(spec, steps, batch);
//   back.run({.x = x, .w = w, .r = r, .y = y, .dy = dy, .dw = dw, .scratch = scratch});
//
// Immutable; `run` may be called from several threads at once, each with its own scratch. It takes ThreadPool::current().
#pragma once
#include "kernel/recurrent/recurrent.h"

namespace hone::recurrent {

/// As in recurrent.h, dense; W, R, B as ONNX has them. Gradients that do not arrive, initial states and B may be null, and
/// results that are not wanted.
struct GradientArguments {
    const float *x = nullptr, *w = nullptr, *r = nullptr, *b = nullptr, *h0 = nullptr, *c0 = nullptr;
    const float* y = nullptr;                                            ///< what the forward gave
    const float *dy = nullptr, *dy_h = nullptr, *dy_c = nullptr;
    float *dx = nullptr, *dw = nullptr, *dr = nullptr, *db = nullptr, *dh0 = nullptr, *dc0 = nullptr;
    void* scratch = nullptr;                                             ///< scratch_bytes(), 64-byte aligned
};

class RecurrentGradient {
  public:
    RecurrentGradient(const Spec& spec, int64_t steps, int64_t batch);
    size_t scratch_bytes() const;
    void run(const GradientArguments& a) const;

  private:
    struct Parts;
    Parts parts(void* scratch, size_t* bytes) const;
    int64_t time(int64_t direction, int64_t step) const;
    void states(const GradientArguments& a, const Parts& p, int64_t d) const;
    void gates(const GradientArguments& a, const Parts& p, int64_t d) const;
    void sweep(const GradientArguments& a, const Parts& p, int64_t d, int64_t begin, int64_t end) const;
    void results(const GradientArguments& a, const Parts& p, int64_t d) const;
    bool lstm() const { return spec_.cell == Cell::lstm; }
    bool linear() const { return spec_.cell == Cell::gru && spec_.linear_before_reset; }
    bool two_phases() const { return spec_.cell == Cell::gru && !spec_.linear_before_reset; }

    Spec spec_;
    int64_t steps_, batch_, rows_, gates_, dirs_, padded_;
};

}  // namespace hone::recurrent
