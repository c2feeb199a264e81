// SPDX-License-Identifier: Apache-2.0
// Transfer to another task: the last layer of a network made anew with another number of outputs, the rest as it was.
// `hone train --new-head` calls it.
//
//   NewHead h = with_new_head(read_model("resnet20.onnx"), 26, seed);     // a classifier of 26 classes
//   train(h.graph, ...);                                                  // h.parameters begin anew
#pragma once
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::train {

struct NewHead {
    Graph graph;
    std::string layer;                    ///< the node that was made anew
    std::vector<std::string> parameters;  ///< its weights and bias
    int64_t before = 0, outputs = 0;      ///< of the first output, a sample
};

/// The first output [N, `outputs`, ...]. The last layer is the Gemm, MatMul or Conv of one group through which all of it
/// goes; behind it may stand activations, means, views and a bias. Weights and bias are drawn from `seed` uniformly within
/// +-1 / sqrt(inputs of an output), as PyTorch's; those that the network uses elsewhere too stay there as they are. The
/// metadata `hone.architecture` goes, for it no longer tells the truth. Throws model "train.head" where there is no such
/// layer, or something behind it holds a number for each output.
NewHead with_new_head(const Graph& g, int64_t outputs, uint64_t seed);

/// C of the first output [N,C,...]; 0 where it is not known.
int64_t outputs_of(const Graph& g);

}  // namespace hone::train
