// SPDX-License-Identifier: Apache-2.0
// What `hone train` does with each part of the data, for its record and for `--explain`.
//
//   record.parts = parts_and_uses(parts, options);
//   call.say(explain_parts(advise_on_split(parts), record.parts));
#pragma once
#include <string>
#include <vector>

#include "data/advice.h"
#include "record/train.h"
#include "train/loop.h"

namespace hone::cli {

std::vector<record::TrainPart> parts_and_uses(const DataParts& parts, const train::LoopOptions& options);
std::vector<record::TrainClass> classes_of(const SplitAdvice& advice);
/// The advice's table and warnings, then a line a part: what it is used for.
std::string explain_parts(const SplitAdvice& advice, const std::vector<record::TrainPart>& parts);

}  // namespace hone::cli
