// SPDX-License-Identifier: Apache-2.0
// ResNet (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) as torchvision builds it: the stride of a
// bottleneck in its 3x3 convolution, a projection where the shape changes; and the family of its section 4.2, with shortcuts
// without parameters. Here with batch normalisation folded already, so that every convolution has a bias, for benchmarks
// and tests: the weights are random. To train: zoo/zoo.h.
//
//   Graph g = zoo::resnet(50, {3, 224, 224}, 1000, 1);      // "input" [N,3,224,224] -> "logits" [N,1000]
//   write_model(g, "resnet50.onnx");                        // opset 13
#pragma once
#include <cstdint>

#include "graph/graph.h"

namespace hone::zoo {

/// `depth` 18 or 50, `input` [C,H,W]. Nodes and parameters are named as torchvision's modules ("layer1.0.conv2",
/// "layer1.0.conv2.weight"). Weights are He-normal; the last convolution of a block is scaled by 1 / sqrt(blocks), so
/// that the sums over the residuals stay of the size of the input. The same seed gives the same bits.
/// Throws usage "zoo.depth", "zoo.input".
Graph resnet(int depth, const Dims& input, int classes, uint64_t seed);

}  // namespace hone::zoo
