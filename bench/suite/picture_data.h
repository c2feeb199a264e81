// SPDX-License-Identifier: Apache-2.0
// Pictures for networks of random weights: each quadrant of each channel has a level of its own, with some noise on it.
// White noise would not do: such a network pools it away, and its answers to two inputs differ by 3 to 4 % of the
// greatest output (here 20 to 34 %; mirrored, 6 %), so that an answer could be wrong and stand.
//
//   draw_picture({3, 224, 224}, 1, 0, out);
//   compress::calibrate(graph, PictureData({3, 224, 224}, 4, 2), {}, {.threads = 2});
#pragma once
#include "base/rng.h"
#include "data/dataset.h"

namespace hone::suite {

inline void draw_picture(const Dims& chw, uint64_t seed, uint64_t index, float* out) {
    constexpr double noise = 0.3;
    Rng rng(seed, index);
    for (int64_t c = 0; c < chw[0]; ++c) {
        const double levels[2][2] = {{rng.normal(), rng.normal()}, {rng.normal(), rng.normal()}};
        for (int64_t y = 0; y < chw[1]; ++y)
            for (int64_t x = 0; x < chw[2]; ++x)
                *out++ = static_cast<float>(levels[2 * y / chw[1]][2 * x / chw[2]] + noise * rng.normal());
    }
}

class PictureData : public Dataset {
  public:
    PictureData(const Dims& chw, int64_t samples, uint64_t seed) : seed_(seed) {
        name_ = "pictures";
        class_names_ = {"picture"};
        labels_.assign(static_cast<size_t>(samples), 0);
        set_sample_dims(chw);
    }
    void load(int64_t i, float* out) const override {
        draw_picture(sample_dims(), seed_, static_cast<uint64_t>(i), out);
    }
    std::string origin(int64_t i) const override { return "picture " + std::to_string(i); }
    uint64_t content(int64_t i) const override { return seed_ ^ static_cast<uint64_t>(i); }

  private:
    uint64_t seed_;
};

}  // namespace hone::suite
