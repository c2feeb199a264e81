// SPDX-License-Identifier: Apache-2.0
// `hone train`: trains a network, new or trained before, on labelled data.
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "base/usage.h"
#include "cli/common.h"
#include "cli/ranks.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
#include "record/json.h"
#include "record/table.h"
#include "record/train.h"
#include "train/loop.h"

namespace hone::cli {

namespace {
struct TrainArgs {
    std::string model, precision = "fp32", optimizer = "sgd", schedule = "constant", loss = "cross_entropy", set, freeze, augment = "none";
    int64_t epochs = 1, batch = 64, freeze_layers = 0, warmup = 0, patience = 0, accumulate = 1;
    double rate = 0.1, label_smoothing = 0, clip_norm = 0, clip_value = 0, ema = 0;
    std::optional<double> momentum, weight_decay;
    bool decay_weights_only = false;
    RanksArgs ranks;
    DataArgs data;
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
    o.trainable.freeze = split_list(a.freeze);
    o.trainable.freeze_layers = a.freeze_layers;
    o.rate = a.rate;
    o.epochs = a.epochs;
    o.batch = a.batch;
    o.seed = call.common.seed;
    o.augment = parse_augmentations(a.augment);
    o.patience = a.patience;
    o.threads = call.common.threads;
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
    s += cat("written    ", record::printable(t.model), "\n");
    return s;
}

int train_verb_run(const TrainArgs& a, Call& call, dist::Comm* comm) {
    Graph model = read_model(a.model);
    const DataParts parts = open_for(model, a.data, call);
    if (!parts.training) fail(ErrorKind::data, "data.part", cat("'", a.data.data, "' has no training part"), "Give a data set with one, or all of it in one part.");
    train::LoopOptions options = loop_options(a, call);
    options.precision = choose_precision(a.precision, model);
    set_ranks(a.ranks, comm, options);
    const train::Ranks ranks(comm);
    const std::string folder = call.common.out.empty() ? "." : call.common.out;
    std::string stem = base_name(a.model);
    if (stem.ends_with(".onnx")) stem.resize(stem.size() - 5);
    const std::string file = cat(folder, "/", stem, "_trained.onnx");
    Progress progress("training", 1);
    train::LoopHooks hooks;
    hooks.step = [&](int64_t done, int64_t all, double) { progress.update(static_cast<double>(done) / static_cast<double>(all)); };
    hooks.epoch = [&](const train::Epoch& e) {
        call.say(cat("epoch ", e.epoch, ": loss ", record::number_text(e.loss), ", ", metrics_text(numbers(e.metrics)), ", ", human_seconds(e.seconds)));
    };
    train::Trained trained = train::train(model, parts.training, parts.validation.get(), options, hooks);
    set_metadata(trained.model, parts, eval::precision_name(options.precision));
    if (ranks.first()) write_model(trained.model, file);

    record::Train t;
    t.model = absolute_path(file), t.original = absolute_path(a.model), t.data = a.data.data;
    t.precision = eval::precision_name(options.precision), t.loss = a.loss, t.optimizer = a.optimizer, t.schedule = a.schedule;
    t.seed = static_cast<int64_t>(call.common.seed), t.ranks = ranks.count();
    t.machine = this_machine(call.common.threads);
    t.recipe = call.options.resolved();
    t.parameters = trained.parameters;
    t.samples_per_second = static_cast<double>(trained.samples) / std::max(1e-9, trained.seconds);
    t.waited_seconds = trained.waited;
    for (const train::Epoch& e : trained.history) t.history.push_back({e.epoch, e.loss, e.rate, e.seconds, numbers(e.metrics)});
    if (parts.test) {
        t.part = "test";
        t.metrics = numbers(ranks.measure(*parts.test, [&](const Dataset& d) { return train::measure(trained.model, d, options); }));
    }
    t.peak_bytes = peak_resident_bytes();
    t.warnings = call.warnings;
    call.emit(record::to_json(t), human(t), "train.json");
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
                  {"mpirun -n 4 hone train net.onnx --data fashion-mnist --batch 256", "on four ranks, each with 64 samples of every batch"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("epochs", "N", a->epochs, "how often each training sample is used").at_least(1);
        o.add("batch", "N", a->batch, "samples a step").at_least(1).at_most(1 << 20);
        o.add("loss", "NAME", a->loss, cat("what is made small: ", names(train::losses())));
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
        o.add("augment", "KIND[=X],...", a->augment, cat("changes of training pictures: ", names(augment_kinds())));
        o.add("freeze", "PATTERN,...", a->freeze, "parameters that stay as they are, by name; * is any text");
        o.add("freeze-layers", "N", a->freeze_layers, "the first N layers stay; -N: all but the last N");
        o.add("patience", "EPOCHS", a->patience, "without a better validation metric, after which training ends; 0: off").at_least(0);
        add_ranks(o, a->ranks);
        add_precision(o, a->precision);
        add_data(o, a->data, false);
    };
    v.run = [a](Call& call) { return run_on_ranks(call, [a](Call& mine, dist::Comm* comm) { return train_verb_run(*a, mine, comm); }); };
    return v;
}

}  // namespace hone::cli
