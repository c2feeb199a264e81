// SPDX-License-Identifier: Apache-2.0
#include "eval/renormalised.h"

#include <algorithm>

namespace hone::eval {

Renormalised::Renormalised(const Dataset& of, const Preprocess& given, const Preprocess& wanted, bool swap_channels) : of_(of), swap_(swap_channels) {
    set_sample_dims(of.sample_dims());
    labels_ = of.labels();
    class_names_ = of.class_names();
    const int64_t channels = sample_dims().empty() ? 1 : sample_dims()[0];
    auto at = [](const std::vector<double>& v, int64_t c) { return v.size() == 1 ? v[0] : v.at(static_cast<size_t>(c)); };
    for (int64_t c = 0; c < channels; ++c) {
        // x = (p s - m) / d becomes x' = (p s' - m') / d'.
        const double s = wanted.scale / given.scale, d = at(wanted.std, c);
        lines_.push_back({at(given.std, c) * s / d, (at(given.mean, c) * s - at(wanted.mean, c)) / d});
    }
}

void Renormalised::load(int64_t i, float* out) const {
    of_.load(i, out);
    const auto channels = static_cast<int64_t>(lines_.size());
    const int64_t size = sample_count() / channels;
    if (swap_)
        for (int64_t c = 0; c < channels / 2; ++c) std::swap_ranges(out + c * size, out + (c + 1) * size, out + (channels - 1 - c) * size);
    for (int64_t c = 0; c < channels; ++c)
        for (int64_t k = 0; k < size; ++k) out[c * size + k] = static_cast<float>(out[c * size + k] * lines_[static_cast<size_t>(c)].factor + lines_[static_cast<size_t>(c)].offset);
}

}  // namespace hone::eval
