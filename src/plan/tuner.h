// SPDX-License-Identifier: Apache-2.0
// The tuner: for each kind of step of a lowered graph, every admissible way to do it (kernels, their implementations,
// layouts, one thread or all) is checked against the reference, then timed, all taking turns; the way of the fixed plan
// stays unless another is measurably faster. Times go into a journal and are read from it first, so that the same
// journal gives the same choices. Called by run/tune.h, which holds the whole plan against the fixed one.
//
//   record::Journal journal;
//   const Tuning t = tune_steps(*fixed_plan, options, pool, journal);
//   options.choose = t.chooser();
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "record/journal.h"

namespace hone {

class ThreadPool;

/// One way to do a step, and what came of it.
struct Alternative {
    Choice choice;
    std::string implementation;  ///< the kernel's own name
    double ms = 0;               ///< median; NaN: wrong or not timed
    bool wrong = false;
};
struct TunedStep {
    std::string key;             ///< operator, attributes, types, threads: equal steps are tuned once
    std::vector<std::string> origins;
    int count = 0;               ///< steps of this kind
    std::vector<Alternative> alternatives;  ///< the fixed plan's first
    size_t chosen = 0;
};
struct Tuning {
    std::vector<TunedStep> steps;  ///< those with more than one way
    std::vector<std::string> wrong;  ///< "kernel, for step": dropped because the reference says otherwise
    double seconds = 0;
    /// For PlanOptions::choose.
    std::function<std::optional<Choice>(const Graph&, NodeId)> chooser() const;
};

struct TunerOptions {
    double max_seconds = 45;      ///< steps come heaviest first; those that time does not suffice for stay as they are
    double margin = 0.03;         ///< how much faster than the fixed plan's way another must be
};

/// What a step's time depends on: operator, attributes, types, constness and threads; no names.
std::string step_key(const Graph& g, NodeId id, int threads);

/// `fixed` was made without choices for `options`. `pool` has the plan's threads (null: one).
Tuning tune_steps(const Plan& fixed, const PlanOptions& options, ThreadPool* pool, record::Journal& journal, const TunerOptions& t = {});

/// Every kernel that a journal holds as wrong: "kernel, for step".
std::vector<std::string> wrong_kernels(const record::Journal& journal);

/// Compares kernels of one node with its reference: at sampled channels where the whole would take long. `inputs` are
/// plain; constants are the node's own.
class StepCheck {
  public:
    StepCheck(const Graph& g, NodeId id, const std::vector<Tensor>& inputs);
    /// Empty: right. `out` are the kernel's outputs, plain.
    std::string wrong(const std::vector<Tensor>& out) const;
    bool possible() const { return !reference_.empty(); }

  private:
    const OpDecl* op_;
    std::vector<Tensor> reference_;
    std::vector<int64_t> channels_;  ///< of axis `axis_` of output 0; empty: all
    size_t axis_ = 1;
};

}  // namespace hone
