// SPDX-License-Identifier: Apache-2.0
// Pairs and triplets of labelled samples, for networks that compare: a function of labels, seed and epoch alone. The
// loader takes an epoch of them as its order; verification takes one as its pairs.
//
//   const Partners partners(data->labels());
//   options.order = [&](int64_t epoch) { return partners.pairs(seed, epoch); };   // anchor, partner, anchor, partner, ...
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"

namespace hone {

class Partners {
  public:
    /// Throws data "data.pairs" unless there are two classes and one of them has two samples.
    explicit Partners(std::span<const int> labels);

    /// Each sample once as anchor, in the order that the loader's epoch has, followed by its partner: of its own class
    /// (another sample) at even places, else of another class; every sample of these is as probable. An anchor that is
    /// alone in its class gets a partner of another.
    std::vector<int64_t> pairs(uint64_t seed, int64_t epoch) const;
    /// Each anchor followed by one of its class (itself where it is alone) and one of another class.
    std::vector<int64_t> triplets(uint64_t seed, int64_t epoch) const;

  private:
    int64_t of_class(int64_t sample, Rng& rng) const;  ///< -1: it is alone
    int64_t of_another(int64_t sample, Rng& rng) const;

    std::vector<int> labels_;
    std::vector<int64_t> sorted_, begin_, place_;  ///< samples by class; where each class begins; where each sample stands
};

}  // namespace hone
