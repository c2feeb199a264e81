// SPDX-License-Identifier: Apache-2.0
#include "cli/train_table.h"

#include "base/error.h"
#include "train/head.h"
#include "train/standardise.h"

namespace hone::cli {

void add_standardise(Options& options, std::string& to) {
    options.add("standardise", "WHEN", to, "features of tables, and targets, at one scale, within the network: auto (what begins fresh: a network of `hone new`, a new head), yes or no")
        .one_of({"auto", "yes", "no"});
}

bool is_fresh(const Graph& model) { return model.metadata.contains("hone.architecture") && !model.metadata.contains("hone.preprocess"); }

void standardise(Graph& model, const DataParts& parts, const std::string& mode, const std::string& loss, const DataArgs& data, const Novelty& fresh, Call& call) {
    if (mode == "no" || !parts.training) return;
    const bool asked = mode == "yes";
    const bool rows = parts.kind == DataKind::table && parts.training->sample_dims().size() == 1;
    const bool regression = parts.training->regression();
    const bool by_hand = data.preprocess.mean || data.preprocess.std || data.preprocess.scale;
    if (asked && !rows && !regression)
        fail(ErrorKind::data, "train.standardise", "the samples are no rows of a table", "Give --mean and --std for pictures and arrays.", data.data);
    if (rows && (asked ? !train::has_standardised_inputs(model) : fresh.body && !by_hand && !train::standardises_already(model))) {
        model = train::standardise_inputs(model, train::scaling_of(*parts.training));
        call.say(cat("note: features are standardised within the network, by the mean and deviation of the training part", asked ? "" : " (--standardise no leaves them)"));
    }
    if (regression && (asked || fresh.head) && (loss == "mse" || loss == "mae") && train::without_restored_targets(model).targets.mean.empty()) {
        model = train::restore_targets(model, train::scaling_of_targets(*parts.training));
        call.say("note: targets are standardised for training and restored by the network; the loss is that of standardised targets, metrics are of the data's own");
    }
}

std::string natural_loss(const Graph& model, const DataParts& parts) {
    if (!parts.training) return "cross_entropy";
    if (parts.training->regression()) return "mse";
    return train::outputs_of(model) == 1 && parts.class_names.size() == 2 ? "bce_with_logits" : "cross_entropy";
}

}  // namespace hone::cli
