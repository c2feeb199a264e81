// SPDX-License-Identifier: Apache-2.0
// Files given by mistake: says what a file looks like when it is certainly no ONNX model.
#pragma once
#include <string>
#include <string_view>

namespace hone {
/// "" when it may be ONNX; else what it is, such as "a PyTorch checkpoint".
std::string other_format(std::string_view bytes);
/// Throws model "model.not_onnx" with a way out.
void refuse_other_formats(std::string_view bytes, const std::string& where);
}  // namespace hone
