// SPDX-License-Identifier: Apache-2.0
// Generated pictures judged by a classifier that was trained on real ones: which classes it finds among them, and how sure
// it is (after the inception score's idea; Salimans et al., "Improved techniques for training GANs", 2016).
//
//   const GeneratedVerdict v = judge_generated(samples, made, classifier, used, 2);
//   v.found(0.02);      // classes with at least 2 % of the samples
#pragma once
#include <cstdint>
#include <vector>

#include "base/tensor.h"
#include "data/preprocess.h"
#include "graph/graph.h"

namespace hone::eval {

struct GeneratedVerdict {
    int64_t samples = 0;
    std::vector<double> share;  ///< of the samples, by the class that they are taken for
    double confidence = 0;      ///< mean probability of that class
    int64_t found(double least) const;  ///< classes with at least this share
    double least() const;               ///< of the rarest class
};

/// `samples` [N,C,H,W] as a network whose pictures are preprocessed by `made` gives them: rounded to pixels, then
/// preprocessed by `used`, the classifier's. Throws model "eval.output", data "data.shape", "data.image.size".
GeneratedVerdict judge_generated(const Tensor& samples, const Preprocess& made, const Graph& classifier, const Preprocess& used, int threads);

}  // namespace hone::eval
