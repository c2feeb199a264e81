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
#include "cli/train_head.h"
#include "cli/train_networks.h"
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
struct TrainArgs {
    std::string model, precision = "fp32", optimizer = "sgd", schedule = "constant", loss = "cross_entropy", set, freeze, augment = "none", loss_scale, metric, standardise = "auto";
    int64_t epochs = 1, batch = 64, freeze_layers = 0, warmup = 0, patience = 0, accumulate = 1, loss_scale_every = 2000;
    double rate = 0.1, label_smoothing = 0, clip_norm = 0, clip_value = 0, ema = 0;
    std::optional<double> momentum, weight_decay, dropout;
    bool decay_weights_only = false, recompute = false, tensorboard = false, resume = false, explain = false;
    std::string checkpoint_every = "10m,epoch";
    double time_budget = 0;
    HeadArgs head;
    RanksArgs ranks;
    DataArgs data;
    NetworkArgs networks;
};

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> out;
    for (size_t at = 0; at < text.size();) {
        const size_t comma = std::min(text.find(',', at), text.size());
        if (comma > at) out.push_back(text.substr(at, comma - at));
        at = comma + 1;
    }
    return out;
}

template <class List>
std::string names(const List& list) {
    std::vector<std::string> all;
    for (const auto& d : list) all.emplace_back(d.name);
    return join(all, ", ");
}
template <class Decl>
bool declares(const std::vector<Decl>& list, const std::string& name, const std::string& hyper) {
    for (const Decl& d : list)
        if (name == d.name)
            for (const train::Hyper& h : d.hyper)
                if (hyper == h.name) return true;
    return false;
}

/// --set a=1,b=2 goes to whichever of loss, optimiser and schedule has that hyper-parameter.
void set_hyper(const TrainArgs& a, train::LoopOptions& o) {
    for (const std::string& one : split_list(a.set)) {
        const size_t equals = one.find('=');
        const std::string name = one.substr(0, equals);
        char* end = nullptr;
        const std::string value = equals == std::string::npos ? "" : one.substr(equals + 1);
        const double v = std::strtod(value.c_str(), &end);
        if (value.empty() || *end) fail(ErrorKind::usage, "usage.value", cat("--set takes NAME=NUMBER,...; got '", one, "'"), "Write for example --set beta2=0.99.");
        bool known = false;
        const auto put = [&](const auto& list, const std::string& decl, train::HyperValues& to) {
            if (declares(list, decl, name)) to[name] = v, known = true;
        };
        put(train::losses(), a.loss, o.step.loss.hyper);
        put(train::optimizers(), a.optimizer, o.step.update.hyper);
        put(train::schedules(), a.schedule, o.schedule.hyper);
        if (known) continue;
        std::vector<std::string> names;
        const auto collect = [&](const auto& list, const std::string& decl) {
            for (const auto& d : list)
                if (decl == d.name)
                    for (const train::Hyper& h : d.hyper) names.push_back(h.name);
        };
        collect(train::losses(), a.loss);
        collect(train::optimizers(), a.optimizer);
        collect(train::schedules(), a.schedule);
        fail(ErrorKind::usage, "train.hyper", cat("neither the loss ", a.loss, " nor the optimiser ", a.optimizer, " nor the schedule ", a.schedule, " has '", name, "'"),
             cat("They have: ", join(names, ", "), "."));
    }
}

/// Checkpoints go into a folder of --out; without it there are none.
train::CheckpointOptions checkpoint_options(const TrainArgs& a, const Call& call) {
    train::CheckpointOptions c;
    if (!call.common.out.empty()) c.folder = call.common.out + "/checkpoints";
    else if (a.resume || call.options.given("checkpoint-every"))
        fail(ErrorKind::usage, "train.out", cat(a.resume ? "--resume" : "--checkpoint-every", " is about checkpoints, which lie in --out"), "Give the folder with --out.");
    train::set_checkpoint_every(c, a.checkpoint_every);
    c.resume = a.resume;
    c.keep_threads = !call.options.given("threads");
    c.version = version();
    return c;
}

train::LoopOptions loop_options(const TrainArgs& a, const Call& call) {
    train::LoopOptions o;
    o.step.loss.name = a.loss;
    o.step.update.optimizer = a.optimizer;
    train::find_loss(a.loss);
    train::find_optimizer(a.optimizer);
    o.schedule.name = a.schedule;
    if (a.label_smoothing != 0) o.step.loss.hyper["label_smoothing"] = a.label_smoothing;
    if (a.momentum) o.step.update.hyper["momentum"] = *a.momentum;
    if (a.weight_decay) o.step.update.hyper["weight_decay"] = *a.weight_decay;
    if (a.warmup) o.schedule.hyper["warmup"] = static_cast<double>(a.warmup);
    o.step.update.decay_weights_only = a.decay_weights_only;
    o.step.update.clip_norm = a.clip_norm;
    o.step.update.clip_value = a.clip_value;
    o.step.update.accumulate = a.accumulate;
    o.step.update.ema = a.ema;
    if (a.recompute) o.step.recompute.emplace();
    o.trainable.freeze = split_list(a.freeze);
    o.trainable.freeze_layers = a.freeze_layers;
    o.trainable.dropout.ratio = a.dropout;
    o.rate = a.rate;
    o.epochs = a.epochs;
    o.batch = a.batch;
    o.seed = call.common.seed;
    o.augment = parse_augmentations(a.augment);
    o.metric = a.metric;
    o.patience = a.patience;
    o.threads = call.common.threads;
    o.task = task_options(a.networks);
    o.checkpoint = checkpoint_options(a, call);
    o.time_budget = a.time_budget;
    set_hyper(a, o);
    return o;
}

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

