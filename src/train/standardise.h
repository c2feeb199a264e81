// SPDX-License-Identifier: Apache-2.0
// Features and targets of tables at one scale, within the network: what is written takes raw features and gives raw
// targets, and needs nothing beside it. Features are standardised by constants in front of the network; a regression
// learns standardised targets and is scaled back by constants behind it, which are no parameters and which train() knows
// again, so that a network can be trained further.
//
//   model = standardise_inputs(model, scaling_of(*parts.training));
//   model = restore_targets(model, scaling_of_targets(*parts.training));
//   train(model, ...);                  // its loss is that of (target - mean) / deviation
#pragma once
#include <vector>

#include "data/dataset.h"
#include "graph/graph.h"

namespace hone::train {

/// A value a feature, or a target; deviations are the population's, 1 where there is none.
struct Scaling {
    std::vector<double> mean, deviation;
};

/// Of every feature of rows [F]. Throws data "train.standardise" for samples of other rank.
Scaling scaling_of(const Dataset& rows);
Scaling scaling_of_targets(const Dataset& regression);

/// (x - mean) / deviation in front. Throws model "train.standardise" where the network does not take one f32 input [N,F].
Graph standardise_inputs(const Graph& g, const Scaling& s);
/// Whether standardise_inputs made it.
bool has_standardised_inputs(const Graph& g);
/// Whether the input goes through arithmetic with constants, or a normalisation, before anything else.
bool standardises_already(const Graph& g);

/// y * deviation + mean behind the first output [N,K]. Throws model "train.standardise" where it is none.
Graph restore_targets(const Graph& g, const Scaling& s);

/// (t - mean) / deviation of targets [N,K]; with an empty scaling as they are.
Tensor standardised(const Tensor& targets, const Scaling& s);

/// A network that restore_targets made, without what it added, its output named as before; else the network itself, and no scaling.
struct Unscaled {
    Graph body;
    Scaling targets;  ///< empty where there is none
};
Unscaled without_restored_targets(const Graph& g);

}  // namespace hone::train
