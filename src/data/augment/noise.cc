// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/augment/kinds.h"

namespace hone::augment {

// Both values of each Box-Muller pair, of 32-bit uniforms: a byte needs no more.
void add_noise(Image& image, double deviation, Rng& rng) {
    const auto d = static_cast<float>(deviation);
    const auto add = [&](uint8_t& v, float z) {
        v = static_cast<uint8_t>(std::clamp(static_cast<float>(v) + d * z + 0.5f, 0.f, 255.f));
    };
    const size_t n = image.pixels.size();
    for (size_t i = 0; i < n; i += 2) {
        const float u = (static_cast<float>(rng.next_u32() >> 8) + 0.5f) * 0x1p-24f;
        const float turn = static_cast<float>(rng.next_u32() >> 8) * (0x1p-24f * 2 * std::numbers::pi_v<float>);
        const float radius = std::sqrt(-2 * std::log(u));
        add(image.pixels[i], radius * std::cos(turn));
        if (i + 1 < n) add(image.pixels[i + 1], radius * std::sin(turn));
    }
}

void noise_kind(Image& image, std::span<const double> v, Rng& rng) { add_noise(image, 255 * v[0], rng); }

}  // namespace hone::augment
