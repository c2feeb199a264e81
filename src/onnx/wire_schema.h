// SPDX-License-Identifier: Apache-2.0
// Which fields of the format are messages, names, numbers: what the walk needs of src/onnx/hone_onnx.proto.
#pragma once
#include <cstdint>

namespace hone::wire {

enum class Kind : uint8_t {
    model, graph, node, attribute, tensor, sparse, value, type, type_tensor, type_element, type_map, opaque, shape, dim,
    entry, opset, function, training, annotation, segment, none
};
/// message; text: UTF-8; bytes; varint, fixed32, fixed64: one number; *s: numbers, packed or not.
enum class Form : uint8_t { message, text, bytes, varint, fixed32, fixed64, varints, fixed32s, fixed64s };

struct Field {
    Kind parent;
    uint8_t number;
    Form form;
    bool repeated = false;
    Kind child = Kind::none;
};
/// Null for a field that hone does not know.
const Field* find_field(Kind parent, uint64_t number);
/// May hold tensors at any depth, so that the skeleton must rewrite it.
bool holds_tensors(Kind k);

}  // namespace hone::wire
