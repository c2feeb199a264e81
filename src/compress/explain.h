// SPDX-License-Identifier: Apache-2.0
// Why a layer suffers in int8: what its input, weights and output look like beside the 8 bits that they get. The report
// renders it; two runs over some samples make all of it.
//
//   const auto e = explain_layers(graph, quantizer.make(options), quantizer.calibration(false), data, some, {});
//   e[0].sqnr_db;   // 31.4
#pragma once
#include <span>
#include <string>
#include <vector>

#include "compress/quantize.h"

namespace hone::compress {

struct LayerExplanation {
    std::string layer, op;
    bool int8 = false;            ///< of the quantised graph; else only the float figures are filled
    /// Signal to quantisation noise of the layer's output, 10 log10(sum f^2 / sum (f - q)^2): with this layer alone in
    /// int8, and within the whole int8 network (what came before counts). 200 where there is no noise.
    double sqnr_db = 200, sqnr_network_db = 200;
    double input_low = 0, input_high = 0;  ///< the range that its input's 8 bits cover
    double saturated_share = 0;   ///< of its input's calibration values outside that range
    double used_levels = 0;       ///< share of the 256 levels that holds the central 99.9 % of the input's values
    int64_t channels = 0;         ///< output channels
    int64_t dead_channels = 0;    ///< of its output behind the activation: one value on all samples
    double weight_range_ratio = 1;///< greatest over median peak of the weights' output channels
    int64_t outlier_channel = -1; ///< input channel whose range is at least 8 times the median of the others; -1: none
    double outlier_ratio = 1;     ///< range of the widest input channel over the median
};

/// One entry a layer of `quantizable_layers(g)`, in order. `g` and `c` are what `quantized` was made from.
std::vector<LayerExplanation> explain_layers(const Graph& g, const Graph& quantized, const Calibration& c, const Dataset& data,
                                             std::span<const int64_t> indices, const eval::EvalOptions& options);

}  // namespace hone::compress
