// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire_schema.h"

#include <algorithm>
#include <iterator>

namespace hone::wire {
namespace {

using enum Kind;
using enum Form;
constexpr Field kFields[] = {
    {model, 1, varint}, {model, 2, text}, {model, 3, text}, {model, 4, text}, {model, 5, varint}, {model, 6, bytes},
    {model, 7, message, false, graph}, {model, 8, message, true, opset}, {model, 14, message, true, entry},
    {model, 20, message, true, training}, {model, 25, message, true, function},

    {graph, 1, message, true, node}, {graph, 2, text}, {graph, 5, message, true, tensor}, {graph, 10, bytes},
    {graph, 11, message, true, value}, {graph, 12, message, true, value}, {graph, 13, message, true, value},
    {graph, 14, message, true, annotation}, {graph, 15, message, true, sparse}, {graph, 16, message, true, entry},

    {node, 1, text, true}, {node, 2, text, true}, {node, 3, text}, {node, 4, text}, {node, 5, message, true, attribute},
    {node, 6, bytes}, {node, 7, text}, {node, 8, text}, {node, 9, message, true, entry},

    {attribute, 1, text}, {attribute, 2, fixed32}, {attribute, 3, varint}, {attribute, 4, bytes},
    {attribute, 5, message, false, tensor}, {attribute, 6, message, false, graph}, {attribute, 7, fixed32s, true},
    {attribute, 8, varints, true}, {attribute, 9, bytes, true}, {attribute, 10, message, true, tensor},
    {attribute, 11, message, true, graph}, {attribute, 13, bytes}, {attribute, 14, message, false, type},
    {attribute, 15, message, true, type}, {attribute, 20, varint}, {attribute, 21, text},
    {attribute, 22, message, false, sparse}, {attribute, 23, message, true, sparse},

    {tensor, 1, varints, true}, {tensor, 2, varint}, {tensor, 3, message, false, segment}, {tensor, 4, fixed32s, true},
    {tensor, 5, varints, true}, {tensor, 6, bytes, true}, {tensor, 7, varints, true}, {tensor, 8, text},
    {tensor, 9, bytes}, {tensor, 10, fixed64s, true}, {tensor, 11, varints, true}, {tensor, 12, bytes},
    {tensor, 13, message, true, entry}, {tensor, 14, varint}, {tensor, 16, message, true, entry},
    {segment, 1, varint}, {segment, 2, varint},
    {sparse, 1, message, false, tensor}, {sparse, 2, message, false, tensor}, {sparse, 3, varints, true},

    {value, 1, text}, {value, 2, message, false, type}, {value, 3, bytes}, {value, 4, message, true, entry},
    {type, 1, message, false, type_tensor}, {type, 4, message, false, type_element}, {type, 5, message, false, type_map},
    {type, 6, text}, {type, 7, message, false, opaque}, {type, 8, message, false, type_tensor},
    {type, 9, message, false, type_element},
    {type_tensor, 1, varint}, {type_tensor, 2, message, false, shape}, {type_element, 1, message, false, type},
    {type_map, 1, varint}, {type_map, 2, message, false, type}, {opaque, 1, text}, {opaque, 2, text},
    {shape, 1, message, true, dim}, {dim, 1, varint}, {dim, 2, text}, {dim, 3, text},

    {entry, 1, text}, {entry, 2, bytes}, {opset, 1, text}, {opset, 2, varint},
    {function, 1, text}, {function, 4, text, true}, {function, 5, text, true}, {function, 6, text, true},
    {function, 7, message, true, node}, {function, 8, bytes}, {function, 9, message, true, opset}, {function, 10, text},
    {function, 11, message, true, attribute}, {function, 12, message, true, value}, {function, 13, text},
    {function, 14, message, true, entry},
    {training, 1, message, false, graph}, {training, 2, message, false, graph}, {training, 3, message, true, entry},
    {training, 4, message, true, entry},
    {annotation, 1, text}, {annotation, 2, message, true, entry},
};

}  // namespace

const Field* find_field(Kind parent, uint64_t number) {
    static const struct Index {
        const Field* at[static_cast<size_t>(none)][32] = {};
        Index() {
            for (const Field& f : kFields) at[static_cast<size_t>(f.parent)][f.number] = &f;
        }
    } index;
    return number < 32 ? index.at[static_cast<size_t>(parent)][number] : nullptr;
}

bool holds_tensors(Kind k) {
    constexpr Kind kinds[] = {model, graph, node, attribute, tensor, sparse, function, training};
    return std::find(std::begin(kinds), std::end(kinds), k) != std::end(kinds);
}

}  // namespace hone::wire
