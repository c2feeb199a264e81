// SPDX-License-Identifier: Apache-2.0
// A data set made worse on purpose, to see how much a model's answers depend on clean samples: noise, blur, shift and
// contrast in five severities, as in Hendrycks & Dietterich, "Benchmarking neural network robustness to common
// corruptions" (ICLR 2019). Pictures are corrupted as they are stored (0..255, rounded again), before normalising.
// eval/robustness.cc calls it.
//
//   for (const Corruption& c : parse_corruptions("noise,blur:3"))
//       DatasetPtr worse = corrupted(clean, preprocess, c, seed);
#pragma once
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/preprocess.h"

namespace hone {

enum class CorruptionKind { noise, blur, shift, contrast };
struct Corruption {
    CorruptionKind kind = CorruptionKind::noise;
    int severity = 1;  ///< 1..5
    bool operator==(const Corruption&) const = default;
};
const std::vector<std::string>& corruption_names();  ///< in the order of the enum
std::string to_text(const Corruption& c);            ///< "blur:3"
/// noise: standard deviation, as a share of the range of values (of the data's own deviation where they are no pixels);
/// blur: standard deviation of the Gaussian, and shift: distance, both as a share of the smaller side; contrast: the
/// factor that is left of each value's distance from the picture's mean.
double amount_of(const Corruption& c);

/// "noise,blur:3,shift:1-5", or "all". Without a severity: 1, 3 and 5. Throws usage "usage.corrupt".
std::vector<Corruption> parse_corruptions(const std::string& list);
/// Blur, shift and contrast need samples [C,H,W].
bool applies(const Corruption& c, const Dataset& data);

/// The same labels and number of samples. What is random depends on `seed`, the corruption and the sample's index only.
/// `preprocess` is what `of` was made with. Throws usage "usage.corrupt" where it does not apply.
DatasetPtr corrupted(DatasetPtr of, const Preprocess& preprocess, const Corruption& c, uint64_t seed);

}  // namespace hone
