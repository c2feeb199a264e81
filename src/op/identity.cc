// SPDX-License-Identifier: Apache-2.0
// Identity and Dropout (inference), ONNX operators 1 to 21.
#include <cstring>

#include "op/list.h"

namespace hone::ops {
namespace {

void copy(const Tensor& from, Tensor& to) {
    if (from.dtype() == DType::string)
        for (int64_t i = 0; i < from.count(); ++i) to.str(i) = from.str(i);
    else if (from.bytes())
        std::memcpy(to.raw_mut(), from.raw(), from.bytes());
}

void infer_identity(InferContext& c) { c.set_like(0, 0); }
void run_identity(RefContext& c) { copy(c.in[0], c.out[0]); }

}  // namespace

std::vector<OpDecl> identity() {
    return {
        {.name = "Identity", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_identity, .reference = run_identity, .elementwise = true},
    };
}

}  // namespace hone::ops
