// SPDX-License-Identifier: Apache-2.0
// What goes into the engines, and how far apart their answers are.
//
//   const std::vector<Tensor> x = picture_inputs(read_model(path), 8);
//   answer_error(ours, theirs);
#pragma once
#include <vector>

#include "graph/graph.h"

namespace hone::suite {

/// Pictures where an input looks like a batch of them, seeded normal values elsewhere.
std::vector<Tensor> picture_inputs(const Graph& g, int64_t batch);

/// max |y - r| / max |r| of the output where it is worst; infinite where the dims differ or a value is not finite.
double answer_error(const std::vector<Tensor>& y, const std::vector<Tensor>& r);

}  // namespace hone::suite
