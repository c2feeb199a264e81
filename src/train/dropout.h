// SPDX-License-Identifier: Apache-2.0
// Dropout in and out of training. In a training graph each Dropout becomes hone.Dropout (op/dropout.cc), whose masks follow
// a seed and the state "train.draw", the number of steps drawn so far: a checkpoint that holds the states holds what
// comes next. Used by trainable.h; the loop writes networks in evaluation mode.
//
//   train_dropout(g, {.ratio = 0.3, .seed = 1}, initial);    // before the graph is differentiated
#pragma once
#include <map>
#include <optional>
#include <string>

#include "graph/graph.h"

namespace hone::train {

struct DropoutOptions {
    bool on = true;                  ///< false: as in evaluation
    std::optional<double> ratio{};   ///< of every Dropout, in place of its own; in [0, 1)
    uint64_t seed = 0;
    /// Which part of the whole batch this graph trains on, from 0, where several do: each draws its own part of the mask.
    int64_t part = 0;
};

/// Switches every Dropout of the standard on, with its ratio (0.5 unless given), and adds the state to `initial` where
/// there is one. Throws usage "train.dropout" for a ratio given to a network without Dropout or outside [0, 1);
/// unsupported "train.dropout" for a ratio that is computed.
void train_dropout(Graph& g, const DropoutOptions& options, std::map<std::string, Tensor>& initial);

/// The network as it is evaluated: Dropout and BatchNormalization out of training mode, whatever it was exported in.
/// Throws unsupported "train.statistics" where the network itself reads statistics of a batch.
Graph evaluation_mode(Graph g);

}  // namespace hone::train
