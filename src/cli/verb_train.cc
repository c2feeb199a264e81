// SPDX-License-Identifier: Apache-2.0
// `hone train`: trains a network, new or trained before, on labelled data.
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "base/usage.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "cli/ranks.h"
#include "cli/train_options.h"
#include "cli/train_parts.h"
#include "cli/train_table.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
#include "record/json.h"
#include "record/table.h"
#include "record/train.h"
#include "train/log.h"
#include "train/loop.h"

namespace hone::cli {

namespace {
record::Numbers numbers(const std::map<std::string, double>& metrics) { return {metrics.begin(), metrics.end()}; }
std::string metrics_text(const record::Numbers& metrics) {
    std::vector<std::string> parts;
    for (const auto& [name, v] : metrics) {
        char text[64];
        std::snprintf(text, sizeof text, name == "top1" ? "%.2f %%" : "%.5g", name == "top1" ? 100 * v : v);
        parts.push_back(cat(name, " ", text));
    }
    return join(parts, ", ");
}

/// Networks whose samples are judged by each other.
void check_comparing(const TrainArgs& a) {
    const auto refuse = [](const char* option) { fail(ErrorKind::usage, "usage.conflict", cat("--", option, " does nothing for pairs and two towers"), "Leave it out."); };
    if (!a.metric.empty()) refuse("metric");
    if (!a.head.outputs.empty()) refuse("new-head");
    if (a.standardise == "yes") refuse("standardise");
}

std::string human(const record::Train& t) {
    std::string s = "epoch      loss  rate       validation            seconds\n";
    for (const record::TrainEpoch& e : t.history) {
        char line[160];
        std::snprintf(line, sizeof line, "%5lld  %8.4f  %-9.3g  %-20s  %7.1f\n", static_cast<long long>(e.epoch), e.loss, e.rate, metrics_text(e.metrics).c_str(), e.seconds);
        s += line;
    }
    s += cat("\n", t.part.empty() ? "" : cat("on the ", t.part, " part: ", metrics_text(t.metrics), "\n"));
    s += cat(record::si_text(static_cast<double>(t.parameters)), " parameters trained, ", record::number_text(t.samples_per_second), " samples/s, ", record::number_text(100 * t.waited_seconds / std::max(1e-9, [&] {
                 double all = 0;
                 for (const record::TrainEpoch& e : t.history) all += e.seconds;
                 return all;
             }())), " % of the time waiting for data\n");
    if (t.stopped == "time") s += cat("stopped by --time-budget", "; with --out, --resume goes on from there\n");
    if (t.stopped == "patience") s += "stopped by --patience, with the best epoch's weights\n";
    if (t.skipped_steps || t.loss_scale > 0)
        s += cat(t.skipped_steps, " steps skipped for gradients that were not finite", t.loss_scale > 0 ? cat("; the loss scale ended at ", record::number_text(t.loss_scale)) : "", "\n");
    s += cat("written    ", record::printable(t.model), "\n");
    if (!t.classifier.empty()) s += cat("           ", record::printable(t.classifier), " (with the texts of the classes)\n");
    return s;
}

/// What the flags leave open is filled in in `a`, which the record of the run is made of.
int train_verb_run(TrainArgs& a, Call& call, dist::Comm* comm) {
    Graph model = read_model(a.model);
    check_networks(a.networks, model);
    if (!a.networks.discriminator.empty()) {
        if (comm) fail(ErrorKind::usage, "train.ranks", "adversarial training runs on one rank", "Call it without mpirun.");
        if (a.precision == "fp16") fail(ErrorKind::usage, "usage.conflict", "adversarial training is in fp32 or bf16; got fp16", "Give --precision bf16.");
        follow_dcgan(a, call);
        train::LoopOptions options = loop_options(a, call);
        options.precision = choose_precision(a.precision, model);
        return train_gan_verb(a.model, a.networks, a.data, options, a.tensorboard, call);
    }
    const std::string loss = call.options.given("loss") ? a.loss : train::natural_loss(model);
    const bool judges_samples = model.inputs.size() == 1 && train::find_loss(loss).answers == 1;
    if (!judges_samples) check_comparing(a);
    const bool untrained = is_fresh(model);
    Novelty fresh{untrained, untrained};
    const DataParts parts = judges_samples ? open_for_training(model, a.head, a.data, call, &fresh.head) : open_for(model, a.data, call);
    if (!parts.training) fail(ErrorKind::data, "data.part", cat("'", a.data.data, "' has no training part"), "Give a data set with one, or all of it in one part.");
    if (!call.options.given("loss")) a.loss = judges_samples ? natural_loss(model, parts) : loss;
    if (judges_samples) standardise(model, parts, a.standardise, a.loss, a.data, fresh, call);
    train::LoopOptions options = loop_options(a, call);
    options.precision = a.precision == "fp16" ? Precision::fp16 : choose_precision(a.precision, model);
    options.step.scale = train::parse_loss_scale(a.loss_scale, options.precision);
    options.step.scale.every = a.loss_scale_every;
    set_ranks(a.ranks, comm, options);
    const train::Ranks ranks(comm);
    record::Train t;
    t.parts = parts_and_uses(parts, options);
    if (a.explain) {
        const SplitAdvice advice = advise_on_split(parts);
        t.classes = classes_of(advice);
        call.say(explain_parts(advice, t.parts));
    }
    const std::string folder = call.common.out.empty() ? "." : call.common.out;
    std::string stem = base_name(a.model);
    if (stem.ends_with(".onnx")) stem.resize(stem.size() - 5);
    const std::string file = cat(folder, "/", stem, "_trained.onnx");
    Progress progress("training", 1);
    train::LoopHooks hooks;
    hooks.step = [&](const train::StepInfo& s) { progress.update(static_cast<double>(s.step) / static_cast<double>(s.steps), static_cast<double>(s.resumed_at) / static_cast<double>(s.steps)); };
    hooks.epoch = [&](const train::Epoch& e) {
        call.say(cat("epoch ", e.epoch, ": loss ", record::number_text(e.loss), ", ", metrics_text(numbers(e.metrics)), ", ", human_seconds(e.seconds)));
    };
    hooks.say = [&](const std::string& text) { call.say(text); };
    hooks.warn = [&](const std::string& text) { call.warn(text); };
    std::unique_ptr<train::TrainingLog> log;
    if (a.tensorboard && ranks.first()) {
        log = std::make_unique<train::TrainingLog>(folder + "/tensorboard", [&](const std::string& why) { call.warn(why); });
        log->pictures(parts, options);
        log->watch(options, hooks);
    }
    train::Trained trained = train::train(model, parts.training, parts.validation.get(), options, hooks);
    const std::string judged_in = eval::precision_name(options.precision == Precision::fp16 ? Precision::fp32 : options.precision);
    set_metadata(trained.model, parts, judged_in);
    if (ranks.first()) {
        t.classifier = write_classifier(trained.model, a.networks, parts, judged_in, file);
        write_model(trained.model, file);
    }
    t.model = absolute_path(file), t.original = absolute_path(a.model), t.data = a.data.data;
    t.precision = eval::precision_name(options.precision), t.loss = a.loss, t.optimizer = a.optimizer, t.schedule = a.schedule;
    t.seed = static_cast<int64_t>(call.common.seed), t.ranks = ranks.count();
    t.machine = this_machine(call.common.threads);
    t.recipe = call.options.resolved();
    t.parameters = trained.parameters;
    t.samples_per_second = static_cast<double>(trained.samples) / std::max(1e-9, trained.seconds);
    t.waited_seconds = trained.waited;
    t.stopped = trained.stopped, t.resumed_at = trained.resumed_at;
    for (const train::Epoch& e : trained.history) t.history.push_back({e.epoch, e.loss, e.rate, e.seconds, numbers(e.metrics)});
    if (parts.test) {
        t.part = "test";
        const train::Metrics metrics = train::measure(trained.model, *parts.test, options);
        t.metrics = numbers(metrics);
        if (log) log->result(t.part, metrics);
    }
    t.skipped_steps = trained.scale.skipped, t.loss_scale = trained.scale.scale;
    t.peak_bytes = peak_resident_bytes();
    t.warnings = call.warnings;
    emit_training(t, human(t), {}, call);
    return 0;
}
}  // namespace

Verb train_verb() {
    auto a = std::make_shared<TrainArgs>();
    Verb v;
    v.name = "train";
    v.summary = "trains a network on labelled data, from its weights as they are";
    v.examples = {{"hone train net.onnx --data fashion-mnist --epochs 3 --lr 0.05 --momentum 0.9 --schedule one_cycle --out run", "writes run/net_trained.onnx and run/train.json"},
                  {"hone train net.onnx --data folder --optimizer adamw --lr 1e-3 --freeze 'features.*'", "fine-tunes what is not frozen"},
                  {"hone train siamese.onnx --data fashion-mnist --optimizer adam --lr 1e-3", "on pairs, by the contrastive loss"},
                  {"hone train gan_generator.onnx --gan gan_discriminator.onnx --data fashion-mnist --epochs 20 --judge classifier.onnx --out gan",
                   "against each other; writes samples and train.html"},
                  {"hone train lstm.onnx --data reviews.csv --tokens word --split 80/10/10 --explain --augment delete=0.1 --optimizer adam --lr 1e-3",
                   "texts: columns label and text"},
                  {"mpirun -n 4 hone train net.onnx --data fashion-mnist --batch 256", "on four ranks, each with 64 samples of every batch"},
                  {"hone train --config run/train.json --out again", "the same run again"}};
    v.declare = [a](Options& o) { add_train(o, *a); };
    v.run = [a](Call& call) { return run_on_ranks(call, [a](Call& mine, dist::Comm* comm) { return train_verb_run(*a, mine, comm); }); };
    return v;
}

}  // namespace hone::cli
