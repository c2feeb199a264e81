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
#include <map>
#include <string>
#include <vector>

namespace hone {

/// Parts of one whole; their sum is 1.
struct SplitShares {
    double training = 0.7, validation = 0.1, test = 0.2;
};
/// "70/10/20" or "0.7/0.1/0.2": training, validation, test; divided by their sum. Throws usage "usage.split" unless training gets
/// something and no share is negative.
SplitShares parse_split(const std::string& text);

/// How parts were made; a model that learnt from one of them carries it, so that no other verb takes what it learnt from as a test.
struct MadeSplit {
    SplitShares shares{};
    uint64_t seed = 0;
    std::string of{};  ///< Dataset::hash of what was split
};
std::map<std::string, std::string> to_map(const MadeSplit& s);
/// Throws model "data.split.stored".
MadeSplit made_split_from_map(const std::map<std::string, std::string>& map);

struct Split {
    std::vector<int64_t> training, validation, test;
};
/// A class with one sample keeps it in training; no class gives all its samples away.
Split split_stratified(const std::vector<int>& labels, size_t classes, double validation, double test, uint64_t seed);

}  // namespace hone
