// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/augment/kinds.h"

namespace hone::augment {

void flip_horizontally(Image& image) {
    const auto c = static_cast<size_t>(image.channels), row = static_cast<size_t>(image.width) * c;
    for (uint8_t* begin = image.pixels.data(); begin != image.pixels.data() + image.pixels.size(); begin += row)
        for (uint8_t *a = begin, *b = begin + row - c; a < b; a += c, b -= c) std::swap_ranges(a, a + c, b);
}

void flip_vertically(Image& image) {
    const size_t row = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
    uint8_t *a = image.pixels.data(), *b = a + image.pixels.size() - row;
    for (; a < b; a += row, b -= row) std::swap_ranges(a, a + row, b);
}

void flip_kind(Image& image, std::span<const double>, Rng&) { flip_horizontally(image); }
void flip_vertical_kind(Image& image, std::span<const double>, Rng&) { flip_vertically(image); }

}  // namespace hone::augment
