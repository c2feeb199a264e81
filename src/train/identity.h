// SPDX-License-Identifier: Apache-2.0
// What makes a training run this run: its options by the names of their flags, and hashes of model and data. A checkpoint
// keeps it, and a run that goes on from one must have it alike. Used by resume.cc.
//
//   const record::Texts mine = identity_of(model, *training, validation, options, schedule);
//   check_identity(checkpoint.manifest.identity, mine, "run/checkpoints");
#pragma once
#include <string>

#include "record/common.h"
#include "train/loop.h"

namespace hone::train {

/// `schedule` with its steps filled in, which make the number of epochs part of it where the rate hangs on it.
record::Texts identity_of(const Graph& model, const Dataset& training, const Dataset* validation, const LoopOptions& options, const ScheduleSpec& schedule);

/// Throws usage "train.resume" with the first entry that differs.
void check_identity(const record::Texts& kept, const record::Texts& mine, const std::string& where);

/// Of nodes, attributes and the bits of constants.
std::string graph_hash(const Graph& g);
/// Of all samples as stored and of some as the network sees them.
std::string data_hash(const Dataset& data);

}  // namespace hone::train
