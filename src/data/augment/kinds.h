// SPDX-License-Identifier: Apache-2.0
// What the kinds of augmentation do to a picture when nothing is random any more, by family, and the functions of the
// list, which draw and then call these. Where Pillow has an operation, its result is Pillow's, bit for bit.
//
//   image = rotated(image, 10.0);
//   image = adjusted_contrast(image, 1.3);
#pragma once
#include <span>

#include "base/rng.h"
#include "data/image.h"

namespace hone::augment {

enum class Border { fill, edge, reflect };  ///< black; the border repeated; mirrored without repeating the border
/// Padded by `pad` on each side, then cut to the old size from (top, left), both 0..2*pad.
Image padded_crop(const Image& image, int pad, Border border, int top, int left);
/// A part of the picture brought to the whole's size with Pillow's bilinear filter.
Image resized_crop(const Image& image, int top, int left, int height, int width);

void flip_horizontally(Image& image);
void flip_vertically(Image& image);

/// Pillow's Image.transform(AFFINE, BILINEAR): the pixel (x, y) is looked up at (m0 x + m1 y + m2, m3 x + m4 y + m5) of
/// the old picture, positions being those of pixels' middles; what lies outside is black.
Image affine(const Image& image, const double (&m)[6]);
Image rotated(const Image& image, double degrees);             ///< counter-clockwise about the middle
Image scaled(const Image& image, double factor);               ///< about the middle
Image shifted(const Image& image, int to_right, int downwards);  ///< what comes in is black

Image jpeg_round_trip(const Image& image, int quality);

/// Pillow's ImageEnhance: from another picture (factor 0) to this one (1) and beyond: Sharpness: smoothed by the 3x3
/// kernel 1 1 1, 1 5 1, 1 1 1; Color: grey; Brightness: black; Contrast: the mean of the grey picture.
Image adjusted_sharpness(const Image& image, double factor);
Image adjusted_saturation(const Image& image, double factor);
Image adjusted_brightness(const Image& image, double factor);
Image adjusted_contrast(const Image& image, double factor);

/// Normal noise of this standard deviation in steps of 1/255, rounded and clipped.
void add_noise(Image& image, double deviation, Rng& rng);

/// DeVries & Taylor, "Improved regularization of convolutional neural networks with cutout" (2017): a square about
/// (y, x), cut off at the border, gets one value.
void cut_out(Image& image, int y, int x, int side, uint8_t value);

// The functions of the list.
void crop_kind(Image& image, std::span<const double> values, Rng& rng);
void resized_crop_kind(Image& image, std::span<const double> values, Rng& rng);
void flip_kind(Image& image, std::span<const double> values, Rng& rng);
void flip_vertical_kind(Image& image, std::span<const double> values, Rng& rng);
void rotate_kind(Image& image, std::span<const double> values, Rng& rng);
void scale_kind(Image& image, std::span<const double> values, Rng& rng);
void shift_kind(Image& image, std::span<const double> values, Rng& rng);
void compression_kind(Image& image, std::span<const double> values, Rng& rng);
void sharpen_kind(Image& image, std::span<const double> values, Rng& rng);
void saturation_kind(Image& image, std::span<const double> values, Rng& rng);
void brightness_kind(Image& image, std::span<const double> values, Rng& rng);
void contrast_kind(Image& image, std::span<const double> values, Rng& rng);
void noise_kind(Image& image, std::span<const double> values, Rng& rng);
void cutout_kind(Image& image, std::span<const double> values, Rng& rng);

/// low..high, ends included.
inline int between(Rng& rng, int low, int high) {
    return low + static_cast<int>(rng.below(static_cast<uint64_t>(high - low) + 1));
}
inline double between(Rng& rng, double low, double high) { return low + (high - low) * rng.uniform(); }

}  // namespace hone::augment
