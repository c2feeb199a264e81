// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/error.h"
#include "data/augment/kinds.h"

namespace hone::augment {

namespace {
/// Four neighbours weighted in double, columns first; cut to a byte, not rounded, as Pillow's transforms do.
void sample(const Image& image, double x, double y, uint8_t* to) {
    x -= 0.5;
    y -= 0.5;
    const double left = std::floor(x), top = std::floor(y), dx = x - left, dy = y - top;
    const auto c = static_cast<size_t>(image.channels);
    const auto column = [&](double at) { return static_cast<size_t>(std::clamp(static_cast<int>(at), 0, image.width - 1)) * c; };
    const auto row = [&](double at) {
        return image.pixels.data() + static_cast<size_t>(std::clamp(static_cast<int>(at), 0, image.height - 1)) * static_cast<size_t>(image.width) * c;
    };
    const uint8_t *upper = row(top), *lower = row(top + 1);
    const size_t x0 = column(left), x1 = column(left + 1);
    for (size_t k = 0; k < c; ++k) {
        const double a = upper[x0 + k] + (upper[x1 + k] - upper[x0 + k]) * dx;
        const double b = lower[x0 + k] + (lower[x1 + k] - lower[x0 + k]) * dx;
        to[k] = static_cast<uint8_t>(a + (b - a) * dy);
    }
}
/// So that a quarter turn has no rest of 1e-17; Pillow's rule.
double round15(double v) { return std::round(v * 1e15) / 1e15; }
}  // namespace

Image affine(const Image& image, const double (&m)[6]) {
    Image out{image.width, image.height, image.channels, std::vector<uint8_t>(image.bytes())};
    const auto c = static_cast<size_t>(image.channels);
    uint8_t* to = out.pixels.data();
    for (int y = 0; y < image.height; ++y)
        for (int x = 0; x < image.width; ++x, to += c) {
            const double px = x + 0.5, py = y + 0.5;
            const double from_x = m[0] * px + m[1] * py + m[2], from_y = m[3] * px + m[4] * py + m[5];
            if (from_x < 0 || from_y < 0 || from_x >= image.width || from_y >= image.height) continue;
            sample(image, from_x, from_y, to);
        }
    return out;
}

Image rotated(const Image& image, double degrees) {
    degrees = std::fmod(degrees, 360);
    if (degrees < 0) degrees += 360;
    if (degrees == 0) return image;
    if (degrees == 180) {
        Image out = image;
        flip_horizontally(out);
        flip_vertically(out);
        return out;
    }
    const double angle = -(degrees * std::numbers::pi / 180), cx = image.width / 2.0, cy = image.height / 2.0;
    const double a = round15(std::cos(angle)), b = round15(std::sin(angle)), d = round15(-std::sin(angle));
    return affine(image, {a, b, a * -cx + b * -cy + cx, d, a, d * -cx + a * -cy + cy});
}

Image scaled(const Image& image, double factor) {
    HONE_CHECK(factor > 0);
    const double back = 1 / factor, cx = image.width / 2.0, cy = image.height / 2.0;
    return affine(image, {back, 0, cx - back * cx, 0, back, cy - back * cy});
}

Image shifted(const Image& image, int to_right, int downwards) {
    Image out{image.width, image.height, image.channels, std::vector<uint8_t>(image.bytes())};
    const auto c = static_cast<size_t>(image.channels), row = static_cast<size_t>(image.width) * c;
    const int kept = image.width - std::abs(to_right);
    if (kept <= 0) return out;
    const size_t to_x = static_cast<size_t>(std::max(to_right, 0)) * c, from_x = static_cast<size_t>(std::max(-to_right, 0)) * c;
    for (int y = std::max(downwards, 0); y < image.height + std::min(downwards, 0); ++y)
        std::memcpy(out.pixels.data() + static_cast<size_t>(y) * row + to_x,
                    image.pixels.data() + static_cast<size_t>(y - downwards) * row + from_x, static_cast<size_t>(kept) * c);
    return out;
}

void rotate_kind(Image& image, std::span<const double> v, Rng& rng) { image = rotated(image, between(rng, -v[0], v[0])); }
void scale_kind(Image& image, std::span<const double> v, Rng& rng) { image = scaled(image, between(rng, v[0], v[1])); }
void shift_kind(Image& image, std::span<const double> v, Rng& rng) {
    const int most = static_cast<int>(v[0]), to_right = between(rng, -most, most), downwards = between(rng, -most, most);
    image = shifted(image, to_right, downwards);
}

}  // namespace hone::augment
