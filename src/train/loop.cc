// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/evaluate.h"
#include "train/identity.h"
#include "train/lean_step.h"
#include "train/parallel.h"
#include "train/resume.h"

namespace hone::train {
namespace {

eval::EvalOptions eval_options(const LoopOptions& o) {
    eval::EvalOptions e;
    e.threads = o.threads;
    e.precision = o.precision == Precision::fp16 ? Precision::fp32 : o.precision;
    return e;
}

/// Masks of dropout of its own for each rank, whose samples are others.
TrainableOptions seeded(const LoopOptions& o, int rank) {
    TrainableOptions t = o.trainable;
    t.dropout.seed = o.seed + (static_cast<uint64_t>(rank) << 32);
    return t;
}

TaskOptions task_options(const LoopOptions& o) {
    TaskOptions t = o.task;
    t.metric = o.metric;
    return t;
}

[[noreturn]] void diverged(const std::string& what) { fail(ErrorKind::data, "train.diverged", what, "A smaller --lr, or --clip-norm, often helps."); }

class Loop {
  public:
    Loop(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& o, const LoopHooks& hooks)
        : kept_(o, hooks), model_(model), data_(training), validation_(validation), o_(o), ranks_(o.comm, o.step.loss.reduction), hooks_(hooks), pool_(kept_.threads()), steps_(batches_of(training->size(), o, hooks)),
          schedule_(with_steps(o.schedule, steps_ * o.epochs), o.rate) {
        if (!validation && (o.patience > 0 || o.schedule.name == "plateau"))
            fail(ErrorKind::usage, "train.validation", cat(o.patience > 0 ? "--patience" : "the schedule 'plateau'", " goes by a metric of the validation part, and the data has none"),
                 "Give it a share by --split, such as 80/10/10, or leave this out.");
        task_ = make_task(model, *data_, o.step.loss, task_options(o));
        StepOptions step = o.step;
        step.precision = o.precision;
        step.exchange.ranks = ranks_.count();
        TrainableOptions trained = seeded(o, ranks_.rank());
        if (step.exchange.batch_norm) trained.ranks = ranks_.count();
        Trainable trainable = make_trainable(task_->network(ranks_.share(o.batch)), trained);
        for (const Parameter& p : trainable.parameters) parameters_ += p.initial.count();
        o_.threads = pool_.threads();
        const bool lean = step.recompute && ranks_.count() == 1;  // ranks exchange in one order: cuts go by sizes alone, which all see alike
        if (lean && hooks.say) hooks.say("looking for the activations whose recomputation leaves the least memory");
        step_ = lean ? lean_step(std::move(trainable), step, {.threads = o_.threads}) : training_step(std::move(trainable), step);
        runner_ = std::make_unique<StepRunner>(std::move(step_), &pool_, PlanOptions{.threads = o_.threads, .choose = kept_.choose()});
        runner_->session().exchange_with(ranks_.comm());
        kept_.begin({[&] { return identity_of(model_, *data_, validation_, o_, with_steps(o_.schedule, steps_ * o_.epochs)); }, graph_hash(step_.graph), steps_, state_, schedule_, {{"", runner_.get()}}});
        scale_ = scale_report(runner_->states());
        waited_before_ = state_.waited;
        loader_ = std::make_unique<Loader>(data_, LoaderOptions{.batch = o.batch * task_->samples(), .drop_last = true, .seed = o.seed, .augment = o.augment, .order = task_->order(o.seed), .rank = ranks_.rank(), .ranks = ranks_.count()},
                                           LoaderState{done() / steps_, done() % steps_});
    }

    Trained run() {
        began_ = now_seconds();
        return kept_.guard([&] {
            ranks_.agree(cat("before step ", done() + 1, " of ", steps_ * o_.epochs, ", batch ", o_.batch, ", seed ", o_.seed), runner_->states());
            while (!ended() && train_epoch()) judge_epoch();
            kept_.ended(ended());
            return result();
        });
    }

  private:
    int64_t done() const { return state_.done(steps_); }
    bool out_of_patience() const { return o_.patience > 0 && state_.since >= o_.patience; }
    /// Of steps in a row at a fixed loss scale: an epoch's, where these are fewer.
    int64_t most_skipped() const { return std::min(kMostSkipped, (steps_ + o_.step.update.accumulate - 1) / o_.step.update.accumulate); }
    /// Of the open epoch, over its steps so far whose loss is finite; NaN where there are none.
    double mean_loss() const {
        const int64_t finite = state_.batch - state_.lost;
        return finite > 0 ? state_.open.loss * (static_cast<double>(steps_) / static_cast<double>(finite)) : std::nan("");
    }
    bool ended() const { return static_cast<int64_t>(state_.history.size()) >= o_.epochs || out_of_patience(); }

