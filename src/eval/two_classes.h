// SPDX-License-Identifier: Apache-2.0
// Models of one output for two classes, trained by hinge or binary cross-entropy: a score above 0 (a probability above a
// half) is the second class. Called where scores are read.
//
//   const Tensor scores = two_columns(output, ends_in_sigmoid(g), data);    // [N,2], or the output as it is
#pragma once
#include "data/dataset.h"
#include "graph/graph.h"

namespace hone::eval {

/// Whether the first output comes from a Sigmoid, so that a single score is a probability.
bool ends_in_sigmoid(const Graph& g);
/// Of one score a sample, [N] or [N,1], where the data has two classes: f32 [N,2], the second score greater where the
/// single one says the second class; their softmax is the logistic function of a score, or the probability. Else `raw`.
Tensor two_columns(const Tensor& raw, bool probability, const Dataset& data);

}  // namespace hone::eval
