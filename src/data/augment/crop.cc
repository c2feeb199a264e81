// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "data/augment/kinds.h"
#include "data/resize.h"

namespace hone::augment {

namespace {
/// Where position i of a padded line of n comes from; -1: black.
int source_of(int i, int n, Border border) {
    if (i >= 0 && i < n) return i;
    if (border == Border::fill) return -1;
    if (border == Border::edge || n == 1) return std::clamp(i, 0, n - 1);
    const int period = 2 * (n - 1), at = ((i % period) + period) % period;
    return at < n ? at : period - at;
}
Image part_of(const Image& image, int top, int left, int height, int width) {
    Image out{width, height, image.channels, {}};
    out.pixels.resize(out.bytes());
    const auto c = static_cast<size_t>(image.channels), row = static_cast<size_t>(width) * c;
    for (int y = 0; y < height; ++y) {
        const size_t from = (static_cast<size_t>(top + y) * static_cast<size_t>(image.width) + static_cast<size_t>(left)) * c;
        std::memcpy(out.pixels.data() + static_cast<size_t>(y) * row, image.pixels.data() + from, row);
    }
    return out;
}
}  // namespace

Image padded_crop(const Image& image, int pad, Border border, int top, int left) {
    HONE_CHECK(top >= 0 && left >= 0 && top <= 2 * pad && left <= 2 * pad);
    Image out{image.width, image.height, image.channels, std::vector<uint8_t>(image.bytes())};
    const auto c = static_cast<size_t>(image.channels), w = static_cast<size_t>(image.width);
    uint8_t* to = out.pixels.data();
    for (int y = 0; y < image.height; ++y) {
        const int from_y = source_of(y + top - pad, image.height, border);
        for (int x = 0; x < image.width; ++x, to += c) {
            const int from_x = source_of(x + left - pad, image.width, border);
            if (from_x < 0 || from_y < 0) continue;
            std::memcpy(to, image.pixels.data() + (static_cast<size_t>(from_y) * w + static_cast<size_t>(from_x)) * c, c);
        }
    }
    return out;
}

Image resized_crop(const Image& image, int top, int left, int height, int width) {
    HONE_CHECK(top >= 0 && left >= 0 && height > 0 && width > 0 && top + height <= image.height && left + width <= image.width);
    return resize_image(part_of(image, top, left, height, width), image.height, image.width);
}

void crop_kind(Image& image, std::span<const double> v, Rng& rng) {
    const int pad = static_cast<int>(v[0]), top = between(rng, 0, 2 * pad), left = between(rng, 0, 2 * pad);
    image = padded_crop(image, pad, static_cast<Border>(static_cast<int>(v[1])), top, left);
}

// Szegedy et al., "Going deeper with convolutions" (CVPR 2015): area uniform, shape log-uniform; what does not fit after
// ten draws is cut to what does.
void resized_crop_kind(Image& image, std::span<const double> v, Rng& rng) {
    const double area = static_cast<double>(image.width) * image.height, reach = std::log(v[2]);
    int height = image.height, width = image.width;
    for (int attempt = 0; attempt < 10; ++attempt) {
        const double target = area * between(rng, v[0], v[1]), shape = std::exp(between(rng, -reach, reach));
        width = static_cast<int>(std::lround(std::sqrt(target * shape)));
        height = static_cast<int>(std::lround(std::sqrt(target / shape)));
        if (width >= 1 && height >= 1 && width <= image.width && height <= image.height) break;
    }
    width = std::clamp(width, 1, image.width);
    height = std::clamp(height, 1, image.height);
    const int top = between(rng, 0, image.height - height), left = between(rng, 0, image.width - width);
    image = resized_crop(image, top, left, height, width);
}

}  // namespace hone::augment
