// SPDX-License-Identifier: Apache-2.0
// Recomputation of activations in a training step, for memory (Griewank and Walther, "Algorithm 799: revolve", 2000; Chen et
// al., "Training Deep Nets with Sublinear Memory Cost", 2016): the forward pass is cut into segments. What crosses a cut is
// kept; what else the way back reads is computed again from it when the gradient has come as far as its segment. Costs at
// most one more forward pass.
//
//   std::map<NodeId, NodeId> differentiates;
//   d = add_gradients(g, {{loss}}, weights, &differentiates);
//   recompute_activations(g, weights, differentiates);
#pragma once
#include <map>
#include <vector>

#include "graph/graph.h"
#include "pass/segments.h"

namespace hone {

/// `weights`: what gradients were asked of; `differentiates` as add_gradients fills it; all types must be known. Cuts are chosen for the least memory, as the sizes of
/// values tell it (a cut may be anywhere in the order of the nodes: the lower sets of Kusumoto et al., "A Graph Theoretic
/// Framework of Recomputation Algorithms for Memory-Efficient Backpropagation", 2019, of one order). Random operators and
/// means over ranks are never computed again: their results are kept. The nodes that are added are the same operators, named
/// after what they compute again (":again"), and wait behind hone.After. `ends`: the segments (pass/segments.h); when empty,
/// the best by these sizes. Returns the sizes.
SizedForward recompute_activations(Graph& g, const std::vector<ValueId>& weights, const std::map<NodeId, NodeId>& differentiates, Segments ends = {});

}  // namespace hone
