// SPDX-License-Identifier: Apache-2.0
// A tensor record of the walk becomes a Tensor: every storage of TensorProto (raw, typed, strings, side file).
#pragma once
#include <memory>
#include <string>

#include "base/tensor.h"
#include "onnx/external.h"
#include "onnx/wire.h"

namespace hone {

/// Where a model's bytes live. `owner` null: the bytes go away after reading, so that everything is copied.
struct ModelSource {
    std::string name;  ///< for messages
    std::shared_ptr<const void> owner;
    SideFiles side;
};

/// Errors: model "model.tensor.size", "model.tensor.dims", "model.tensor.value"; unsupported "model.tensor.type";
/// those of SideFiles.
Tensor decode_tensor(const wire::TensorRecord& t, ModelSource& source);

}  // namespace hone
