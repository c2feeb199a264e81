// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG pictures from memory to 8-bit pixels, as Pillow decodes and converts them, upright where a JPEG's Exif
// data says how the camera was held. Image folders and `run` call it. Every failure is an Error of kind data whose
// `where` names the picture.
//
//   Image im = decode_image(bytes, size, "a.png");
//   im = convert_channels(std::move(im), 3);
//   uint8_t red = im.pixels[0];
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

struct ImageInfo {
    int width = 0, height = 0;
    int channels = 0;  ///< 1 grey or 3 RGB (palette and CMYK are RGB; alpha is dropped)
    bool operator==(const ImageInfo&) const = default;
};

/// Row-major, channels last.
struct Image {
    int width = 0, height = 0, channels = 0;
    std::vector<uint8_t> pixels;
    size_t bytes() const {
        return static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels);
    }
};

/// Held against the header before anything is allocated.
struct ImageLimits {
    int side = 65500;            ///< pixels of one side (libjpeg's own limit)
    int64_t pixels = 178956970;  ///< width * height; where Pillow refuses too
};

/// Reads the header only. Ids: data.image.format, data.image.limit, data.jpeg.*, data.png.*.
ImageInfo image_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits = {});
/// The whole picture. A picture cut short is an error, never half grey.
Image decode_image(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits = {});
/// To 1 or 3 channels: colour to grey is ITU-R 601-2 in Pillow's integers, grey to colour repeats.
Image convert_channels(Image image, int channels);

/// From planes one after the other.
Image image_of_planes(const uint8_t* planes, const ImageInfo& info);
void image_of_planes(const uint8_t* planes, const ImageInfo& info, Image& into);

/// A baseline JPEG as libjpeg (and Pillow) writes it unasked: accurate integer DCT, colour at half resolution both ways.
/// 1 or 3 channels, `quality` 1..100.
std::vector<uint8_t> encode_jpeg(const Image& image, int quality);
/// 8 bits a channel, 1 or 3 channels.
std::vector<uint8_t> encode_png(const Image& image);

/// Used by the readers of the two formats: throws data.image.limit.
void check_image_size(int64_t width, int64_t height, const std::string& where, const ImageLimits& limits);

bool is_jpeg(const uint8_t* data, size_t size);
ImageInfo jpeg_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits);
Image decode_jpeg(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits);
bool is_png(const uint8_t* data, size_t size);
ImageInfo png_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits);
Image decode_png(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& limits);

}  // namespace hone
