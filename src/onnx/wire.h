// SPDX-License-Identifier: Apache-2.0
// The gate: an ONNX file's wire format is walked and checked before protobuf parses anything. The walk counts nodes,
// initialisers, attributes and graphs, holds nesting and byte ranges against base/limits.h, takes every tensor out as
// a record that points into the file, and leaves a small skeleton that is safe to parse: in it a TensorProto holds
// nothing but the number of its record (8 bytes of raw_data).
//
//   wire::Skeleton s = wire::walk_model(bytes, "net.onnx");
//   const wire::TensorRecord& t = s.tensors[wire::record_number(proto.raw_data())];
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hone::wire {

/// One TensorProto; the views point into the walked bytes.
struct TensorRecord {
    std::string name;
    int64_t data_type = 0;  ///< as in the file; may be none that hone has
    std::vector<int64_t> dims;
    bool has_raw = false;
    std::string_view raw;
    int typed_field = 0;                    ///< number of the typed field that holds the data; 0: none
    std::string_view packed;                ///< its elements, wire-encoded back to back, when they stand in one piece
    std::string joined;                     ///< the same, when they stand in several
    std::vector<std::string_view> strings;  ///< of string_data
    bool external = false;
    std::vector<std::pair<std::string, std::string>> external_data;
    size_t offset = 0;  ///< in the walked bytes; for messages
    std::string_view elements() const { return joined.empty() ? packed : std::string_view(joined); }
};

struct Counts {
    int64_t nodes = 0, initializers = 0, attributes = 0, graphs = 0, records = 0;
};
struct Skeleton {
    std::string bytes;
    std::vector<TensorRecord> tensors;
    Counts counts;
};

/// Errors, all with file and offset: model "model.not_onnx", "model.truncated", "model.wire", "model.nesting",
/// "model.too_many_nodes", "model.too_many_records", "model.duplicate_data", "model.duplicate_field", "model.utf8",
/// "model.tensor.rank"; budget "memory.limit".
Skeleton walk_model(std::string_view bytes, const std::string& name);
/// A lone TensorProto, as in test data.
TensorRecord walk_tensor(std::string_view bytes, const std::string& name);
size_t record_number(std::string_view raw_data);

/// The varint at `p`, which moves behind it; false when it is cut off or longer than 10 bytes.
bool read_varint(const char*& p, const char* end, uint64_t& value);
void append_varint(std::string& out, uint64_t value);

}  // namespace hone::wire
