// SPDX-License-Identifier: Apache-2.0
#include "train/resume.h"

#include "base/interrupt.h"
#include "base/timing.h"
#include "plan/choices.h"
#include "record/journal.h"
#include "train/identity.h"

namespace hone::train {

namespace {

constexpr const char *kStates = "states/", *kBest = "best/";
constexpr double kDearest = 20;  ///< an epoch's checkpoint takes at most this part of the time

record::TrainEpoch record_of(const Epoch& e) { return {e.epoch, e.loss, e.rate, e.seconds, {e.metrics.begin(), e.metrics.end()}}; }
Epoch epoch_of(const record::TrainEpoch& e) { return {e.epoch, e.loss, e.rate, {e.metrics.begin(), e.metrics.end()}, e.seconds}; }

std::map<std::string, Tensor> with_prefix(const record::Tensors& all, const std::string& prefix) {
    std::map<std::string, Tensor> out;
    for (const auto& [name, t] : all)
        if (name.starts_with(prefix)) out[name.substr(prefix.size())] = t.clone();
    return out;
}

}  // namespace

RunCheckpoints::RunCheckpoints(const LoopOptions& options, const LoopHooks& hooks) : options_(options), hooks_(hooks) {
    const CheckpointOptions& o = options.checkpoint;
    if (o.folder.empty()) return;
    store_ = std::make_unique<CheckpointStore>(o.folder, o.writes);
    if (o.resume) {
        std::vector<std::string> words;
        last_ = store_->newest(words);
        for (const std::string& w : words)
            if (hooks.warn) hooks.warn(cat(w, "; the one before it is taken"));
        if (!last_ && hooks.say) hooks.say(cat("no checkpoint in ", o.folder, ": training begins anew"));
        return;
    }
    const std::optional<record::Checkpoint> there = store_->newest_manifest();
    if (there && !there->complete)
        fail(ErrorKind::usage, "train.unfinished", cat("here are checkpoints of a run that came to step ", there->step, " and not to its end; this run would replace them"),
             "Go on with it by --resume, give another --out, or remove this folder.", o.folder);
}

int RunCheckpoints::threads() const {
    return last_ && options_.checkpoint.keep_threads && last_->manifest.threads > 0 ? static_cast<int>(std::min<int64_t>(last_->manifest.threads, 1024)) : options_.threads;
}

std::function<std::optional<Choice>(const Graph&, NodeId)> RunCheckpoints::choose(const std::string& prefix) const {
    if (!last_) return {};
    record::Texts own;
    for (const auto& [node, choice] : last_->manifest.choices)
        if (node.starts_with(prefix)) own.emplace_back(node.substr(prefix.size()), choice);
    return chosen_as(own);
}

record::Texts RunCheckpoints::choices() const {
    record::Texts all;
    for (const auto& [prefix, runner] : run_->runners)
        for (auto& [node, choice] : choices_of(runner->plan())) all.emplace_back(prefix + node, std::move(choice));
    return all;
}

void RunCheckpoints::begin(Run run) {
    run_.emplace(std::move(run));
    if (!store_) return;
    identity_ = run_->identity();
    if (last_) restore(*last_, identity_);
    last_.reset();
    saved_seconds_ = now_seconds();
}

void RunCheckpoints::restore(const Checkpoint& c, const record::Texts& identity) {
    const record::Checkpoint& m = c.manifest;
    check_identity(m.identity, identity, store_->folder());
    if (m.epoch < 0 || m.batch < 0 || m.batch > run_->steps || m.lost < 0 || m.lost > m.batch || m.epoch != static_cast<int64_t>(m.history.size()))
        fail(ErrorKind::data, "train.checkpoint", cat("it stands at step ", m.batch, " of ", run_->steps, " in epoch ", m.epoch + 1), {}, store_->folder());
    for (const auto& [prefix, runner] : run_->runners) {
        const std::map<std::string, Tensor> states = with_prefix(c.tensors, kStates + prefix);
        for (const auto& [name, t] : runner->states())
            if (!states.contains(name)) fail(ErrorKind::usage, "train.resume", cat("the checkpoint has no state '", prefix, name, "'"), "Give what the run began with, or another --out to begin anew.", store_->folder());
        runner->set_states(states);
    }
    LoopState& s = run_->state;
    for (const record::TrainEpoch& e : m.history) s.history.push_back(epoch_of(e));
    s.open = epoch_of(m.open);
    s.batch = m.batch;
    s.lost = m.lost;
    s.waited = m.waited;
    s.best = m.best;
    s.since = m.since;
    s.best_weights = with_prefix(c.tensors, kBest);
    run_->schedule.plateau() = {m.plateau.begun, m.plateau.best, m.plateau.factor, m.plateau.bad, m.plateau.cooldown};
    resumed_at_ = m.step;
    saved_ = cat(m.epoch, " ", m.batch, " ", m.complete);

    std::vector<std::string> other;
    if (m.version != options_.checkpoint.version) other.push_back(cat("version ", m.version, " of hone"));
    if (m.machine != record::machine_key()) other.push_back("another processor");
    if (m.threads != threads()) other.push_back(cat(m.threads, " threads"));
    if (m.program != run_->program) other.push_back("a training step that was built otherwise");
    else if (m.choices != choices()) other.push_back("kernels that cannot be chosen here");
    if (!other.empty() && hooks_.warn)
        hooks_.warn(cat("the checkpoint is of ", join(other, ", "), ": the result may differ in bits from that of a run in one go"));
    if (m.threads != options_.threads && m.threads == threads() && hooks_.say)
        hooks_.say(cat("it goes on with ", m.threads, " threads, as it began; --threads N changes that"));
    if (hooks_.say) hooks_.say(cat("resumed after step ", m.step, ", epoch ", m.epoch + (m.batch > 0), m.complete ? ": that run was at its end" : ""));
}

record::Checkpoint RunCheckpoints::manifest(bool complete) const {
    const LoopState& s = run_->state;
    const PlateauState& p = run_->schedule.plateau();
    record::Checkpoint m;
    m.step = step();
    m.epoch = static_cast<int64_t>(s.history.size());
    m.batch = s.batch;
    m.lost = s.lost;
    m.complete = complete;
    m.identity = identity_;
    m.program = run_->program;
    m.choices = choices();
    m.seed = static_cast<int64_t>(options_.seed);
    m.threads = run_->runners[0].second->plan().threads;
    m.version = options_.checkpoint.version;
    m.machine = record::machine_key();
    m.open = record_of(s.open);
    for (const Epoch& e : s.history) m.history.push_back(record_of(e));
    m.waited = s.waited;
    m.plateau = {p.begun, p.best, p.factor, p.bad, p.cooldown};
    m.best = s.best;
    m.since = s.since;
    return m;
}

void RunCheckpoints::save(bool complete) {
    const std::string at = cat(run_->state.history.size(), " ", run_->state.batch, " ", complete);
    if (at == saved_) return;
    const double begin = now_seconds();
    record::Tensors tensors;
    for (const auto& [prefix, runner] : run_->runners)
        for (const auto& [name, t] : runner->states()) tensors[kStates + prefix + name] = t;
    for (const auto& [name, t] : run_->state.best_weights) tensors[kBest + name] = t;
    store_->save(manifest(complete), tensors);
    saved_ = at;
    saved_seconds_ = now_seconds();
    cost_seconds_ = saved_seconds_ - begin;
}

void RunCheckpoints::try_save(bool complete) {
    try {
        save(complete);
    } catch (const Error& e) {
        if (e.kind != ErrorKind::io) throw;
        saved_seconds_ = now_seconds();
        if (hooks_.warn) hooks_.warn(cat("no checkpoint after step ", step(), ": ", e.message, saved_.empty() ? "" : "; the one before is as it was"));
    }
}

void RunCheckpoints::step_done() {
    const CheckpointOptions& o = options_.checkpoint;
    if (!store_ || !o.writes) return;
    const bool steps = o.every_steps > 0 && step() % o.every_steps == 0;
    if (steps || (o.every_seconds > 0 && now_seconds() - saved_seconds_ >= o.every_seconds)) try_save(false);
}

void RunCheckpoints::epoch_done() {
    const CheckpointOptions& o = options_.checkpoint;
    if (!store_ || !o.writes || !o.every_epoch) return;
    if (now_seconds() - saved_seconds_ >= kDearest * cost_seconds_) try_save(false);
}

void RunCheckpoints::ended(bool complete) {
    complete_ = complete;
    if (store_ && options_.checkpoint.writes) try_save(complete);
}

void RunCheckpoints::stopped() {
    const std::string at = cat("stopped by a signal after step ", step());
    if (!store_ || !options_.checkpoint.writes)
        fail(ErrorKind::budget, "interrupted", store_ ? at : at + "; what was trained is not kept", store_ ? "" : "With --out DIR checkpoints are kept, and --resume goes on from the last.");
    if (run_->state.within)
        fail(ErrorKind::budget, "interrupted", cat("stopped by a signal within step ", step() + 1, ", which is not kept"),
             saved_.empty() ? "" : "The same command with --resume goes on from the checkpoint before.", store_->folder());
    set_interrupted(false);  // the signal that asked for this checkpoint does not stop its writing; another one does
    try {
        save(complete_);
    } catch (const Error& e) {
        fail(ErrorKind::budget, "interrupted", cat(at, "; it could not be saved: ", e.message),
             saved_.empty() ? "" : "The same command with --resume goes on from the checkpoint before.", store_->folder());
    }
    fail(ErrorKind::budget, "interrupted", at + " and saved", "The same command with --resume goes on from there.", store_->folder());
}

}  // namespace hone::train
