// SPDX-License-Identifier: Apache-2.0
// Pillow's resize with its six filters, bit for bit: models were trained with it. Image pipelines call it. A filter
// widens with the reduction; coefficients are 22-bit fixed point; the first pass rounds to bytes before the second one
// (Pillow's src/libImaging/Resample.c; nearest: Geometry.c). Pillow 13 runs the vertical pass first where the height
// shrinks by more than twice what the width does. Bicubic and lanczos, which overshoot and clip, do so too: there the
// order shows. The others, a step apart at most, keep the order that existing models were trained with: width first.
//
//   Image small = resize_image(image, 32, 32, Resample::bicubic);
//   Image middle = crop_center(small, 28, 28);
#pragma once
#include "data/image.h"
#include "data/preprocess.h"

namespace hone {

/// To `height` x `width`, both > 0.
Image resize_image(const Image& image, int height, int width, Resample filter = Resample::bilinear);
/// The middle `height` x `width`; an odd margin is halved to even, as torchvision's CenterCrop does. Throws data
/// "data.image.crop" when the image is smaller.
Image crop_center(const Image& image, int height, int width, const std::string& where = {});

}  // namespace hone
