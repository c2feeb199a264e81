// SPDX-License-Identifier: Apache-2.0
// Reverse-mode differentiation as a pass: adds to a graph the nodes that compute gradients, by the rules that stand beside
// the operators (op/gradient.h). The step that trains is then one graph: forward, loss, backward, update.
//
//   std::vector<ValueId> d = add_gradients(g, {{loss, kNone}}, weights);    // d[i] = d loss / d weights[i]
#pragma once
#include <map>
#include <vector>

#include "op/op.h"

namespace hone {

/// A value to differentiate and the gradient that arrives at it, of its type and dims; kNone: ones.
struct Seed {
    ValueId value;
    ValueId gradient = kNone;
};

/// The gradient of sum_i <seed_i, value_i> for each value of `with_respect_to` (inputs, constants or computed values), of
/// its dims; zeros where nothing depends on it. All types between them must be known (`specialise`). Nodes that are added
/// have the origins of the node that they differentiate and are named after it (".grad").
/// `differentiates`: filled with the nodes that rules added, and for each the node whose gradient it computes a part of.
/// Throws unsupported "gradient.missing", naming the operators without a rule that a gradient would have to pass.
std::vector<ValueId> add_gradients(Graph& g, const std::vector<Seed>& seeds, const std::vector<ValueId>& with_respect_to,
                                   std::map<NodeId, NodeId>* differentiates = nullptr);

/// Operators of `g` that stand between the values and have no rule: "Op x3 (node 'a')", empty when all can be passed.
std::vector<std::string> missing_gradients(const Graph& g, const std::vector<Seed>& seeds,
                                           const std::vector<ValueId>& with_respect_to);

}  // namespace hone