    /// The rest of the epoch; false when the time is over before its end.
    bool train_epoch() {
        Epoch& epoch = state_.open;
        epoch.epoch = static_cast<int64_t>(state_.history.size()) + 1;
        while (state_.batch < steps_) {
            if (!ranks_.comm()) check_interrupt();  // else all ranks stop behind the same step
            const double start = now_seconds();
            const bool late = o_.time_budget > 0 && start - began_ >= o_.time_budget;
            if (late && !ranks_.comm()) return false;
            loader_->next(batch_);
            const std::vector<Tensor> targets = task_->targets(step_, batch_);
            const double rate = schedule_.at(done() - scale_.skipped * o_.step.update.accumulate);
            state_.within = true;
            const Loss all = ranks_.mean(runner_->run(task_->inputs(batch_), targets, rate), late);
            scale_ = scale_report(runner_->states());
            check_scale(scale_, most_skipped());
            const bool finite = std::isfinite(all.value);
            if (!finite && o_.step.scale.start == 0) diverged(cat("the loss is ", all.value, all.where, " in epoch ", epoch.epoch, ", step ", state_.batch + 1));
            if (finite) epoch.loss += all.value / static_cast<double>(steps_);
            else ++state_.lost;
            epoch.rate = rate;
            epoch.seconds += now_seconds() - start;
            state_.waited = waited_before_ + loader_->seconds_waited();
            ++state_.batch;
            state_.within = false;
            if (hooks_.step) hooks_.step({done(), steps_ * o_.epochs, kept_.resumed_at(), all.value, rate, state_.waited, runner_->gradient_norm()});
            kept_.step_done();
            if (ranks_.comm() && all.stop) set_interrupted(true), check_interrupt();
            if (ranks_.comm() && all.late) return false;
        }
        return true;
    }

    /// Of an epoch whose steps are done: its metrics, and what follows from them.
    void judge_epoch() {
        Epoch epoch = state_.open;
        epoch.loss = mean_loss();
        if (std::isnan(epoch.loss)) diverged(cat("the loss is not finite in any step of epoch ", epoch.epoch));
        ranks_.agree(cat("after epoch ", epoch.epoch), runner_->states());
        const std::map<std::string, Tensor> values = weights();
        if (hooks_.weights) hooks_.weights(epoch.epoch, values);
        if (validation_) epoch.metrics = judged(with_values(model_, values));
        state_.history.push_back(epoch);
        state_.open = {};
        state_.batch = state_.lost = 0;
        if (const std::optional<double> merit = task_->merit(epoch.metrics)) {
            schedule_.observe(*merit);
            if (o_.patience && (!state_.best || *merit > *state_.best)) state_.best = *merit, state_.since = 0, state_.best_weights = values;
            else if (o_.patience) ++state_.since;
        }
        if (hooks_.epoch) hooks_.epoch(epoch);
        if (!ended()) kept_.epoch_done();
    }

    Trained result() {
        Trained t;
        t.model = with_values(model_, out_of_patience() ? state_.best_weights : weights());
        t.history = state_.history;
        if (state_.batch > 0) {  // the time was over within an epoch
            Epoch part = state_.open;
            part.loss = mean_loss();
            if (validation_) part.metrics = judged(t.model);
            t.history.push_back(part);
        }
        for (const Epoch& e : t.history) t.seconds += e.seconds;
        t.parameters = parameters_;
        t.samples = done() * o_.batch;
        t.waited = state_.waited;
        t.stopped = out_of_patience() ? "patience" : ended() ? "" : "time";
        t.resumed_at = kept_.resumed_at();
        t.scale = scale_;
        return t;
    }

    Metrics judged(const Graph& model) const {
        return ranks_.measure(*validation_, task_->averages(), [&](const Dataset& d) { return task_->measure(model, d, eval_options(o_)); });
    }

    std::map<std::string, Tensor> weights() const { return trained_values(model_, runner_->states()); }

    RunCheckpoints kept_;
    double began_ = 0;
    const Graph& model_;
    DatasetPtr data_;
    const Dataset* validation_;
    LoopOptions o_;
    const Ranks ranks_;
    const LoopHooks& hooks_;
    ThreadPool pool_;
    int64_t steps_, parameters_ = 0;
    Schedule schedule_;
    std::unique_ptr<Task> task_;
    TrainingStep step_;
    std::unique_ptr<StepRunner> runner_;
    std::unique_ptr<Loader> loader_;
    Batch batch_;
    LoopState state_;
    double waited_before_ = 0;
    ScaleReport scale_;
};

}  // namespace

int64_t batches_of(int64_t samples, const LoopOptions& o, const LoopHooks& hooks) {
    const int64_t batches = samples / o.batch, all = batches * o.epochs, k = o.step.update.accumulate;
    if (batches < 1) fail(ErrorKind::data, "train.few", cat(samples, " training samples are fewer than a batch of ", o.batch), "Give a smaller --batch.");
    if (k < 2) return batches;
    if (all < k)
        fail(ErrorKind::usage, "train.accumulate", cat("a step of ", k, " batches is never full: the whole run has ", all),
             cat("Give --accumulate ", all, " or less, or more --epochs."));
    if (all % k != 0 && hooks.say) hooks.say(cat("note: the last ", all % k, " of the run's ", all, " batches fill no step of ", k, " and change no weight"));
    return batches;
}

Metrics measure(const Graph& model, const Dataset& data, const LoopOptions& o) {
    const std::unique_ptr<Task> task = make_task(model, data, o.step.loss, task_options(o));
    return Ranks(o.comm).measure(data, task->averages(), [&](const Dataset& d) { return task->measure(model, d, eval_options(o)); });
}

Trained train(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& options, const LoopHooks& hooks) {
    return Loop(evaluation_mode(model), std::move(training), validation, options, hooks).run();
}

}  // namespace hone::train
