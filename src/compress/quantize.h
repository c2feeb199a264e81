// SPDX-License-Identifier: Apache-2.0
// Static post-training quantisation to int8, written as QDQ nodes laid out as ONNX Runtime and OpenVINO fuse them
// (weights s8 symmetric per channel, activations u8 per tensor with 0 representable, biases i32 of scale x * w).
// After Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
// CVPR 2018, and Krishnamoorthi, arXiv 1806.08342.
//
//   const std::vector<Layer> layers = quantizable_layers(graph);
//   const Calibration c = calibrate(graph, *parts.training, indices, {.threads = 2});
//   Graph q = quantize(graph, c, {.keep_float = {"conv1"}});
#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/evaluate.h"
#include "graph/graph.h"

namespace hone::compress {

/// A Conv, Gemm or MatMul with constant f32 weights.
struct Layer {
    NodeId node;
    std::string name, op;
    double macs = 0;          ///< at batch 1
    int64_t parameters = 0;
};
std::vector<Layer> quantizable_layers(const Graph& g);

/// What was seen of one value over the calibration samples. Constant memory: extremes, then a histogram between them.
struct Observed {
    static constexpr int bins = 4096;
    float low = 0, high = 0;
    std::vector<int64_t> histogram;  ///< `bins` equal bins over [low, high]
    /// Bounds that leave out a share of (1 - p) of the values, half at each end (all at the upper end where low >= 0).
    std::pair<float, float> percentile(double p) const;
};
/// By value name. The same for any number of threads.
using Calibration = std::map<std::string, Observed>;
Calibration calibrate(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options);

enum class Range { min_max, percentile };
struct QuantizeOptions {
    std::set<std::string> keep_float = {};  ///< names of layers that stay float
    Range range = Range::min_max;
    double percentile = 0.9999;
};
/// All but the layers that stay float: "min-max ranges".
std::string describe(const QuantizeOptions& options);
/// The ways of quantising that are worth trying on this network, the plainest first.
std::vector<QuantizeOptions> recipes(const Graph& g);
/// u8 scale and zero point for [low, high] widened to hold 0; zero point 0 where low >= 0.
struct Affine {
    float scale = 1;
    int zero_point = 0;
};
Affine affine_u8(float low, float high);

/// Values that would be quantised when `layers` are: with the value whose scale each shares (itself mostly).
std::map<ValueId, ValueId> values_to_quantize(const Graph& g, const std::set<NodeId>& layers);
/// The graph must be portable (passes run) and its values those that were calibrated.
Graph quantize(const Graph& g, const Calibration& c, const QuantizeOptions& options);

/// How much one layer alone hurts: its noise in the scores, as a share of their variance, and its drop of top-1.
struct Sensitivity {
    std::string layer;
    double noise = 0;
    double drop = 0;
};
/// Each layer alone in int8 against `reference` (evaluate with keep_logits over the same indices).
std::vector<Sensitivity> layer_sensitivity(const Graph& g, const Calibration& c, const QuantizeOptions& base,
                                           const Dataset& data, std::span<const int64_t> indices,
                                           const eval::Answers& reference, const eval::EvalOptions& options);
/// Noise of `answers` in the scores of `reference`, as a share of their variance.
double score_noise(const eval::Answers& reference, const eval::Answers& answers);

}  // namespace hone::compress
