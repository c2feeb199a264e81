// SPDX-License-Identifier: Apache-2.0
#include "compress/weights.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"

namespace hone::compress {

namespace {
constexpr double kLeastClip = 0.4;  // of the peak
constexpr int kClips = 61;

double best_scale(const std::vector<float>& values, double peak) {
    double best = -1, chosen = peak / 127;
    for (int i = 0; i < kClips; ++i) {
        const double scale = peak / 127 * (1 - (1 - kLeastClip) * i / (kClips - 1));
        const double e = weight_squared_error(values, scale);
        if (best < 0 || e < best) best = e, chosen = scale;
    }
    return chosen;
}
}  // namespace

std::vector<std::vector<float>> channels_of(const Tensor& w, int64_t axis) {
    const int64_t channels = w.dim(static_cast<size_t>(axis));
    const int64_t inner = count_of(Dims(w.dims().begin() + axis + 1, w.dims().end()));
    std::vector<std::vector<float>> out(static_cast<size_t>(channels));
    for (int64_t i = 0; i < w.count(); ++i) out[static_cast<size_t>(i / inner % channels)].push_back(w.data<float>()[i]);
    return out;
}

double weight_squared_error(const std::vector<float>& values, double scale) {
    const double inverse = 1 / scale;
    double sum = 0;
    for (float v : values) {
        // Round half to even by the mantissa's end, which compilers vectorise.
        const double level = std::clamp((v * inverse + 0x1.8p52) - 0x1.8p52, -127.0, 127.0);
        const double e = level * scale - v;
        sum += e * e;
    }
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

Tensor weight_scales(const Tensor& w, int64_t axis, WeightRange range, const std::vector<double>& least) {
    const std::vector<std::vector<float>> channels = channels_of(w, axis);
    Tensor scale = Tensor::zeros(DType::f32, {static_cast<int64_t>(channels.size())});
    const auto one = [&](int c) {
        const std::vector<float>& values = channels[static_cast<size_t>(c)];
        double peak = 0;
        for (float v : values) peak = std::max<double>(peak, std::abs(v));
        double s = range == WeightRange::mse && peak > 1e-30 ? best_scale(values, peak) : peak / 127;
        if (!least.empty()) s = std::max(s, least[static_cast<size_t>(c)]);
        scale.set(c, s > 1e-30 ? s : 1.0);
    };
    ThreadPool* pool = ThreadPool::current();
    if (pool && range == WeightRange::mse) {
        pool->run(static_cast<int>(channels.size()), one);
    } else {
        for (int c = 0; c < static_cast<int>(channels.size()); ++c) one(c);
    }
    return scale;
}

Tensor quantized_weights(const Tensor& w, int64_t axis, const Tensor& scales) {
    const int64_t channels = w.dim(static_cast<size_t>(axis));
    const int64_t inner = count_of(Dims(w.dims().begin() + axis + 1, w.dims().end()));
    Tensor q = Tensor::zeros(DType::i8, w.dims());
    for (int64_t i = 0; i < w.count(); ++i) {
        const double step = static_cast<double>(scales.data<float>()[i / inner % channels]);
        q.data<int8_t>()[i] = static_cast<int8_t>(std::clamp(std::nearbyint(w.data<float>()[i] / step), -127.0, 127.0));
    }
    return q;
}

}  // namespace hone::compress
