// SPDX-License-Identifier: Apache-2.0
// Reads ONNX models of opset 1 to 27 into a graph of the canonical opset, weights mapped from the file. Nothing that a
// file holds can do harm: the wire format is walked and held against base/limits.h first (onnx/wire.h).
//
//   Graph g = read_model("net.onnx");
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace hone {

constexpr int kLeastOpset = 1;   ///< that hone reads
constexpr int kNewestOpset = 27;  ///< since 21, the canonical one, only types and operators came
constexpr int kLeastWritten = 7;
constexpr int kNewestIrVersion = 13;

/// Errors: io "file.absent"; model "model.*", "graph.*", "node.*", "op.*"; unsupported "op.unknown" (every operator that
/// hone does not have, with counts), "model.opset", "model.ir_version", "model.functions", "model.type".
Graph read_model(const std::string& path);
/// The same from memory; everything is copied. `name` is for messages; side files are looked for in `folder`, if any.
Graph read_model_bytes(std::string_view bytes, const std::string& name = "model", const std::string& folder = {});
/// How often each operator stands in a model's main graph ("domain.Op" outside the standard's), whether hone has it or not.
std::map<std::string, int> count_operators(const std::string& path);
/// Elements of the initialisers that are parameters (op/parameters.h) of a model's main graph, shared ones once; the values of Constant nodes are none.
int64_t count_parameters(const std::string& path);
/// The model's file and its side files, each once, without reading weights: whatever its answers depend on.
std::vector<std::string> model_files(const std::string& path);
/// Bytes of these files together.
int64_t model_file_bytes(const std::string& path);
/// A file that holds one TensorProto, as in the test data of ONNX. Its name goes to `name`, if given.
Tensor read_tensor_file(const std::string& path, std::string* name = nullptr);

}  // namespace hone
