// SPDX-License-Identifier: Apache-2.0
// u8 arrays of pictures as an ImageSource: [N,H,W], [N,C,H,W] or [N,H,W,C] of 1 or 3 channels. Called by array_part.cc.
//
//   std::shared_ptr<const ImageSource> images = array_images(values, "x.npy", "npy");
#pragma once
#include <memory>
#include <string>

#include "data/raw_part.h"

namespace hone {

/// Throws data "data.<family>.size", "data.image.limit".
std::shared_ptr<const ImageSource> array_images(Tensor values, std::string where, const std::string& family);

}  // namespace hone
