// SPDX-License-Identifier: Apache-2.0
// The canonical graph in the words of an older opset: each operator's `downgrade` on a copy.
#pragma once
#include <optional>

#include "graph/graph.h"

namespace hone {
/// The copy's opsets say what it is in: the original's opset (or `asked`), raised as far as a node needs. Throws
/// unsupported "write.opset" when `asked` cannot hold a node.
Graph in_opset(const Graph& g, std::optional<int> asked);
}  // namespace hone
