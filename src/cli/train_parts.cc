// SPDX-License-Identifier: Apache-2.0
#include "cli/train_parts.h"

#include <algorithm>

#include "base/error.h"

namespace hone::cli {

namespace {
std::string use_of_training(const Dataset& data, const train::LoopOptions& o) {
    std::string s = "the network learns from it";
    if (!o.augment.empty()) s += cat(", augmented by ", to_text(o.augment));
    if (data.encoder()) s += "; the vocabulary is of its texts alone";
    const int64_t rest = data.size() % o.batch;
    return rest ? cat(s, "; ", rest, " samples of each epoch's order, less than a batch, are left out") : s;
}
std::string use_of_validation(const train::LoopOptions& o) {
    std::string s = "judged after every epoch";
    if (o.patience) s += cat("; ends the training after ", o.patience, " epochs that are no better, and the best epoch's weights stay");
    if (o.schedule.name == "plateau") s += "; lowers the rate when it stands still";
    return o.patience || o.schedule.name == "plateau" ? s : s + "; nothing is chosen by it";
}
}  // namespace

std::vector<record::TrainPart> parts_and_uses(const DataParts& parts, const train::LoopOptions& o) {
    std::vector<record::TrainPart> out;
    if (parts.training) out.push_back({"training", parts.training->size(), parts.gave_training, use_of_training(*parts.training, o)});
    if (parts.validation) out.push_back({"validation", parts.validation->size(), parts.gave_validation, use_of_validation(o)});
    if (parts.test) out.push_back({"test", parts.test->size(), parts.gave_test, "judged once, at the end; nothing is chosen by it"});
    return out;
}

std::vector<record::TrainClass> classes_of(const SplitAdvice& advice) {
    std::vector<record::TrainClass> out;
    for (const SplitAdvice::Class& c : advice.classes) out.push_back({c.name, c.samples[0], c.samples[1], c.samples[2]});
    return out;
}

std::string explain_parts(const SplitAdvice& advice, const std::vector<record::TrainPart>& parts) {
    constexpr size_t width = 12;
    std::string s = to_text(advice);
    for (const record::TrainPart& p : parts) s += cat("  ", p.part, std::string(width - std::min(width, p.part.size()), ' '), p.use, "\n");
    return s;
}

}  // namespace hone::cli
