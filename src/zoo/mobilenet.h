// SPDX-License-Identifier: Apache-2.0
// MobileNetV2 (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018) at width 1 as
// torchvision builds it: 1x1 to six times the channels, depthwise 3x3, 1x1 back without activation; ReLU6 is a Clip.
// Here with batch normalisation folded already, so that every convolution has a bias, for benchmarks and tests: weights are
// random. To train: zoo/zoo.h.
//
//   Graph g = zoo::mobilenet_v2({3, 224, 224}, 1000, 1);    // "input" [N,3,224,224] -> "logits" [N,1000]
#pragma once
#include <cstdint>

#include "graph/graph.h"

namespace hone::zoo {

/// `input` [C,H,W]. Nodes and parameters are named as torchvision's modules ("features.2.conv.1.0",
/// "features.2.conv.1.0.weight"). Weights keep the size of the activations: He-normal before a ReLU6, 1 / fan-in
/// before none, and a block that adds to its input is scaled by 1 / sqrt(blocks). The same seed gives the same bits.
/// Throws usage "zoo.input".
Graph mobilenet_v2(const Dims& input, int classes, uint64_t seed);

}  // namespace hone::zoo
