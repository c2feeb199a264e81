// SPDX-License-Identifier: Apache-2.0
// From a network whose weights are constants to one that can be trained, and back: the parameters that are to be trained
// become graph inputs, which the optimiser's step makes states (optimizer.h); what is frozen stays constant. Batch
// normalisation goes into training mode and its statistics become states, dropout is switched on. Tied weights, one constant with several users,
// stay one.
//
//   Trainable t = make_trainable(specialise(model, {{64, 1, 28, 28}}), {.freeze = {"layer1.*"}});
//   Graph trained = with_values(model, values_by_name);
#pragma once
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "train/dropout.h"
#include "train/parameters.h"

namespace hone::train {

struct TrainableOptions {
    std::vector<std::string> freeze{};  ///< patterns of parameter names: * any text, ? one character
    /// The first so many layers are frozen (operators with weights of products, each with its bias and normalisation);
    /// negative: all but the last so many.
    int64_t freeze_layers = 0;
    std::vector<std::string> also{};    ///< patterns of float constants to train that find_parameters leaves out
    bool batch_statistics = true;     ///< false: BatchNormalization stays as it is, with fixed statistics
    /// The running variance is that of the sample, n / (n - 1) of the batch's, as PyTorch keeps it; else as ONNX defines it.
    bool unbiased_variance = true;
    DropoutOptions dropout{};
    int64_t ranks = 1;  ///< whose batches are normalised as one (pass/exchange.h): the sample is that of all
};

struct Trainable {
    Graph graph;                        ///< inputs: the model's, then parameters and statistics; outputs: the model's, then new statistics
    std::vector<Parameter> parameters;  ///< to be trained; each value is an input
    std::vector<Parameter> frozen;      ///< constants
    std::map<std::string, Tensor> initial;  ///< of the states in the graph, by name; in memory of its own
};

/// Of a graph before passes that fold or merge (two weights that begin equal are not one). Normalisations whose parameters
/// are all frozen keep their statistics. Throws usage "train.batch_norm" for one that has a single value a channel, "train.pattern" for a pattern that no name matches, "train.nothing"
/// when all is frozen, "train.freeze" for more layers than there are.
Trainable make_trainable(const Graph& g, const TrainableOptions& options = {});

/// A copy of `model` with these constants' values (cast to their types): what was trained, back in the network that
/// make_trainable took. Throws model "train.weight" for a name that is no constant or has other dims.
Graph with_values(const Graph& model, const std::map<std::string, Tensor>& values);

/// Declares that the graph's output `next` is the new value of its input `value`; the output is named "<name>.next".
void bind_state(Graph& g, const std::string& name, ValueId value, ValueId next);

/// Whether `pattern` (* and ?) matches all of `text`.
bool matches(const std::string& pattern, const std::string& text);

}  // namespace hone::train
