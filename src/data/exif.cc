// SPDX-License-Identifier: Apache-2.0
#include "data/exif.h"

#include <cstring>

#include "base/error.h"

namespace hone {

namespace {
constexpr char kMark[] = "Exif\0";  // and its own zero: six bytes
constexpr uint16_t kOrientation = 0x0112, kByte = 1, kShort = 3, kLong = 4;

/// Bytes of either order; reading past the end gives zero.
class Tiff {
  public:
    Tiff(const uint8_t* data, size_t size) : data_(data), size_(size) {
        valid_ = size >= 8 && (!std::memcmp(data, "II*\0", 4) || !std::memcmp(data, "MM\0*", 4));
        little_ = valid_ && data[0] == 'I';
    }
    bool valid() const { return valid_; }
    uint32_t number(size_t at, size_t width) const {
        if (at > size_ || width > size_ - at) return 0;
        uint32_t v = 0;
        for (size_t i = 0; i < width; ++i) v = v << 8 | data_[little_ ? at + width - 1 - i : at + i];
        return v;
    }

  private:
    const uint8_t* data_;
    size_t size_;
    bool valid_ = false, little_ = false;
};
}  // namespace

int exif_orientation(const uint8_t* data, size_t size) {
    if (size < sizeof kMark || std::memcmp(data, kMark, sizeof kMark) != 0) return 1;
    const Tiff tiff(data + sizeof kMark, size - sizeof kMark);
    if (!tiff.valid()) return 1;
    const size_t directory = tiff.number(4, 4);
    const size_t entries = tiff.number(directory, 2);
    for (size_t e = 0; e < entries; ++e) {
        const size_t at = directory + 2 + 12 * e;
        if (tiff.number(at, 2) != kOrientation) continue;
        const uint32_t type = tiff.number(at + 2, 2);
        const size_t width = type == kByte ? 1 : type == kShort ? 2 : type == kLong ? 4 : 0;
        const uint32_t v = width && tiff.number(at + 4, 4) == 1 ? tiff.number(at + 8, width) : 0;
        return v >= 1 && v <= 8 ? static_cast<int>(v) : 1;
    }
    return 1;
}

Image upright(Image image, int orientation) {
    HONE_CHECK(orientation >= 1 && orientation <= 8, orientation);
    if (orientation == 1) return image;
    // Where the pixel at the new (x, y) was stored: 2 and 4 mirror, 3 turns half round, 5 and 7 transpose, 6 and 8 turn.
    const bool swap = orientation >= 5;
    const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    Image out{swap ? image.height : image.width, swap ? image.width : image.height, image.channels, {}};
    out.pixels.resize(out.bytes());
    const auto c = static_cast<size_t>(image.channels);
    uint8_t* to = out.pixels.data();
    for (int y = 0; y < out.height; ++y)
        for (int x = 0; x < out.width; ++x, to += c) {
            int sx = swap ? y : x, sy = swap ? x : y;
            if (flip_x) sx = image.width - 1 - sx;
            if (flip_y) sy = image.height - 1 - sy;
            const size_t from = static_cast<size_t>(sy) * static_cast<size_t>(image.width) + static_cast<size_t>(sx);
            std::memcpy(to, image.pixels.data() + from * c, c);
        }
    return out;
}

}  // namespace hone
