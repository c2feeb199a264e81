// SPDX-License-Identifier: Apache-2.0
// Executes a Plan. A Session owns one caller's memory (arena, scratch, values of dynamic shape); the plan is shared.
// One thread uses a Session at a time; several Sessions may run at once.
//
//   Session session(make_plan(graph, {{1, 1, 28, 28}}, {.threads = 2}), &pool);
//   std::vector<Tensor> y = session.run({x});
#pragma once
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "plan/plan.h"

namespace hone {

namespace dist {
class Comm;
}
class Exchanger;

class Session {
  public:
    /// `pool` must have the plan's threads (null: only for plans of one thread) and outlive the session.
    Session(std::shared_ptr<const Plan> plan, ThreadPool* pool);
    ~Session();
    Session(Session&&) noexcept;
    /// Means over ranks (pass/exchange.h) are taken with `comm`, which outlives the session, from the next run on; null, and
    /// unless called: this rank's own values.
    void exchange_with(dist::Comm* comm);
    /// Inputs in graph order; dims and types must be the plan's (Error model "input.shape"). Returns copies. The tensors of
    /// inputs that are states (Plan::states) are written: afterwards they hold the new values.
    std::vector<Tensor> run(const std::vector<Tensor>& inputs);
    /// The same without allocating: outputs are read by `output` until the next run.
    void execute(const std::vector<Tensor>& inputs);
    /// A view of output i in the session's memory.
    Tensor output(size_t i) const;
    const Plan& plan() const { return *plan_; }

    /// Seconds spent in each step, added up over runs since the last call; profiling is on from the first call.
    std::vector<double> step_seconds();
    /// Timers in the runs to come, or none. One reading of the clock a step, so that what lies between two steps counts
    /// for the second.
    void profile(bool on);
    /// Of the last profiled run, in `ticks` (base/timing.h): when its first step began, then when each step ended.
    const std::vector<uint64_t>& marks() const { return marks_; }
    /// Called after every step with its index, for calibration: read values with `slot_tensor`.
    void observe(std::function<void(size_t step)> f) { observer_ = std::move(f); }
    /// A view (in memory order: see Slot::layout) of a slot's value.
    Tensor slot_tensor(int slot) const;

  private:
    void run_step(const Step& s);
    Tensor plain_view(int slot) const;
    std::shared_ptr<const Plan> plan_;
    ThreadPool* pool_;
    std::shared_ptr<void> arena_, scratch_;
    std::vector<void*> pointers_;
    std::vector<Tensor> dynamic_;
    std::vector<std::vector<const void*>> step_in_;
    std::vector<std::vector<void*>> step_out_;
    std::vector<double> seconds_;
    std::vector<uint64_t> marks_;
    bool profile_ = false;
    std::function<void(size_t)> observer_;
    std::unique_ptr<Exchanger> exchanger_;
};

}  // namespace hone
