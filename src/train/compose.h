// SPDX-License-Identifier: Apache-2.0
// Networks taken apart and put together: a branch of a network of several inputs, one network behind another, weights
// that another step trains as inputs. Constants keep their names, by which a trained value finds its way back.
//
//   Graph tower = part_of(pair, {embedding_a});                       // reads input a alone
//   const std::vector<ValueId> logits = append(g, judge, {picture});  // g, then judge
#pragma once
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::train {

/// The graph with these of its values as outputs, and only the nodes and inputs that they need. Ids change.
Graph part_of(const Graph& g, const std::vector<ValueId>& outputs);

/// Which inputs of the graph `v` depends on, one flag each.
std::vector<bool> inputs_of(const Graph& g, ValueId v);

/// Copies the nodes of `from` behind those of `to`, which gives their `inputs`; constants and new values get names that
/// are free. Gives what the outputs of `from` have become; the outputs of `to` stay. Throws unsupported "train.subgraph"
/// for If, Loop and Scan.
std::vector<ValueId> append(Graph& to, const Graph& from, const std::vector<ValueId>& inputs);

/// A second application of the graph to inputs of its own, by the same constants: inputs x, then x again; outputs
/// likewise. Throws what append throws.
Graph twin(const Graph& g);

/// The network as it is while another step trains it: its parameters are inputs behind its own, batch normalisation
/// takes the statistics of the batch and keeps none. Types must be known (`specialise`).
struct Borrowed {
    Graph graph;
    std::vector<std::string> parameters;  ///< names in the order of the inputs that were added
};
Borrowed borrow(const Graph& g);

}  // namespace hone::train
