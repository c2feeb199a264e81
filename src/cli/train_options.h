// SPDX-License-Identifier: Apache-2.0
// The options of `hone train`, and what they say of the loop.
//
//   auto a = std::make_shared<TrainArgs>();
//   add_train(options, *a);
//   train::LoopOptions loop = loop_options(*a, call);
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/common.h"
#include "cli/ranks.h"
#include "cli/train_head.h"
#include "cli/train_networks.h"
#include "train/loop.h"

namespace hone::cli {

struct TrainArgs {
    std::string model, precision = "fp32", optimizer = "sgd", schedule = "constant", loss = "cross_entropy", set, freeze, augment = "none", loss_scale, metric, standardise = "auto";
    int64_t epochs = 1, batch = 64, freeze_layers = 0, warmup = 0, patience = 0, accumulate = 1, loss_scale_every = 2000;
    double rate = 0.1, label_smoothing = 0, clip_norm = 0, clip_value = 0, ema = 0;
    std::optional<double> momentum, weight_decay, dropout;
    std::vector<int64_t> milestones;
    bool decay_weights_only = false, recompute = false, tensorboard = false, resume = false, explain = false;
    std::string checkpoint_every = "10m,epoch";
    double time_budget = 0;
    HeadArgs head;
    RanksArgs ranks;
    DataArgs data;
    NetworkArgs networks;
};
void add_train(Options& options, TrainArgs& to);

/// All but the precision, the scale of the loss and the other ranks, which depend on the model and the machine. Throws usage
/// errors: names that are not known, hyper-parameters that nobody has, checkpoints without --out.
train::LoopOptions loop_options(const TrainArgs& a, const Call& call);

/// With --gan: what the flags leave open is dcgan_options' (train/gan.h), written into `a`.
void follow_dcgan(TrainArgs& a, const Call& call);

}  // namespace hone::cli
