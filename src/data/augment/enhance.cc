// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "data/augment/kinds.h"

namespace hone::augment {

namespace {
/// from + factor * (image - from), in float, cut to a byte and not rounded.
Image blended(Image from, const Image& image, double factor) {
    if (factor == 1) return image;
    const auto f = static_cast<float>(factor);
    for (size_t i = 0; i < from.pixels.size(); ++i) {
        const int a = from.pixels[i], b = image.pixels[i];
        const float v = static_cast<float>(a) + f * static_cast<float>(b - a);
        from.pixels[i] = static_cast<uint8_t>(std::clamp(v, 0.f, 255.f));
    }
    return from;
}

/// 3x3 of 1/13 with 5/13 in the middle, in float, rows from below; the border stays.
Image smoothed(const Image& image) {
    Image out = image;
    const auto c = static_cast<size_t>(image.channels), row = static_cast<size_t>(image.width) * c;
    constexpr float kSide = 1.f / 13, kMiddle = 5.f / 13;
    for (size_t y = 1; y + 1 < static_cast<size_t>(image.height); ++y)
        for (size_t i = y * row + c; i + c < (y + 1) * row; ++i) {
            const uint8_t* p = image.pixels.data() + i;
            const auto line = [&](const uint8_t* q, float middle) {
                return static_cast<float>(*(q - c)) * kSide + static_cast<float>(*q) * middle + static_cast<float>(*(q + c)) * kSide;
            };
            float v = 0.5f;
            v += line(p + row, kSide);
            v += line(p, kMiddle);
            v += line(p - row, kSide);
            out.pixels[i] = static_cast<uint8_t>(std::clamp(v, 0.f, 255.f));
        }
    return out;
}

Image one_value(const Image& like, uint8_t value) {
    return {like.width, like.height, like.channels, std::vector<uint8_t>(like.pixels.size(), value)};
}

double factor_of(std::span<const double> v, Rng& rng) { return between(rng, std::max(0.0, 1 - v[0]), 1 + v[0]); }
}  // namespace

Image adjusted_sharpness(const Image& image, double factor) { return blended(smoothed(image), image, factor); }

Image adjusted_saturation(const Image& image, double factor) {
    if (image.channels == 1) return image;
    return blended(convert_channels(convert_channels(image, 1), 3), image, factor);
}

Image adjusted_brightness(const Image& image, double factor) { return blended(one_value(image, 0), image, factor); }

Image adjusted_contrast(const Image& image, double factor) {
    const Image grey = convert_channels(image, 1);
    uint64_t sum = 0;
    for (const uint8_t v : grey.pixels) sum += v;
    const double mean = static_cast<double>(sum) / static_cast<double>(grey.pixels.size());
    return blended(one_value(image, static_cast<uint8_t>(mean + 0.5)), image, factor);
}

void sharpen_kind(Image& image, std::span<const double> v, Rng& rng) { image = adjusted_sharpness(image, factor_of(v, rng)); }
void saturation_kind(Image& image, std::span<const double> v, Rng& rng) { image = adjusted_saturation(image, factor_of(v, rng)); }
void brightness_kind(Image& image, std::span<const double> v, Rng& rng) { image = adjusted_brightness(image, factor_of(v, rng)); }
void contrast_kind(Image& image, std::span<const double> v, Rng& rng) { image = adjusted_contrast(image, factor_of(v, rng)); }

}  // namespace hone::augment
