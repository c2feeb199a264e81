// SPDX-License-Identifier: Apache-2.0
// The skeleton that the walk left becomes a Graph: parsed, checked, upgraded to the canonical opset, types inferred.
#pragma once
#include <map>
#include <string>

#include "graph/graph.h"
#include "onnx/tensor.h"
#include "onnx/wire.h"

namespace hone {
Graph build_graph(const wire::Skeleton& skeleton, ModelSource& source);
std::map<std::string, int> operators_in(const wire::Skeleton& skeleton, const std::string& name);
int64_t parameters_in(const wire::Skeleton& skeleton, const std::string& name);
}  // namespace hone
