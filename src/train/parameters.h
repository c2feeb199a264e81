// SPDX-License-Identifier: Apache-2.0
// Which constants of a network are trained. A file does not say; what it says is where each is used. Trained are float
// constants, through reshaping, transposing and the like, that are
//   - weights of products: Conv, Gemm, MatMul, Einsum, the recurrent operators, the table of a Gather;
//   - biases of these, scale and bias of a normalisation, slopes of PRelu;
//   - added to what a weight reached (a bias, an embedding of positions), multiplied with it a channel (a scale), or
//     concatenated with it (a class token).
// Not scalars of arithmetic, statistics of BatchNormalization, masks (|v| > 1e4), nor what is done to the input before
// the first weight.
//
//   for (const Parameter& p : find_parameters(g)) count += p.initial.count();
#pragma once
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::train {

enum class ParameterKind { weight, bias, norm };

struct Parameter {
    std::string name;           ///< of the constant, and of its state
    ValueId value = kNone;      ///< the constant; in a trainable graph the input that stands for it
    Tensor initial;
    ParameterKind kind = ParameterKind::weight;
    int64_t layer = 0;          ///< from 0: how many operators with weights of products come before
};

/// In the order of first use.
std::vector<Parameter> find_parameters(const Graph& g);

}  // namespace hone::train
