// SPDX-License-Identifier: Apache-2.0
// From a classifier's output to scores of classes: what `run` prints. Which function of the output is a score is read
// from the graph, not guessed from numbers.
//
//   const ScoreKind kind = score_kind(graph);
//   std::vector<double> p = class_scores(kind, logits_of_one_sample);
//   for (size_t c : best_classes(p, 5)) std::printf("%zu %.4f\n", c, p[c]);
#pragma once
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::eval {

/// What the graph's first output is: `logits` get a softmax; probabilities (a Softmax at the end) and the independent
/// scores of a Sigmoid are taken as they are.
enum class ScoreKind { logits, probabilities, independent };
/// Looks at what makes the output, through nodes that only move, convert or quantise.
ScoreKind score_kind(const Graph& g);
std::string score_name(ScoreKind kind);  ///< "softmax", "probabilities", "sigmoid"

/// True for the output of a classifier: float [N, classes] or with further dims of 1, at least two classes.
bool is_class_output(const Tensor& t);

/// exp(x - max) / sum in double; NaNs stay.
std::vector<double> softmax(std::span<const float> logits);
std::vector<double> class_scores(ScoreKind kind, std::span<const float> output);
/// The greatest `count` (fewer where there are fewer), greatest first, the first among equals, NaN last.
std::vector<size_t> best_classes(const std::vector<double>& scores, size_t count);

}  // namespace hone::eval
