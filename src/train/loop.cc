// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/evaluate.h"
#include "train/identity.h"
#include "train/resume.h"

namespace hone::train {
namespace {

/// What the loss compares with: labels, values of a regression, or a probability a class.
std::vector<Tensor> targets_for(const TrainingStep& step, const Dataset& data, const Batch& batch) {
    std::vector<Tensor> out;
    for (const std::string& name : step.targets) {
        const TypeInfo type = step.graph.value(step.graph.find_value(name)).type;
        const Dims dims = dims_of(type.shape);
        const int64_t n = batch.labels.count(), width = n ? count_of(dims) / n : 0;
        const int64_t classes = static_cast<int64_t>(data.class_names().size());
        const int64_t wanted = data.regression() ? batch.targets.count() / n : type.dtype == DType::i64 ? 1 : classes;
        const bool binary = !data.regression() && type.dtype != DType::i64 && width == 1 && classes == 2;
        if ((width != wanted && !binary) || (type.dtype == DType::i64 && data.regression()))
            fail(ErrorKind::data, "train.targets", cat("the loss compares ", to_text(type), " and the data has ", data.regression() ? cat(wanted, " values a sample") : cat(classes, " classes")),
                 "Choose another loss with --loss, or a network with that many outputs.");
        if (type.dtype == DType::i64) {
            if (batch.soft.defined()) fail(ErrorKind::usage, "train.mixup", "mixup makes soft labels, which the loss 'cross_entropy' does not take", "Choose --loss cross_entropy_soft.");
            out.push_back(batch.labels.reshaped(dims));
            continue;
        }
        Tensor t = data.regression() ? batch.targets.reshaped(dims) : Tensor::zeros(type.dtype, dims);
        const bool signs = step.targets_are_signs;
        for (int64_t i = 0; !data.regression() && i < n; ++i)
            for (int64_t k = 0; k < width; ++k) {
                const double p = binary ? static_cast<double>(batch.labels.at_int(i)) : batch.soft.defined() ? batch.soft.at(i * width + k) : static_cast<double>(batch.labels.at_int(i) == k);
                t.set(i * width + k, signs ? 2 * p - 1 : p);
            }
        out.push_back(std::move(t));
    }
    return out;
}

ScheduleSpec with_steps(ScheduleSpec s, int64_t steps) {
    for (const ScheduleDecl& d : schedules())
        if (s.name == d.name)
            for (const Hyper& h : d.hyper)
                if (std::string_view(h.name) == "steps" && !s.hyper.contains("steps")) s.hyper["steps"] = static_cast<double>(steps);
    return s;
}

class Loop {
  public:
    Loop(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& o, const LoopHooks& hooks)
        : kept_(o, hooks), model_(model), data_(training), validation_(validation), o_(o), hooks_(hooks), pool_(kept_.threads()), steps_(training->size() / o.batch),
          schedule_(with_steps(o.schedule, steps_ * o.epochs), o.rate) {
        if (steps_ < 1)
            fail(ErrorKind::data, "train.few", cat(training->size(), " training samples are fewer than a batch of ", o.batch), "Give a smaller --batch.");
        if (model.inputs.size() != 1)
            fail(ErrorKind::model, "train.inputs", cat("the model has ", static_cast<unsigned long>(model.inputs.size()), " inputs; training from a data set takes one"));
        Trainable trainable = make_trainable(specialise(model, {eval::input_dims_for(model, data_->sample_dims(), o.batch)}), o.trainable);
        for (const Parameter& p : trainable.parameters) parameters_ += p.initial.count();
        step_ = training_step(std::move(trainable), o.step);
        o_.threads = pool_.threads();
        runner_ = std::make_unique<StepRunner>(step_, &pool_, PlanOptions{.threads = o_.threads, .precision = o.precision, .choose = kept_.choose()});
        kept_.begin({[&] { return identity_of(model_, *data_, validation_, o_, with_steps(o_.schedule, steps_ * o_.epochs)); }, graph_hash(step_.graph), steps_, state_, schedule_, *runner_});
        waited_before_ = state_.waited;
        loader_ = std::make_unique<Loader>(data_, LoaderOptions{.batch = o.batch, .drop_last = true, .seed = o.seed, .augment = o.augment}, LoaderState{done() / steps_, done() % steps_});
    }

    Trained run() {
        try {
            while (!ended() && train_epoch()) judge_epoch();
            kept_.ended(ended());
            return result();
        } catch (const Error& e) {
            if (e.id == "interrupted") kept_.stopped();
            throw;
        }
    }

