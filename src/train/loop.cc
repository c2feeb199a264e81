// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/evaluate.h"
#include "train/parallel.h"
#include "train/runner.h"

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
        : model_(model), data_(training), validation_(validation), o_(o), ranks_(o.comm, o.step.loss.reduction), hooks_(hooks), pool_(o.threads), steps_(training->size() / o.batch),
          schedule_(with_steps(o.schedule, steps_ * o.epochs), o.rate) {
        if (steps_ < 1)
            fail(ErrorKind::data, "train.few", cat(training->size(), " training samples are fewer than a batch of ", o.batch), "Give a smaller --batch.");
        if (model.inputs.size() != 1)
            fail(ErrorKind::model, "train.inputs", cat("the model has ", static_cast<unsigned long>(model.inputs.size()), " inputs; training from a data set takes one"));
        TrainableOptions trainable_options = o.trainable;
        StepOptions step_options = o.step;
        step_options.exchange.ranks = ranks_.count();
        if (step_options.exchange.batch_norm) trainable_options.ranks = ranks_.count();
        Trainable trainable = make_trainable(specialise(model, {eval::input_dims_for(model, data_->sample_dims(), ranks_.share(o.batch))}), trainable_options);
        for (const Parameter& p : trainable.parameters) parameters_ += p.initial.count();
        step_ = training_step(std::move(trainable), step_options);
        loader_ = std::make_unique<Loader>(data_, LoaderOptions{.batch = o.batch, .drop_last = true, .seed = o.seed, .augment = o.augment, .rank = ranks_.rank(), .ranks = ranks_.count()});
        runner_ = std::make_unique<StepRunner>(step_, &pool_, PlanOptions{.threads = o.threads, .precision = o.precision});
        runner_->session().exchange_with(ranks_.comm());
    }

    Trained run() {
        ranks_.agree(cat("before step 1 of ", steps_, " of ", o_.epochs, " epochs, batch ", o_.batch, ", seed ", o_.seed), runner_->states());
        Trained t;
        t.parameters = parameters_;
        double best = -1;
        int64_t since = 0;
        for (int64_t e = 0; e < o_.epochs; ++e) {
            t.history.push_back(train_epoch(e, t));
            Epoch& epoch = t.history.back();
            ranks_.agree(cat("after epoch ", e + 1), runner_->states());
            t.model = with_values(model_, weights());
            if (validation_) epoch.metrics = ranks_.measure(*validation_, [&](const Dataset& d) { return measure(t.model, d, o_); });
            if (hooks_.epoch) hooks_.epoch(epoch);
            if (!epoch.metrics.contains("top1")) continue;
            const double now = epoch.metrics.at("top1");
            schedule_.observe(now);
            if (now > best) best = now, since = 0, best_ = t.model;
            else if (o_.patience && ++since >= o_.patience) {
                t.model = best_;
                break;
            }
        }
        return t;
    }

  private:
    Epoch train_epoch(int64_t e, Trained& t) {
        Epoch epoch{.epoch = e + 1, .metrics = {}};
        const double start = now_seconds();
        for (int64_t k = 0; k < steps_; ++k) {
            loader_->next(batch_);
            const std::vector<Tensor> targets = targets_for(step_, *data_, batch_);
            epoch.rate = schedule_.at(e * steps_ + k);
            const Loss all = ranks_.mean(runner_->run({batch_.x}, targets, epoch.rate));
            const double loss = all.value;
            if (!std::isfinite(loss))
                fail(ErrorKind::data, "train.diverged", cat("the loss is ", loss, all.where, " in epoch ", e + 1, ", step ", k + 1), "A smaller --lr, or --clip-norm, often helps.");
            epoch.loss += loss / static_cast<double>(steps_);
            if (hooks_.step) hooks_.step(e * steps_ + k + 1, steps_ * o_.epochs, loss);
            if (all.stop) set_interrupted(true), check_interrupt();  // on all ranks, behind the same step
        }
        epoch.seconds = now_seconds() - start;
        t.seconds += epoch.seconds;
        t.samples += steps_ * o_.batch;
        t.waited = loader_->seconds_waited();
        return epoch;
    }

    /// Parameters and statistics; not the optimiser's own.
    std::map<std::string, Tensor> weights() const {
        std::map<std::string, Tensor> out;
        for (const auto& [name, value] : runner_->states())
            if (const ValueId v = model_.find_value(name); v != kNone && model_.value(v).is_constant()) out[name] = value.clone();
        return out;
    }

    const Graph& model_;
    DatasetPtr data_;
    const Dataset* validation_;
    const LoopOptions& o_;
    Ranks ranks_;
    const LoopHooks& hooks_;
    ThreadPool pool_;
    int64_t steps_, parameters_ = 0;
    Schedule schedule_;
    TrainingStep step_;
    std::unique_ptr<StepRunner> runner_;
    std::unique_ptr<Loader> loader_;
    Batch batch_;
    Graph best_;
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
