// SPDX-License-Identifier: Apache-2.0
// Stratified, seeded splits. Every sample goes to exactly one role: the three lists partition 0..n-1 by construction.
// `open_data` calls it where a data set lacks parts.
//
//   Split s = split_stratified(labels, classes, 0.1, 0.2, seed);
//   s.training; s.validation; s.test;     // ascending indices
//   // class counts of each list are within one of their share
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hone {

struct Split {
    std::vector<int64_t> training, validation, test;
};
/// A class with one sample keeps it in training; no class gives all its samples away.
Split split_stratified(const std::vector<int>& labels, size_t classes, double validation, double test, uint64_t seed);

}  // namespace hone
