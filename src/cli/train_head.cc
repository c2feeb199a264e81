// SPDX-License-Identifier: Apache-2.0
#include "cli/train_head.h"

#include "base/error.h"
#include "record/string_map.h"
#include "train/head.h"
#include "train/standardise.h"

namespace hone::cli {
namespace {

/// The classes are the data's own from here on.
void forget_classes(Graph& g) {
    const auto stored = g.metadata.find("hone.preprocess");
    if (stored == g.metadata.end()) return;
    record::StoredPreprocess s = record::stored_preprocess_from_json(stored->second);
    s.class_names.clear();
    stored->second = record::to_json(s);
}

DataParts opened(const Graph& model, bool anew, const DataArgs& data, Call& call) {
    try {
        return open_for(model, data, call);
    } catch (const Error& e) {
        if (anew || e.id != "data.classes") throw;
        fail(e.kind, e.id, e.message, cat(e.hint, " For a network of the data's own classes: --new-head."), e.where);
    }
}

}  // namespace

void add_head(Options& options, HeadArgs& to) {
    options
        .add("new-head", "N", to.outputs,
             "the last layer begins anew with N outputs, without N as many as the data has classes or targets; so it does unasked where these differ")
        .may_be_bare();
}

DataParts open_for_training(Graph& model, const HeadArgs& head, const DataArgs& data, Call& call, bool* began_anew) {
    const bool anew = !head.outputs.empty();
    int64_t outputs = 0;
    if (anew && head.outputs != "-") {
        Options one;
        one.add("new-head", "N", outputs, "").at_least(1).set(head.outputs);
    }
    if (anew) forget_classes(model);
    DataParts parts = opened(model, anew, data, call);
    const DatasetPtr& any = parts.training ? parts.training : parts.validation ? parts.validation : parts.test;
    if (!any) return parts;
    const int64_t wanted = any->regression() ? any->targets().dim(1) : static_cast<int64_t>(any->class_names().size());
    const int64_t has = train::outputs_of(model);
    const bool differs = has > 0 && has != wanted && !(has == 1 && wanted == 2 && !any->regression());
    if (!anew && !differs) return parts;
    if (outputs == 0) outputs = wanted;
    train::NewHead h = train::with_new_head(train::without_restored_targets(model).body, outputs, call.common.seed);
    call.say(cat("note: ", anew ? "" : cat("the network has ", has, " outputs, the data ", wanted, any->regression() ? " targets" : " classes", ": "), "its last layer '", h.layer,
                 "' begins anew with ", h.outputs, " outputs"));
    model = std::move(h.graph);
    *began_anew = true;
    return parts;
}

}  // namespace hone::cli
