// SPDX-License-Identifier: Apache-2.0
// What `hone train` does for tables and regressions unasked: features and targets at one scale, a loss that fits.
#pragma once
#include <string>

#include "cli/common.h"

namespace hone::cli {

/// The --standardise option: auto, yes, no.
void add_standardise(Options& options, std::string& to);

/// Puts the standardisation of features into the network, by the training part's mean and deviation, and with it that of
/// targets (train/standardise.h); says so. `auto`: tables alone, where the network carries no preprocessing, no --mean,
/// --std or --scale is given and its input is not standardised; targets where the loss is mse or mae. A network that hone
/// trained before keeps what it has.
void standardise(Graph& model, const DataParts& parts, const std::string& mode, const std::string& loss, const DataArgs& data, Call& call);

/// mse for numbers to predict, bce_with_logits for one output of two classes, else cross_entropy.
std::string natural_loss(const Graph& model, const DataParts& parts);

}  // namespace hone::cli
