// SPDX-License-Identifier: Apache-2.0
#include "data/picture_grid.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hone {

namespace {
uint8_t pixel_of(double v) {
    if (!(v > 0)) return 0;
    return static_cast<uint8_t>(std::lround(std::min(v, 255.0)));
}
double of_channel(const std::vector<double>& v, int64_t c) { return v[v.size() == 1 ? 0 : static_cast<size_t>(c)]; }
}  // namespace

Image picture_grid(const Tensor& x, const Preprocess& p, int64_t most) {
    HONE_CHECK(x.rank() == 4 && x.count() > 0 && most > 0);
    const int64_t n = std::min(most, x.dim(0)), height = x.dim(2), width = x.dim(3), channels = x.dim(1) == 3 ? 3 : 1;
    const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(n)))), rows = (n + columns - 1) / columns;
    Image out;
    out.width = static_cast<int>(columns * (width + 1) - 1);
    out.height = static_cast<int>(rows * (height + 1) - 1);
    out.channels = static_cast<int>(channels);
    out.pixels.assign(out.bytes(), 0);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < channels; ++c) {
            const double mean = of_channel(p.mean, c), std = of_channel(p.std, c);
            for (int64_t y = 0; y < height; ++y)
                for (int64_t k = 0; k < width; ++k) {
                    const double v = x.at(((i * x.dim(1) + c) * height + y) * width + k);
                    const int64_t row = i / columns * (height + 1) + y, column = i % columns * (width + 1) + k;
                    out.pixels[static_cast<size_t>((row * out.width + column) * channels + c)] = pixel_of((v * std + mean) / p.scale);
                }
        }
    return out;
}

}  // namespace hone
