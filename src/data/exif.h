// SPDX-License-Identifier: Apache-2.0
// Which way up a camera held a picture: the tag Orientation of Exif 2.32 (JEITA CP-3451), in the TIFF structure after
// "Exif\0\0" in a JPEG's APP1 marker. The JPEG reader calls it.
//
//   const int o = exif_orientation(marker, size);    // 1..8; 1 where nothing says otherwise
//   image = upright(std::move(image), o);
#pragma once
#include "data/image.h"

namespace hone {

/// 1..8; 1 for what is no Exif data, or damaged. Reads within `size`.
int exif_orientation(const uint8_t* data, size_t size);
/// The stored picture turned as its viewer should see it (Pillow's ImageOps.exif_transpose). 5..8 swap the sides.
Image upright(Image image, int orientation);

}  // namespace hone
