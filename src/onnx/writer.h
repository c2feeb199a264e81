// SPDX-License-Identifier: Apache-2.0
// Writes a graph as a standard ONNX file: in the opset that it came in, raised only as far as a node needs; nodes in
// topological order, unused initialisers dropped, the same bytes every time. Original node names that differ from a
// node's own travel in its doc string ("origins: a + b").
//
//   write_model(g, "out.onnx");
#pragma once
#include <optional>
#include <string>

#include "graph/graph.h"

namespace hone {

struct WriteOptions {
    std::optional<int> opset = std::nullopt;  ///< instead of the original's; raising it further is an error
};
/// Errors: unsupported "write.opset", "write.type", "write.too_large" (past 2 GiB), internal "write.domain" for a node of
/// the domain "hone": runtime passes must not run before a file is written.
std::string model_bytes(const Graph& g, const WriteOptions& options = {});
/// Atomic; io "file.write". Weights go to the file without a second copy.
void write_model(const Graph& g, const std::string& path, const WriteOptions& options = {});
/// One TensorProto, as read_tensor_file reads it.
std::string tensor_bytes(const Tensor& t, const std::string& name);

}  // namespace hone
