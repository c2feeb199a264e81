// SPDX-License-Identifier: Apache-2.0
#include "train/lean_step.h"

#include <limits>
#include <optional>
#include <set>

#include "base/interrupt.h"

namespace hone::train {
namespace {

class Search {
  public:
    Search(const Trainable& trainable, StepOptions options, const PlanOptions& plan, size_t most) : trainable_(trainable), options_(std::move(options)), plan_(plan), most_(most) {}

    /// What is best; none where nothing is to be computed again.
    std::optional<Segments> run() {
        options_.recompute.reset();
        least_ = arena(training_step(trainable_, options_).graph);
        options_.recompute.emplace();
        forward_ = training_step(trainable_, options_).forward;
        Segments at;
        for (const Segments& ends : segmentations(forward_)) better(ends, at);
        while (!at.empty() && step_from(at)) {}
        return at.empty() ? std::nullopt : std::optional(at);
    }

  private:
    size_t arena(const Graph& g) const {
        std::vector<Dims> dims;
        for (ValueId v : g.inputs) dims.push_back(dims_of(g.value(v).type.shape));
        try {
            return make_plan(g, dims, plan_)->arena_bytes;
        } catch (const Error& e) {
            if (e.id != "memory.limit") throw;
            return std::numeric_limits<size_t>::max();  // another way may fit
        }
    }
    /// Tries it, unless it was tried or enough were; `at` becomes it where it takes less.
    bool better(const Segments& ends, Segments& at) {
        if (ends.size() < 2 || tried_.size() >= most_ || !tried_.insert(ends).second) return false;
        check_interrupt();
        options_.recompute = ends;
        const size_t bytes = arena(training_step(trainable_, options_).graph);
        if (bytes >= least_) return false;
        least_ = bytes, at = ends;
        return true;
    }
    bool step_from(Segments& at) {
        for (const Segments& ends : neighbours(forward_, at))
            if (better(ends, at)) return true;
        return false;
    }

    const Trainable& trainable_;
    StepOptions options_;
    const PlanOptions& plan_;
    size_t most_, least_ = 0;
    SizedForward forward_;
    std::set<Segments> tried_;
};

}  // namespace

TrainingStep lean_step(Trainable trainable, StepOptions options, const PlanOptions& plan, size_t most) {
    options.recompute = Search(trainable, options, plan, most).run();
    return training_step(std::move(trainable), options);
}

}  // namespace hone::train
