// SPDX-License-Identifier: Apache-2.0
// Small pictures that are easy to tell apart: class c is a bright square at one of several places, among noise.
#pragma once
#include <memory>

#include "base/rng.h"
#include "data/dataset.h"

namespace hone {

class Squares final : public Dataset {
  public:
    /// [1,8,8] in [-1,1]; at most four classes.
    Squares(int64_t n, uint64_t seed, std::vector<std::string> names = {"upper left", "upper right", "lower left", "lower right"}, double noise = 0.3) {
        set_sample_dims({1, 8, 8});
        name_ = "squares";
        class_names_ = std::move(names);
        Rng rng(seed);
        for (int64_t i = 0; i < n; ++i) {
            const int c = static_cast<int>(rng.below(class_names_.size()));
            labels_.push_back(c);
            const int64_t top = 4 * (c / 2) + static_cast<int64_t>(rng.below(2)), left = 4 * (c % 2) + static_cast<int64_t>(rng.below(2));
            for (int64_t y = 0; y < 8; ++y)
                for (int64_t x = 0; x < 8; ++x) {
                    const bool inside = y >= top && y < top + 3 && x >= left && x < left + 3;
                    pixels_.push_back(static_cast<float>((inside ? 0.7 : -0.7) + noise * (rng.uniform() - 0.5)));
                }
        }
    }
    void load(int64_t i, float* out) const override { std::copy_n(pixels_.data() + 64 * i, 64, out); }
    std::string origin(int64_t i) const override { return cat("squares:", i); }
    uint64_t content(int64_t i) const override { return static_cast<uint64_t>(i); }

  private:
    std::vector<float> pixels_;
};

}  // namespace hone
