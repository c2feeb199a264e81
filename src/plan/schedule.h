// SPDX-License-Identifier: Apache-2.0
// The order of a training step's nodes, so that less is alive at once: weights are updated as soon as nobody needs the old
// ones, which ends their gradients' lives, and what frees memory goes before what takes it. Called by the planner for
// graphs with states.
#pragma once
#include <vector>

#include "graph/graph.h"

namespace hone {

/// All living nodes. The same graph gives the same order.
std::vector<NodeId> lean_order(const Graph& g);

}  // namespace hone
