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

#include "compress/calibrate.h"
#include "compress/ranges.h"
#include "compress/weights.h"
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

/// An LSTM, GRU or RNN with constant f32 weights: their weights can be stored as s8 (QuantizeOptions::weight_only).
std::vector<Layer> recurrent_layers(const Graph& g);

/// What becomes of curved activations (SiLU, sigmoid, ...) and of products of two activations (squeeze and excite).
///   stays_float  computed in float, between a DequantizeLinear and a QuantizeLinear
///   table        a curve of one u8 value gets a u8 result, with float nodes between: 256 entries for hone's engine
///   every_node   u8 behind every node of it too: what onnxruntime needs for QLinearSigmoid and QLinearMul
enum class Curved { stays_float, table, every_node };

/// Weights that no int8 operator uses (float layers, recurrent layers).
///   float32     as they are
///   cast        s8, made float by Cast (i32, f32) and Mul of constants, which every runtime folds when it loads: small files at
///               the speed of floats
///   dequantize  s8 behind a DequantizeLinear: onnxruntime 1.32 does not fold that, and computes it in each run
enum class WeightOnly { float32, cast, dequantize };

struct QuantizeOptions {
    std::set<std::string> keep_float = {};         ///< names of layers that stay float
    std::set<std::string> keep_float_values = {};  ///< values that are not quantised; layers that read one stay float
    Range range = Range::min_max;
    double percentile = 0.9999;
    std::map<std::string, Range> value_range = {};  ///< by value name, over `range`
    WeightRange weights = WeightRange::peak;
    Curved curved = Curved::stays_float;
    WeightOnly weight_only = WeightOnly::float32;
    bool equalize = false;      ///< read by Quantizer (recipe.h): equalize.h before calibration
    bool correct_bias = false;  ///< read by Quantizer (recipe.h): bias_correction.h behind `quantize`
};

/// Values that would be quantised when `layers` are: with the value whose scale each shares (itself mostly).
std::map<ValueId, ValueId> values_to_quantize(const Graph& g, const std::set<NodeId>& layers, Curved curved = Curved::stays_float,
                                              const std::set<std::string>& keep_float = {});
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
/// Noise of `answers` in the scores of `reference`, as a share of their variance; infinite where it is not defined (NaN).
double score_noise(const eval::Answers& reference, const eval::Answers& answers);

}  // namespace hone::compress
