// SPDX-License-Identifier: Apache-2.0
// Empirical bias correction: rounding and clipping shift the mean of a layer's outputs; each shift is measured channel by
// channel on samples, layer after layer so that earlier corrections count, and taken out of the int32 bias.
// Nagel et al., arXiv 1906.04721, section 4.2 and appendix D.
//
//   Graph q = quantize(g, calibration, options);
//   q = correct_bias(g, q, training, indices, {.threads = 2});
#pragma once
#include <span>

#include "data/dataset.h"
#include "eval/evaluate.h"
#include "graph/graph.h"

namespace hone::compress {

/// `quantized` was made from `g` by `quantize`. Layers without a bias stay as they are. The same for any number of
/// threads. Costs one pass of the samples a layer, up to that layer.
Graph correct_bias(const Graph& g, Graph quantized, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options);

}  // namespace hone::compress
