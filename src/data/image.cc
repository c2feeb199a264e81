// SPDX-License-Identifier: Apache-2.0
#include "data/image.h"

#include <cstring>

#include "base/error.h"
#include "base/limits.h"

namespace hone {

namespace {
bool is_png_or_fail(const uint8_t* data, size_t size, const std::string& where) {
    if (is_png(data, size)) return true;
    if (is_jpeg(data, size)) return false;
    fail(ErrorKind::data, "data.image.format", size == 0 ? "the picture is empty" : "neither a JPEG nor a PNG picture",
         "Convert it to PNG or JPEG, or take it out of the folder.", where);
}

Image colour_to_grey(const Image& in) {
    Image out{in.width, in.height, 1, std::vector<uint8_t>(in.pixels.size() / 3)};
    const uint8_t* p = in.pixels.data();
    for (uint8_t& g : out.pixels) {
        g = static_cast<uint8_t>((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 0x8000u) >> 16);
        p += 3;
    }
    return out;
}

Image grey_to_colour(const Image& in) {
    Image out{in.width, in.height, 3, std::vector<uint8_t>(in.pixels.size() * 3)};
    uint8_t* p = out.pixels.data();
    for (const uint8_t g : in.pixels) {
        std::memset(p, g, 3);
        p += 3;
    }
    return out;
}
}  // namespace

void check_image_size(int64_t width, int64_t height, const std::string& where, const ImageLimits& l) {
    if (width <= 0 || height <= 0)
        fail(ErrorKind::data, "data.image.limit", cat("a picture of ", width, "x", height, " pixels"), {}, where);
    const bool fits_memory = static_cast<uint64_t>(width) <= limits().memory_bytes / 4 / static_cast<uint64_t>(height);
    if (width > l.side || height > l.side || width > l.pixels / height || !fits_memory)
        fail(ErrorKind::data, "data.image.limit",
             cat("the header says ", width, "x", height, " pixels; at most ", l.pixels, " pixels, ", l.side,
                 " a side, are read"),
             "If this is truly a picture, make it smaller first.", where);
}

ImageInfo image_info(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    return is_png_or_fail(data, size, where) ? png_info(data, size, where, l) : jpeg_info(data, size, where, l);
}

Image decode_image(const uint8_t* data, size_t size, const std::string& where, const ImageLimits& l) {
    return is_png_or_fail(data, size, where) ? decode_png(data, size, where, l) : decode_jpeg(data, size, where, l);
}

void image_of_planes(const uint8_t* planes, const ImageInfo& info, Image& into) {
    into.width = info.width;
    into.height = info.height;
    into.channels = info.channels;
    const auto channels = static_cast<size_t>(info.channels);
    into.pixels.resize(into.bytes());
    const size_t plane = into.bytes() / channels;
    for (size_t p = 0; p < plane; ++p)
        for (size_t c = 0; c < channels; ++c) into.pixels[channels * p + c] = planes[c * plane + p];
}

Image image_of_planes(const uint8_t* planes, const ImageInfo& info) {
    Image out;
    image_of_planes(planes, info, out);
    return out;
}

Image convert_channels(Image image, int channels) {
    HONE_CHECK(channels == 1 || channels == 3);
    if (image.channels == channels) return image;
    return channels == 1 ? colour_to_grey(image) : grey_to_colour(image);
}

}  // namespace hone
