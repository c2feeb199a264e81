// SPDX-License-Identifier: Apache-2.0
// What `--explain` says of a split: how many samples of each class went where, how uneven the classes are, and what of it
// should worry someone who trains on the one part and trusts a figure measured on another.
//
//   const SplitAdvice a = advise_on_split(open_data("glyphs.tar", options));
//   std::cerr << to_text(a);
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/open.h"

namespace hone {

struct SplitAdvice {
    struct Class {
        std::string name;
        int64_t samples[3] = {0, 0, 0};  ///< in training, validation, test
        int64_t total() const { return samples[0] + samples[1] + samples[2]; }
    };
    std::string name;
    bool regression = false;
    int64_t samples[3] = {0, 0, 0};   ///< of the parts; 0 where there is none
    bool given[3] = {false, false, false};  ///< the data set itself has the part
    std::vector<Class> classes;       ///< in the order of their numbers; empty for a regression
    double imbalance = 1;             ///< largest class over smallest in training, of those that are there
    std::string smallest, largest;    ///< in training
    /// Accuracy on the test part (or, without one, validation) of always answering with training's largest class.
    double majority_accuracy = 0;
    /// Half of the 95 % interval of an accuracy of one half on the test part, in points: normal approximation.
    double test_uncertainty = 0;
    /// Samples of validation and of test that training holds bit by bit.
    int64_t repeated_validation = 0, repeated_test = 0;
    std::vector<std::string> warnings;
};

/// Reads every sample's stored content once, to find repeats (Dataset::content).
SplitAdvice advise_on_split(const DataParts& parts);
/// A table of classes (the smallest and largest where there are many), the figures, a line a warning.
std::string to_text(const SplitAdvice& advice);

}  // namespace hone
