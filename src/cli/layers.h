// SPDX-License-Identifier: Apache-2.0
// The layers of a network as they stand in its file: what `inspect` tells of each.
//
//   std::vector<record::InspectLayer> rows = layers_of(specialise(graph, dims));
#pragma once
#include <vector>

#include "graph/graph.h"
#include "record/inspect.h"

namespace hone::cli {

/// One row a node, in order, of a graph whose types are known as far as they can be. A constant that several layers
/// read counts as a parameter of the first.
std::vector<record::InspectLayer> layers_of(const Graph& g);

}  // namespace hone::cli
