// SPDX-License-Identifier: Apache-2.0
#include "cli/train_options.h"

#include "base/error.h"
#include "cli/cli.h"
#include "cli/train_table.h"
#include "train/gan.h"

namespace hone::cli {

namespace {
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

void check_milestones(const TrainArgs& a) {
    if ((a.schedule == "multi_step") != a.milestones.empty()) return;
    if (a.milestones.empty()) fail(ErrorKind::usage, "train.milestones", "the schedule multi_step falls at milestones, and there are none", "Give the steps with --milestones N,...");
    fail(ErrorKind::usage, "train.milestones", cat("--milestones are of the schedule multi_step; this is ", a.schedule), "Leave them out, or give --schedule multi_step.");
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

}  // namespace

train::LoopOptions loop_options(const TrainArgs& a, const Call& call) {
    train::LoopOptions o;
    o.step.loss.name = a.loss;
    o.step.update.optimizer = a.optimizer;
    train::find_loss(a.loss);
    train::find_optimizer(a.optimizer);
    o.schedule.name = a.schedule;
    o.schedule.milestones = a.milestones;
    check_milestones(a);
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

void follow_dcgan(TrainArgs& a, const Call& call) {
    const train::LoopOptions usual = train::dcgan_options();
    if (!call.options.given("lr")) a.rate = usual.rate;
    if (call.options.given("optimizer")) return;
    a.optimizer = usual.step.update.optimizer;
    for (const auto& [name, v] : usual.step.update.hyper) a.set = cat(name, "=", v, a.set.empty() ? "" : ",", a.set);
}

void add_train(Options& o, TrainArgs& a) {
    o.positional("MODEL", a.model, "the network, an ONNX file").required();
    o.add("epochs", "N", a.epochs, "how often each training sample is used").at_least(1);
    o.add("batch", "N", a.batch, "samples a step").at_least(1).at_most(1 << 20);
    o.add("loss", "NAME", a.loss, cat("what is made small: ", names(train::losses()), "; unless given cross_entropy, mse for numbers to predict, bce_with_logits for one output"));
    o.add("label-smoothing", "X", a.label_smoothing, "of the cross-entropy").at_least(0).at_most(0.999);
    o.add("optimizer", "NAME", a.optimizer, names(train::optimizers()));
    o.add("lr", "X", a.rate, "the base learning rate").at_least(0);
    o.add("momentum", "X", a.momentum, "of the optimiser");
    o.add("weight-decay", "X", a.weight_decay, "of the optimiser");
    o.flag("decay-weights-only", a.decay_weights_only, "no weight decay on biases and normalisations");
    o.add("schedule", "NAME", a.schedule, cat("of the rate: ", names(train::schedules())));
    o.add("warmup", "STEPS", a.warmup, "steps of a linear rise before the schedule").at_least(0);
    o.custom(
        "milestones", "STEP,...", "of the schedule multi_step: the steps at which the rate falls",
        [&a](const std::string& s) {
            a.milestones.clear();
            for (const std::string& one : split_list(s)) {
                Options number;
                number.add("milestones", "STEP", a.milestones.emplace_back(), "").at_least(0).set(one);
            }
        },
        [&a] {
            std::vector<std::string> all;
            for (const int64_t m : a.milestones) all.push_back(cat(m));
            return join(all, ",");
        });
    o.add("set", "NAME=X,...", a.set, "any other hyper-parameter of loss, optimiser or schedule");
    o.add("clip-norm", "X", a.clip_norm, "the whole gradient is at most this long; 0: off").at_least(0);
    o.add("clip-value", "X", a.clip_value, "each element of it is at most this large; 0: off").at_least(0);
    o.add("accumulate", "N", a.accumulate, "batches whose gradients are averaged into one step").at_least(1);
    o.add("ema", "X", a.ema, "decay of an average of the weights, which is then what is validated and written; less in the first steps, at most (1 + step) / (10 + step); 0: off").at_least(0).at_most(0.9999999);
    o.add("augment", "KIND[=X],...", a.augment, cat("random changes of training samples, pictures or texts: ", names(augment_kinds())));
    o.add("dropout", "X", a.dropout, "the ratio of every Dropout of the network, in place of its own").at_least(0);
    o.add("freeze", "PATTERN,...", a.freeze, "parameters that stay as they are, by name; * is any text");
    o.add("freeze-layers", "N", a.freeze_layers, "the first N layers stay; -N: all but the last N");
    add_head(o, a.head);
    add_standardise(o, a.standardise);
    o.add("metric", "NAME", a.metric, "measured too, and what --patience and the schedule plateau go by: top1, top5, precision_macro, recall_macro, f1_macro, auc; mse, mae, r2");
    o.add("patience", "EPOCHS", a.patience, "without a better validation metric, after which training ends; 0: off").at_least(0);
    o.flag("tensorboard", a.tensorboard, "also write events for TensorBoard into the folder tensorboard of --out");
    o.seconds("time-budget", a.time_budget, "training stops after this time with what it has; 0: off").at_least(0);
    o.add("checkpoint-every", "N|TIME|epoch,...", a.checkpoint_every, "what is done so far is kept in --out, every N steps, so often, each epoch, or never");
    o.flag("resume", a.resume, "goes on from the last checkpoint in --out, to the bit; begins where there is none");
    add_networks(o, a.networks);
    o.add("precision", "P", a.precision, "of activations and their gradients; weights stay fp32: fp32, bf16, fp16, or auto (what the model permits here)")
        .one_of({"fp32", "bf16", "fp16", "auto"});
    o.flag("recompute", a.recompute, "computes activations again on the way back instead of keeping them: less memory, up to a third slower");
    o.add("loss-scale", "X", a.loss_scale, "times which gradients are computed: dynamic (of fp16 unless given) or a number");
    o.add("loss-scale-every", "N", a.loss_scale_every, "good steps after which a dynamic loss scale doubles").at_least(1);
    add_data(o, a.data, false);
    o.flag("explain", a.explain, "first say how many samples of each class are in which part, what is doubtful, and what each part is used for");
    add_text(o, a.data.text);
    add_ranks(o, a.ranks);
}

}  // namespace hone::cli
