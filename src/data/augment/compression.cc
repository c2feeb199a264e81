// SPDX-License-Identifier: Apache-2.0
#include "data/augment/kinds.h"

namespace hone::augment {

Image jpeg_round_trip(const Image& image, int quality) {
    const std::vector<uint8_t> bytes = encode_jpeg(image, quality);
    return decode_jpeg(bytes.data(), bytes.size(), "a picture being augmented", {});
}

void compression_kind(Image& image, std::span<const double> v, Rng& rng) {
    image = jpeg_round_trip(image, between(rng, static_cast<int>(v[0]), static_cast<int>(v[1])));
}

}  // namespace hone::augment
