// SPDX-License-Identifier: Apache-2.0
// What RNN, GRU and LSTM share: shapes, directions, activations. rnn.cc declares the operators.
//
//   const Recurrent r(c, c.in[0].dims(), c.in[2].dims());
//   r.activation(direction, 0)(x);
#pragma once
#include <vector>

#include "op/op.h"

namespace hone {

/// f(x) with its alpha and beta, by ONNX name.
struct Activation {
    enum class Kind { relu, tanh, sigmoid, affine, leaky_relu, thresholded_relu, scaled_tanh, hard_sigmoid, elu, softsign, softplus };
    Kind kind = Kind::tanh;
    double alpha = 0, beta = 0;
    double operator()(double x) const;
    double slope(double x) const;  ///< its derivative; at a kink that of the side which PyTorch takes
};
/// `defaults` are the names for one direction; the attributes override them. Refuses unknown names and wrong counts.
std::vector<Activation> recurrent_activations(const OpContext& c, const std::vector<std::string>& defaults, size_t directions);
/// 1 or 2; refuses an unknown direction.
size_t recurrent_directions(const OpContext& c);

/// Sizes of one recurrent node; `gates` is 1 (RNN), 3 (GRU) or 4 (LSTM).
struct Recurrent {
    int64_t steps, batch, input, hidden;
    size_t directions, gates;
    bool batch_first;
    Recurrent(const OpContext& c, const Dims& x, const Dims& r, size_t gate_count);
    int64_t x_at(int64_t t, int64_t b) const { return (batch_first ? b * steps + t : t * batch + b) * input; }
    int64_t y_at(int64_t t, size_t d, int64_t b) const {
        const auto n = static_cast<int64_t>(directions), k = static_cast<int64_t>(d);
        return (batch_first ? (b * steps + t) * n + k : (t * n + k) * batch + b) * hidden;
    }
    int64_t state_at(size_t d, int64_t b) const {
        const auto n = static_cast<int64_t>(directions), k = static_cast<int64_t>(d);
        return (batch_first ? b * n + k : k * batch + b) * hidden;
    }
};

/// Attributes of RNN (1 gate), GRU (3) or LSTM (4), and the names of one direction's activations without the attribute.
std::vector<AttrSpec> recurrent_attributes(int64_t gates);
std::vector<std::string> default_activations(int64_t gates);
/// Types and shapes of the inputs checked, outputs set: Y, Y_h and, for LSTM, Y_c.
void infer_recurrent(InferContext& c, int64_t gates);
Cost cost_recurrent(const CostContext& c, int64_t gates);

}  // namespace hone
