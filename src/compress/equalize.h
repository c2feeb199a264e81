// SPDX-License-Identifier: Apache-2.0
// Cross-layer equalisation: channels of an activation between two layers are scaled to like ranges, the layer before
// divided and the layer behind multiplied, so that the function stays and one u8 scale serves all channels.
// After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction", arXiv 1906.04721, with the
// ranges of activations in place of those of the first layer's weights, since those have a scale a channel (the form of
// SmoothQuant, Xiao et al., arXiv 2211.10438, with alpha 1/2).
//
//   const ChannelStatistics s = channel_statistics(g, equalizable_values(g), training, indices, options);
//   const Equalized e = equalize(g, s);
#pragma once
#include <string>
#include <vector>

#include "compress/calibrate.h"
#include "graph/graph.h"

namespace hone::compress {

/// Values between two layers (Conv, Gemm, MatMul with constant weights) with nothing but a Relu or Clip between them and
/// no other use; the second layer dense or depthwise.
std::vector<std::string> equalizable_values(const Graph& g);

struct Equalized {
    Graph graph;
    int pairs = 0;           ///< activations rescaled
    double least_scale = 1;  ///< the smallest factor that a channel was divided by
};
/// The same function. Behind a Clip (ReLU6) a channel is stretched at most so far that what was seen of it, with a tenth
/// to spare, stays below the limit; one that reached the limit is left alone.
Equalized equalize(const Graph& g, const ChannelStatistics& statistics);

}  // namespace hone::compress
