// SPDX-License-Identifier: Apache-2.0
// Learning rates as functions of the step (or epoch) that is about to be done, from 0. Definitions are PyTorch's
// (torch.optim.lr_scheduler); every schedule may begin with a linear warm-up.
//
//   Schedule s({"cosine", {{"steps", 1000}, {"warmup", 50}}}, 0.1);
//   const double lr = s.at(step);
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "train/hyper.h"

namespace hone::train {

struct ScheduleSpec {
    std::string name = "constant";
    HyperValues hyper{};
    std::vector<int64_t> milestones{};  ///< of `multi_step`: the steps at which the rate falls
};

struct ScheduleContext {
    double rate;   ///< the base rate
    int64_t step;  ///< behind the warm-up
    const HyperValues& hyper;
    const std::vector<int64_t>& milestones;
    double at(const char* name) const { return hyper.at(name); }
};

struct ScheduleDecl {
    const char* name;
    const char* summary;
    std::vector<Hyper> hyper;
    double (*rate)(const ScheduleContext&);
};
const std::vector<ScheduleDecl>& schedules();

/// What `plateau` remembers; part of a checkpoint.
struct PlateauState {
    bool begun = false;
    double best = 0, factor = 1;  ///< factor: of the base rate
    int64_t bad = 0, cooldown = 0;
};

class Schedule {
  public:
    /// Throws usage "train.name", "train.hyper", "train.milestones" (not rising).
    Schedule(ScheduleSpec spec, double rate);
    double at(int64_t step) const;
    /// For `plateau`, once an epoch: the rate falls after `patience` metrics in a row that are no better than the best.
    /// Returns whether it fell. Other schedules do nothing.
    bool observe(double metric);
    PlateauState& plateau() { return plateau_; }
    const PlateauState& plateau() const { return plateau_; }

  private:
    ScheduleSpec spec_;
    const ScheduleDecl* decl_;
    double rate_;
    PlateauState plateau_;
};

/// `s` for the training loop: of the run's steps those behind the warm-up, at least one, where its schedule takes `steps` and
/// is not given them, so that both end together; with accumulation a step is here a batch. A plateau's metric is the task's merit, of which more is better.
ScheduleSpec with_steps(ScheduleSpec s, int64_t steps);

}  // namespace hone::train
