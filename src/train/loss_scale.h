// SPDX-License-Identifier: Apache-2.0
// Loss scaling (Micikevicius et al., "Mixed Precision Training", 2018): the gradient starts as `scale` in the loss's place,
// so that small ones survive in 16 bits, and is divided by it in f32 before the update. A step with a gradient that is not
// finite changes nothing, neither weights and moments nor statistics. The dynamic scale is halved by such a step and
// doubled by `every` good ones in a row; it is a state, as are the counts of skipped steps, so that a checkpoint holds them.
//
//   LossScaling scaling(g, {.start = 65536, .dynamic = true}, loss);
//   ... add_gradients(g, {{loss, scaling.seed()}}, ...); update.unscale = scaling.reciprocal(); update.skip_nonfinite = true;
//   scaling.finish(add_update(...), initial);
#pragma once
#include <map>
#include <string>

#include "pass/pass.h"
#include "train/optimizer.h"

namespace hone::train {

struct LossScale {
    double start = 0;      ///< 0: no scaling
    bool dynamic = false;
    int64_t every = 2000;  ///< good steps after which a dynamic scale doubles
};

/// "dynamic" or a number; empty: dynamic for fp16, none otherwise. Throws usage "train.loss_scale".
LossScale parse_loss_scale(const std::string& text, Precision precision);

class LossScaling {
  public:
    /// Adds the states "train.skipped" (i64) and, where the scale is dynamic, "train.loss_scale" (f32) and "train.good_steps"
    /// (i64); of a fixed one "train.skipped_in_a_row" (i64).
    LossScaling(Graph& g, const LossScale& options, ValueId loss);
    ValueId seed() const { return seed_; }
    ValueId reciprocal() const { return reciprocal_; }
    /// Binds the states. The first `states` states of the graph (statistics) keep their values in a skipped step.
    void finish(const Update& update, size_t states, std::map<std::string, Tensor>& initial);

  private:
    Graph& g_;
    LossScale options_;
    ValueId scale_ = kNone, seed_ = kNone, reciprocal_ = kNone;
};

/// What has become of it, from a runner's states: scale 0 where none is a state.
struct ScaleReport {
    double scale = 0;
    int64_t skipped = 0;   ///< steps
    int64_t in_a_row = 0;  ///< of these the last ones, with a fixed scale
};
ScaleReport scale_report(const std::map<std::string, Tensor>& states);

constexpr int64_t kMostSkipped = 100;  ///< steps in a row with a fixed scale
/// Throws data "train.diverged" when a dynamic scale has fallen so far that no scale will help, or a fixed one had `most`
/// steps skipped in a row.
void check_scale(const ScaleReport& report, int64_t most = kMostSkipped);

}  // namespace hone::train
