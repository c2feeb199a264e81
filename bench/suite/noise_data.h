// SPDX-License-Identifier: Apache-2.0
// Samples of standard normal noise, to calibrate networks of random weights on.
//
//   compress::calibrate(graph, NoiseData({3, 224, 224}, 8, 1), {}, {.threads = 2});
#pragma once
#include "base/rng.h"
#include "data/dataset.h"

namespace hone::suite {

class NoiseData : public Dataset {
  public:
    NoiseData(const Dims& dims, int64_t samples, uint64_t seed) : seed_(seed) {
        name_ = "noise";
        class_names_ = {"noise"};
        labels_.assign(static_cast<size_t>(samples), 0);
        set_sample_dims(dims);
    }
    void load(int64_t i, float* out) const override {
        Rng rng(seed_, static_cast<uint64_t>(i));
        for (int64_t k = 0; k < sample_count(); ++k) out[k] = static_cast<float>(rng.normal());
    }
    std::string origin(int64_t i) const override { return "noise " + std::to_string(i); }
    uint64_t content(int64_t i) const override { return seed_ ^ static_cast<uint64_t>(i); }

  private:
    uint64_t seed_;
};

}  // namespace hone::suite