  private:
    int64_t done() const { return static_cast<int64_t>(state_.history.size()) * steps_ + state_.batch; }
    bool out_of_patience() const { return o_.patience > 0 && state_.since >= o_.patience; }
    bool ended() const { return static_cast<int64_t>(state_.history.size()) >= o_.epochs || out_of_patience(); }

    /// The rest of the epoch; false when the time is over before its end.
    bool train_epoch() {
        Epoch& epoch = state_.open;
        epoch.epoch = static_cast<int64_t>(state_.history.size()) + 1;
        while (state_.batch < steps_) {
            check_interrupt();
            const double start = now_seconds();
            if (o_.time_budget > 0 && start - began_ >= o_.time_budget) return false;
            loader_->next(batch_);
            const std::vector<Tensor> targets = targets_for(step_, *data_, batch_);
            const double rate = schedule_.at(done());
            const double loss = runner_->run({batch_.x}, targets, rate);
            if (!std::isfinite(loss))
                fail(ErrorKind::data, "train.diverged", cat("the loss is ", loss, " in epoch ", epoch.epoch, ", step ", state_.batch + 1), "A smaller --lr, or --clip-norm, often helps.");
            epoch.rate = rate;
            epoch.loss += loss / static_cast<double>(steps_);
            epoch.seconds += now_seconds() - start;
            state_.waited = waited_before_ + loader_->seconds_waited();
            ++state_.batch;
            if (hooks_.step) hooks_.step(done(), steps_ * o_.epochs, loss);
            kept_.step_done();
        }
        return true;
    }

    /// Of an epoch whose steps are done: its metrics, and what follows from them.
    void judge_epoch() {
        Epoch epoch = state_.open;
        if (validation_) epoch.metrics = measure(with_values(model_, weights()), *validation_, o_);
        state_.history.push_back(epoch);
        state_.open = {};
        state_.batch = 0;
        if (epoch.metrics.contains("top1")) {
            const double now = epoch.metrics.at("top1");
            schedule_.observe(now);
            if (o_.patience && (!state_.best || now > *state_.best)) state_.best = now, state_.since = 0, state_.best_weights = weights();
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
            part.loss *= static_cast<double>(steps_) / static_cast<double>(state_.batch);
            if (validation_) part.metrics = measure(t.model, *validation_, o_);
            t.history.push_back(part);
        }
        for (const Epoch& e : t.history) t.seconds += e.seconds;
        t.parameters = parameters_;
        t.samples = done() * o_.batch;
        t.waited = state_.waited;
        t.stopped = out_of_patience() ? "patience" : ended() ? "" : "time";
        t.resumed_at = kept_.resumed_at();
        return t;
    }

    /// Parameters and statistics; not the optimiser's own.
    std::map<std::string, Tensor> weights() const {
        std::map<std::string, Tensor> out;
        for (const auto& [name, value] : runner_->states())
            if (const ValueId v = model_.find_value(name); v != kNone && model_.value(v).is_constant()) out[name] = value.clone();
        return out;
    }

    RunCheckpoints kept_;
    const double began_ = now_seconds();
    const Graph& model_;
    DatasetPtr data_;
    const Dataset* validation_;
    LoopOptions o_;
    const LoopHooks& hooks_;
    ThreadPool pool_;
    int64_t steps_, parameters_ = 0;
    Schedule schedule_;
    TrainingStep step_;
    std::unique_ptr<StepRunner> runner_;
    std::unique_ptr<Loader> loader_;
    Batch batch_;
    LoopState state_;
    double waited_before_ = 0;
};

}  // namespace

std::map<std::string, double> measure(const Graph& model, const Dataset& data, const LoopOptions& o) {
    eval::EvalOptions options;
    options.threads = o.threads;
    options.precision = o.precision;
    const eval::Answers a = eval::answer(model, data, options);
    if (!data.regression()) return {{"top1", a.top1()}};
    double squares = 0;
    for (int64_t i = 0; i < a.logits.count(); ++i) squares += (a.logits.at(i) - data.targets().at(i)) * (a.logits.at(i) - data.targets().at(i));
    return {{"mse", squares / static_cast<double>(std::max<int64_t>(1, a.logits.count()))}};
}

Trained train(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& options, const LoopHooks& hooks) {
    return Loop(model, std::move(training), validation, options, hooks).run();
}

}  // namespace hone::train
