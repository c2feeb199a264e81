// SPDX-License-Identifier: Apache-2.0
// The skeleton that the walk left becomes a Graph: parsed, checked, upgraded to the canonical opset, types inferred.
#pragma once
#include "graph/graph.h"
#include "onnx/tensor.h"
#include "onnx/wire.h"

namespace hone {
Graph build_graph(const wire::Skeleton& skeleton, ModelSource& source);
}  // namespace hone