int train_verb_run(TrainArgs a, Call& call, dist::Comm* comm) {
    Graph model = read_model(a.model);
    check_networks(a.networks, model);
    if (!a.networks.discriminator.empty()) {
        if (comm) fail(ErrorKind::usage, "train.ranks", "adversarial training runs on one rank", "Call it without mpirun.");
        if (!call.options.given("optimizer")) a.optimizer = "adam";
        train::LoopOptions options = loop_options(a, call);
        options.precision = choose_precision(a.precision, model);
        return train_gan_verb(a.model, a.networks, a.data, options, a.tensorboard, call);
    }
    const std::string loss = call.options.given("loss") ? a.loss : train::natural_loss(model);
    const bool judges_samples = model.inputs.size() == 1 && train::find_loss(loss).answers == 1;
    const DataParts parts = judges_samples ? open_for_training(model, a.head, a.data, call) : open_for(model, a.data, call);
    if (!parts.training) fail(ErrorKind::data, "data.part", cat("'", a.data.data, "' has no training part"), "Give a data set with one, or all of it in one part.");
    if (!call.options.given("loss")) a.loss = judges_samples ? natural_loss(model, parts) : loss;
    if (judges_samples) standardise(model, parts, a.standardise, a.loss, a.data, call);
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
    hooks.step = [&](const train::StepInfo& s) { progress.update(static_cast<double>(s.step) / static_cast<double>(s.steps)); };
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
        const train::Metrics metrics = ranks.measure(*parts.test, [&](const Dataset& d) { return train::measure(trained.model, d, options); });
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
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("epochs", "N", a->epochs, "how often each training sample is used").at_least(1);
        o.add("batch", "N", a->batch, "samples a step").at_least(1).at_most(1 << 20);
        o.add("loss", "NAME", a->loss, cat("what is made small: ", names(train::losses()), "; unless given cross_entropy, mse for numbers to predict, bce_with_logits for one output"));
        o.add("label-smoothing", "X", a->label_smoothing, "of the cross-entropy").at_least(0).at_most(0.999);
        o.add("optimizer", "NAME", a->optimizer, names(train::optimizers()));
        o.add("lr", "X", a->rate, "the base learning rate").at_least(0);
        o.add("momentum", "X", a->momentum, "of the optimiser");
        o.add("weight-decay", "X", a->weight_decay, "of the optimiser");
        o.flag("decay-weights-only", a->decay_weights_only, "no weight decay on biases and normalisations");
        o.add("schedule", "NAME", a->schedule, cat("of the rate: ", names(train::schedules())));
        o.add("warmup", "STEPS", a->warmup, "steps of a linear rise before the schedule").at_least(0);
        o.add("set", "NAME=X,...", a->set, "any other hyper-parameter of loss, optimiser or schedule");
        o.add("clip-norm", "X", a->clip_norm, "the whole gradient is at most this long; 0: off").at_least(0);
        o.add("clip-value", "X", a->clip_value, "each element of it is at most this large; 0: off").at_least(0);
        o.add("accumulate", "N", a->accumulate, "batches whose gradients are averaged into one step").at_least(1);
        o.add("ema", "X", a->ema, "decay of an average of the weights; 0: off").at_least(0).at_most(0.9999999);
        o.add("augment", "KIND[=X],...", a->augment, cat("random changes of training samples, pictures or texts: ", names(augment_kinds())));
        o.add("dropout", "X", a->dropout, "the ratio of every Dropout of the network, in place of its own").at_least(0);
        o.add("freeze", "PATTERN,...", a->freeze, "parameters that stay as they are, by name; * is any text");
        o.add("freeze-layers", "N", a->freeze_layers, "the first N layers stay; -N: all but the last N");
        add_head(o, a->head);
        add_standardise(o, a->standardise);
        o.add("metric", "NAME", a->metric, "measured too, and what --patience and the schedule plateau go by: top1, top5, precision_macro, recall_macro, f1_macro, auc; mse, mae, r2");
        o.add("patience", "EPOCHS", a->patience, "without a better validation metric, after which training ends; 0: off").at_least(0);
        o.flag("tensorboard", a->tensorboard, "also write events for TensorBoard into the folder tensorboard of --out");
        o.seconds("time-budget", a->time_budget, "training stops after this time with what it has; 0: off").at_least(0);
        o.add("checkpoint-every", "N|TIME|epoch,...", a->checkpoint_every, "what is done so far is kept in --out, every N steps, so often, each epoch, or never");
        o.flag("resume", a->resume, "goes on from the last checkpoint in --out, to the bit; begins where there is none");
        add_networks(o, a->networks);
        o.add("precision", "P", a->precision, "of activations and their gradients; weights stay fp32: fp32, bf16, fp16, or auto (what the model permits here)")
            .one_of({"fp32", "bf16", "fp16", "auto"});
        o.flag("recompute", a->recompute, "computes activations again on the way back instead of keeping them: less memory, up to a third slower");
        o.add("loss-scale", "X", a->loss_scale, "times which gradients are computed: dynamic (of fp16 unless given) or a number");
        o.add("loss-scale-every", "N", a->loss_scale_every, "good steps after which a dynamic loss scale doubles").at_least(1);
        add_data(o, a->data, false);
        o.flag("explain", a->explain, "first say how many samples of each class are in which part, what is doubtful, and what each part is used for");
        add_text(o, a->data.text);
        add_ranks(o, a->ranks);
    };
    v.run = [a](Call& call) { return run_on_ranks(call, [a](Call& mine, dist::Comm* comm) { return train_verb_run(*a, mine, comm); }); };
    return v;
}

}  // namespace hone::cli
