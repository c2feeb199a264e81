// SPDX-License-Identifier: Apache-2.0
// Budgets that untrusted input is held against. Set once at start (cli), read everywhere.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hone {

struct Limits {
    size_t memory_bytes = size_t{16} << 30;  ///< one buffer, and a whole plan
    int64_t nodes = 200000;                  ///< nodes of a model, subgraphs included
    int nesting = 16;                        ///< depth of subgraphs
    size_t model_bytes = size_t{2} << 30;    ///< the .onnx file itself (side files not counted)
    size_t fold_bytes = size_t{256} << 20;   ///< one folded constant
};
Limits& limits();

}  // namespace hone
