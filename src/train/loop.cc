// SPDX-License-Identifier: Apache-2.0
#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/interrupt.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/evaluate.h"
#include "train/runner.h"

namespace hone::train {
namespace {

eval::EvalOptions eval_options(const LoopOptions& o) {
    eval::EvalOptions e;
    e.threads = o.threads;
    e.precision = o.precision;
    return e;
}

class Loop {
  public:
    Loop(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& o, const LoopHooks& hooks)
        : model_(model), data_(training), validation_(validation), o_(o), hooks_(hooks), pool_(o.threads), steps_(training->size() / o.batch),
          schedule_(with_steps(o.schedule, steps_ * o.epochs), o.rate) {
        if (steps_ < 1)
            fail(ErrorKind::data, "train.few", cat(training->size(), " training samples are fewer than a batch of ", o.batch), "Give a smaller --batch.");
        task_ = make_task(model, *data_, o.step.loss, o.task);
        Trainable trainable = make_trainable(task_->network(o.batch), o.trainable);
        for (const Parameter& p : trainable.parameters) parameters_ += p.initial.count();
        step_ = training_step(std::move(trainable), o.step);
        loader_ = std::make_unique<Loader>(data_, LoaderOptions{.batch = o.batch * task_->samples(), .drop_last = true, .seed = o.seed, .augment = o.augment, .order = task_->order(o.seed)});
        runner_ = std::make_unique<StepRunner>(std::move(step_), &pool_, PlanOptions{.threads = o.threads, .precision = o.precision});
    }

    Trained run() {
        Trained t;
        t.parameters = parameters_;
        double best = -std::numeric_limits<double>::infinity();
        int64_t since = 0;
        for (int64_t e = 0; e < o_.epochs; ++e) {
            t.history.push_back(train_epoch(e, t));
            Epoch& epoch = t.history.back();
            const std::map<std::string, Tensor> values = weights();
            t.model = with_values(model_, values);
            if (hooks_.weights) hooks_.weights(e + 1, values);
            if (validation_) epoch.metrics = task_->measure(t.model, *validation_, eval_options(o_));
            if (hooks_.epoch) hooks_.epoch(epoch);
            const std::optional<double> merit = task_->merit(epoch.metrics);
            if (!merit) continue;
            const double now = *merit;
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
            check_interrupt();
            loader_->next(batch_);
            const std::vector<Tensor> targets = task_->targets(step_, batch_);
            epoch.rate = schedule_.at(e * steps_ + k);
            const double loss = runner_->run(task_->inputs(batch_), targets, epoch.rate);
            if (!std::isfinite(loss))
                fail(ErrorKind::data, "train.diverged", cat("the loss is ", loss, " in epoch ", e + 1, ", step ", k + 1), "A smaller --lr, or --clip-norm, often helps.");
            epoch.loss += loss / static_cast<double>(steps_);
            if (hooks_.step) hooks_.step({e * steps_ + k + 1, steps_ * o_.epochs, loss, epoch.rate, loader_->seconds_waited(), runner_->gradient_norm()});
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
    const LoopHooks& hooks_;
    ThreadPool pool_;
    int64_t steps_, parameters_ = 0;
    Schedule schedule_;
    std::unique_ptr<Task> task_;
    TrainingStep step_;
    std::unique_ptr<StepRunner> runner_;
    std::unique_ptr<Loader> loader_;
    Batch batch_;
    Graph best_;
};

}  // namespace

Metrics measure(const Graph& model, const Dataset& data, const LoopOptions& o) {
    return make_task(model, data, o.step.loss, o.task)->measure(model, data, eval_options(o));
}

Trained train(const Graph& model, DatasetPtr training, const Dataset* validation, const LoopOptions& options, const LoopHooks& hooks) {
    return Loop(model, std::move(training), validation, options, hooks).run();
}

}  // namespace hone::train
