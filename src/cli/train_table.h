// SPDX-License-Identifier: Apache-2.0
// What `hone train` does for tables and regressions unasked: features and targets at one scale, a loss that fits.
#pragma once
#include <string>

#include "cli/common.h"

namespace hone::cli {

/// The --standardise option: auto, yes, no.
void add_standardise(Options& options, std::string& to);

/// As `hone new` wrote it: never trained.
bool is_fresh(const Graph& model);

/// What of a network has learnt nothing yet.
struct Novelty {
    bool body = false, head = false;
};

/// Puts the standardisation of features into the network, by the training part's mean and deviation, and that of targets
/// (train/standardise.h); says so. `auto`: features of tables where the body is fresh, no --mean, --std or --scale is given and
/// its input is not standardised; targets where the head is fresh and the loss mse or mae. What has learnt keeps what it has.
void standardise(Graph& model, const DataParts& parts, const std::string& mode, const std::string& loss, const DataArgs& data, const Novelty& fresh, Call& call);

/// mse for numbers to predict, bce_with_logits for one output of two classes, else cross_entropy.
std::string natural_loss(const Graph& model, const DataParts& parts);

}  // namespace hone::cli
