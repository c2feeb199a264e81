// SPDX-License-Identifier: Apache-2.0
// Runs a training step: holds the values of its states (weights, statistics, moments) and changes them in place, batch by
// batch. One thread uses a runner at a time.
//
//   StepRunner runner(training_step(...), &pool, {.threads = 2});
//   const double loss = runner.run({images}, {labels}, schedule.at(step));
//   Graph trained = with_values(model, trained_values(model, runner.states()));
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run/session.h"
#include "train/step.h"

namespace hone::train {

class StepRunner {
  public:
    /// Every dim of the step's graph must be known. `pool` as Session asks. The states' first values are copied.
    StepRunner(const TrainingStep& step, ThreadPool* pool, const PlanOptions& options);
    /// The same without the copy: takes `step.initial`, and leaves the rest of the step as it is.
    StepRunner(TrainingStep&& step, ThreadPool* pool, const PlanOptions& options);

    /// One step on a batch: the model's inputs and the loss's targets in their order, and the learning rate. Gives the loss
    /// before the update. Throws model "input.shape" for other dims than the graph's.
    double run(const std::vector<Tensor>& inputs, const std::vector<Tensor>& targets, double rate);

    /// By name. The tensors are the runner's own memory: a later step changes them; clone what is to be kept.
    const std::map<std::string, Tensor>& states() const { return states_; }
    /// Copies these values in. Throws model "train.state" for a name that is no state, or other type or dims.
    void set_states(const std::map<std::string, Tensor>& values);
    /// Output i of the step's graph, of the last run.
    Tensor output(size_t i) const { return session_->output(i); }
    /// Of the last run, where the step measures it.
    std::optional<double> gradient_norm() const { return norm_ ? std::optional(output(*norm_).at(0)) : std::nullopt; }
    Session& session() { return *session_; }
    const Plan& plan() const { return session_->plan(); }

  private:
    StepRunner(const TrainingStep& step, std::map<std::string, Tensor> initial, ThreadPool* pool, const PlanOptions& options);
    size_t loss_;
    std::optional<size_t> norm_;
    std::unique_ptr<Session> session_;
    std::map<std::string, Tensor> states_;
    std::vector<Tensor> inputs_;            ///< of the graph, in its order
    std::vector<size_t> model_at_, target_at_;
    size_t rate_at_ = 0;
};

/// What is trained of `model`, out of the states of its step: parameters and statistics, copied; averages of them where the
/// step keeps these (update.ema).
std::map<std::string, Tensor> trained_values(const Graph& model, const std::map<std::string, Tensor>& states);

}  // namespace hone::train
