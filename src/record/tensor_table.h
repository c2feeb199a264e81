// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file: where each tensor's bytes lie. Used by record/safetensors.cc.
//
//   const TensorTable t = tensor_table_from_json(header);
//   t.tensors[0].second.data_offsets;   // {0, 400}
#pragma once
#include "record/common.h"

namespace hone::record {

struct TensorEntry {
    std::string dtype{};                  ///< "F32", "I64", ...
    std::vector<int64_t> shape{}, data_offsets{};  ///< begin and end in the bytes behind the header
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("dtype", s.dtype);
        v("shape", s.shape);
        v("data_offsets", s.data_offsets);
    }
};

struct TensorTable {
    Texts metadata{};
    std::vector<std::pair<std::string, TensorEntry>> tensors{};
};

/// On one line.
std::string to_json(const TensorTable& t);
/// Throws data "record.json" (no JSON object), "record.type".
TensorTable tensor_table_from_json(std::string_view text);

}  // namespace hone::record
