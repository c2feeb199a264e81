// SPDX-License-Identifier: Apache-2.0
#include "cli/train_networks.h"

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "data/text_lines.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
#include "record/json.h"
#include "record/train.h"
#include "report/report.h"

namespace hone::cli {

void add_networks(Options& o, NetworkArgs& to) {
    o.group("Networks of several inputs or players");
    o.add("texts", "FILE", to.texts, "two towers: a line a class, in the order of the classes; unless given their names");
    o.add("gan", "DISCRIMINATOR", to.discriminator, "MODEL is a generator that is trained against this network");
    o.add("judge", "CLASSIFIER", to.judge, "with --gan: a classifier of real pictures that judges generated ones at the end");
    o.add("judge-mean", "X,...", to.judge_preprocess.mean, "of the judge's own preprocessing, where it carries none");
    o.add("judge-std", "X,...", to.judge_preprocess.std, "likewise");
    o.add("judged", "N", to.judged, "how many it judges").at_least(1).at_most(10000000);
}

void check_networks(const NetworkArgs& a, const Graph& model) {
    // A recipe that repeats a run names every option, with its default too: what counts is the value.
    if (!a.judge.empty() && a.discriminator.empty()) fail(ErrorKind::usage, "usage.conflict", "--judge does nothing without --gan", "Give the discriminator, or leave it out.");
    if (!a.texts.empty() && !train::reads_texts(model)) fail(ErrorKind::usage, "usage.conflict", "--texts does nothing: the model reads no texts", "Leave it out, or give a network of two towers.");
}

train::TaskOptions task_options(const NetworkArgs& a) {
    return {.texts = a.texts.empty() ? std::vector<std::string>() : read_lines(a.texts)};
}

std::string write_classifier(Graph& trained, const NetworkArgs& a, const DataParts& parts, const std::string& precision, const std::string& file) {
    if (!train::reads_texts(trained)) return {};
    std::vector<std::string> texts = task_options(a).texts;
    if (texts.empty()) texts = train::class_texts(trained, parts.class_names);
    Graph classifier = train::with_texts(trained, train::number_texts(trained, texts));
    set_metadata(classifier, parts, precision);
    const std::string beside = cat(file.substr(0, file.size() - std::string(".onnx").size()), "_classifier.onnx");
    write_model(classifier, beside);
    return absolute_path(beside);
}

void emit_training(const record::Train& t, const std::string& text, const std::map<std::string, std::string>& pictures, Call& call) {
    if (!call.common.out.empty() && !call.common.silent) write_file_atomic(call.common.out + "/train.html", report::train_page(t, pictures));
    call.emit(record::to_json(t), text, "train.json");
}

}  // namespace hone::cli
