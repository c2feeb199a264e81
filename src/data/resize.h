// SPDX-License-Identifier: Apache-2.0
// Pillow's antialiased bilinear resize, bit for bit: models were trained with it. Image pipelines call it. The filter
// widens with the reduction; coefficients are 22-bit fixed point; the horizontal pass rounds to bytes before the
// vertical one (Pillow's src/libImaging/Resample.c). Pillow 13 swaps the passes for tall pictures, one step apart at
// most; existing models were trained before it, so the old order stays.
//
//   Image small = resize_bilinear(image, 32, 32);
//   Image middle = crop_center(small, 28, 28);
#pragma once
#include "data/image.h"

namespace hone {

/// To `height` x `width`, both > 0.
Image resize_bilinear(const Image& image, int height, int width);
/// The middle `height` x `width`; an odd margin is halved to even, as torchvision's CenterCrop does. Throws data
/// "data.image.crop" when the image is smaller.
Image crop_center(const Image& image, int height, int width, const std::string& where = {});

}  // namespace hone
