// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string_view>

#include "data/augment.h"

namespace hone {

namespace {
/// Marsaglia & Tsang, "A simple method for generating gamma variables" (2000), for shapes of 1 and more; a smaller one
/// is that of shape + 1 times U^(1/shape). The logarithm, as small shapes give numbers below the range.
double log_gamma_draw(double shape, Rng& rng) {
    if (shape < 1) {
        const double below = std::log(1 - rng.uniform()) / shape;
        return log_gamma_draw(shape + 1, rng) + below;
    }
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = rng.normal(), root = 1 + c * x;
        if (root <= 0) continue;
        const double v = root * root * root;
        if (std::log(1 - rng.uniform()) < 0.5 * x * x + d * (1 - v + std::log(v))) return std::log(d * v);
    }
}
}  // namespace

const Augmentation* mixup_of(const Augmentations& list) {
    for (const Augmentation& a : list)
        if (std::string_view(a.kind->name) == "mixup") return &a;
    return nullptr;
}

Mixup draw_mixup(const Augmentation& mixup, int64_t rows, const SampleKey& key) {
    Mixup m;
    Rng rng = augment_rng(*mixup.kind, key);
    if (rng.uniform() >= mixup.values.back() || rows < 2) return m;
    const double alpha = mixup.values[0], a = log_gamma_draw(alpha, rng), b = log_gamma_draw(alpha, rng);
    m.lambda = 1 / (1 + std::exp(b - a));
    m.partner = rng.permutation(rows);
    return m;
}

void mix(float* row, const float* other, int64_t n, double lambda) {
    const auto keep = static_cast<float>(lambda), take = static_cast<float>(1 - lambda);
    for (int64_t i = 0; i < n; ++i) row[i] = keep * row[i] + take * other[i];
}

}  // namespace hone
