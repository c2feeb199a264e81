// SPDX-License-Identifier: Apache-2.0
// Joins the training loop and its checkpoints: what of a run goes into one, when one is due, and how a run comes back to
// the bit. The loop calls it between steps.
//
//   RunCheckpoints kept(options, hooks);                       // reads the last one when asked to resume
//   StepRunner runner(step, &pool, {.threads = kept.threads(), .choose = kept.choose()});
//   kept.begin({identity, program, steps, state, schedule, {{"", &runner}}});
//   ... kept.step_done(); ... kept.epoch_done(); ... kept.ended(true);
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint.h"
#include "train/loop.h"
#include "train/runner.h"

namespace hone::train {

/// Where a run stands between two steps; with the states of its step all that decides how it goes on.
struct LoopState {
    std::vector<Epoch> history{};
    Epoch open{};       ///< the epoch under way: its seconds, and of its loss the steps done over all its steps
    int64_t batch = 0;  ///< its steps that are done; when these are all of them it is not judged yet
    int64_t lost = 0;   ///< of these, skipped ones whose loss is not finite and not in the sum
    bool within = false;  ///< a step: the states may be anywhere in it, and none is saved
    double waited = 0;  ///< seconds for data
    std::optional<double> best{};  ///< with patience: the best metric, epochs since then, and that epoch's weights
    int64_t since = 0;
    std::map<std::string, Tensor> best_weights{};
    int64_t done(int64_t steps) const { return static_cast<int64_t>(history.size()) * steps + batch; }  ///< steps, of so many an epoch
};

class RunCheckpoints {
  public:
    /// Throws what CheckpointStore throws; usage "train.unfinished" where a new run would replace one that is not at its
    /// end.
    RunCheckpoints(const LoopOptions& options, const LoopHooks& hooks);

    int threads() const;
    /// `prefix`: of the runner whose plan it is for.
    std::function<std::optional<Choice>(const Graph&, NodeId)> choose(const std::string& prefix = "") const;

    struct Run {
        std::function<record::Texts()> identity;  ///< called where checkpoints are kept: it reads the data
        std::string program;                      ///< hash of the step's graph
        int64_t steps;                            ///< an epoch
        LoopState& state;
        Schedule& schedule;
        /// The steps whose states are trained, each with what its states and plan's choices are kept under: "" for the one.
        std::vector<std::pair<std::string, StepRunner*>> runners;
    };
    /// What `run` refers to outlives this. Where a checkpoint was read it becomes what it was. Throws usage "train.resume"
    /// where that was another run.
    void begin(Run run);
    /// The step that the run went on from; 0: it began.
    int64_t resumed_at() const { return resumed_at_; }

    /// Save where one is due. What cannot be written is a warning: the checkpoints before are as they were.
    void step_done();
    void epoch_done();
    /// The loop is over: all epochs done (or none better for long), or the time.
    void ended(bool complete);
    /// What `loop` gives. After "interrupted" saves, unless within a step, and throws it again, with how to go on.
    template <class F>
    auto guard(F loop) {
        try {
            return loop();
        } catch (const Error& e) {
            if (e.id == "interrupted") stopped();
            throw;
        }
    }

  private:
    [[noreturn]] void stopped();
    int64_t step() const { return run_->state.done(run_->steps); }
    void restore(const Checkpoint& c, const record::Texts& identity);
    record::Checkpoint manifest(bool complete) const;
    record::Texts choices() const;  ///< of all plans
    void save(bool complete);      ///< where nothing newer was saved
    void try_save(bool complete);  ///< a full disk is a warning

    const LoopOptions& options_;
    const LoopHooks& hooks_;
    std::unique_ptr<CheckpointStore> store_;
    std::optional<Checkpoint> last_;
    std::optional<Run> run_;
    record::Texts identity_;
    std::string saved_;  ///< the position of the last checkpoint
    bool complete_ = false;
    int64_t resumed_at_ = 0;
    double saved_seconds_ = 0, cost_seconds_ = 0;  ///< when the last was saved, and how long that took
};

}  // namespace hone::train
