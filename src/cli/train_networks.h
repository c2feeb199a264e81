// SPDX-License-Identifier: Apache-2.0
// What `hone train` does for networks of more than one input or player: the texts of two towers, and a pair of generator and
// discriminator. Called by verb_train.cc.
#pragma once
#include <string>

#include "cli/common.h"
#include "train/loop.h"

namespace hone::record {
struct Train;
}

namespace hone::cli {

struct NetworkArgs {
    std::string texts, discriminator, judge;
    int64_t judged = 10000;
    PreprocessOptions judge_preprocess{};  ///< over what the judge carries
};
void add_networks(Options& options, NetworkArgs& to);

/// Throws usage "usage.conflict" for options that do nothing for this model.
void check_networks(const NetworkArgs& a, const Graph& model);

/// The lines of --texts.
train::TaskOptions task_options(const NetworkArgs& a);

/// For two towers: their texts and how these are numbered go into the model's metadata, and a classifier of the same
/// classes with the texts as constants is written beside `file`. Gives its path; empty for other networks.
std::string write_classifier(Graph& trained, const NetworkArgs& a, const DataParts& parts, const std::string& precision, const std::string& file);

/// `hone train GENERATOR --gan DISCRIMINATOR`. `o` is as the flags say, after follow_dcgan (train_options.h).
int train_gan_verb(const std::string& generator, const NetworkArgs& a, DataArgs data, const train::LoopOptions& o, bool tensorboard, Call& call);

/// train.json, and train.html where --out is given; `pictures`: the PNG of each file of `t.samples`.
void emit_training(const record::Train& t, const std::string& text, const std::map<std::string, std::string>& pictures, Call& call);

}  // namespace hone::cli
