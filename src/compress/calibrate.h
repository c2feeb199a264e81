// SPDX-License-Identifier: Apache-2.0
// What activations look like over the calibration samples: two passes, extremes then histograms, in memory that does
// not grow with the number of samples; the same bits for any number of threads.
//
//   const Calibration c = calibrate(graph, *parts.training, indices, {.threads = 2});
//   const ChannelStatistics s = channel_statistics(graph, {"/relu/Relu_output_0"}, *parts.training, indices, {});
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "compress/ranges.h"
#include "data/dataset.h"
#include "eval/evaluate.h"
#include "graph/graph.h"

namespace hone::compress {

/// Of every value that could become u8 (Curved::every_node). Throws data "calibrate.not_finite".
Calibration calibrate(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options);

/// One value, channel by channel (axis 1 of [N,C,...], the last axis of rank 3).
struct Channels {
    std::vector<float> low, high;
    std::vector<double> mean;
};
using ChannelStatistics = std::map<std::string, Channels>;
/// Values by name; constants and unknown names are left out.
ChannelStatistics channel_statistics(const Graph& g, const std::vector<std::string>& values, const Dataset& data,
                                     std::span<const int64_t> indices, const eval::EvalOptions& options);

/// The means again, on another graph that has values of the same names; `low` and `high` give only the unit of the sums.
void channel_means(const Graph& g, ChannelStatistics& statistics, const Dataset& data, std::span<const int64_t> indices,
                   const eval::EvalOptions& options);

/// Samples of a whole batch that `for_each_batch` makes; the last may have fewer `rows`.
int64_t batch_of(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& o);
/// Elements of a value that belong to the first `rows` samples of a batch: all of them where the samples are not its first
/// axis (as in a recurrent layer's last state).
int64_t elements_of(const Tensor& t, int64_t rows, int64_t batch);

/// The graph with exactly these values as outputs (an input is passed through a node), others removed.
Graph probe_of(const Graph& g, const std::vector<ValueId>& values);

}  // namespace hone::compress
