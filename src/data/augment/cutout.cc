// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "data/augment/kinds.h"

namespace hone::augment {

void cut_out(Image& image, int y, int x, int side, uint8_t value) {
    const int top = std::max(y - side / 2, 0), bottom = std::min(y - side / 2 + side, image.height);
    const int left = std::max(x - side / 2, 0), right = std::min(x - side / 2 + side, image.width);
    if (right <= left) return;
    const auto c = static_cast<size_t>(image.channels);
    for (int r = top; r < bottom; ++r) {
        const size_t at = (static_cast<size_t>(r) * static_cast<size_t>(image.width) + static_cast<size_t>(left)) * c;
        std::memset(image.pixels.data() + at, value, static_cast<size_t>(right - left) * c);
    }
}

void cutout_kind(Image& image, std::span<const double> v, Rng& rng) {
    const int y = between(rng, 0, image.height - 1), x = between(rng, 0, image.width - 1);
    cut_out(image, y, x, static_cast<int>(v[0]), static_cast<uint8_t>(v[1]));
}

}  // namespace hone::augment
