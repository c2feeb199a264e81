// SPDX-License-Identifier: Apache-2.0
// The layers of a network as they stand in its file: what `inspect` tells of each, counted and measured.
//
//   Layers layers(read_model(path), dims);
//   layers.measure(*plan, profile.step_ms, probe, threads);
//   layers.rows;
#pragma once
#include <map>
#include <string>
#include <vector>

#include "eval/probe.h"
#include "graph/graph.h"
#include "plan/plan.h"
#include "record/inspect.h"

namespace hone::cli {

class Layers {
  public:
    /// Counts. `as_read` is the graph of the file, nothing run on it. A constant that several layers read counts as a
    /// parameter of the first, as do weights that a ConstantOfShape of known shape makes. Layers whose shapes depend on values have no MACs.
    Layers(const Graph& as_read, const std::vector<Dims>& input_dims);
    /// Roofline classes and floors from the probe, times from milliseconds a step of the plan. What was fused into another
    /// layer is marked so and has no time of its own; reorders count for the layer that reads them.
    void measure(const Plan& plan, const std::vector<double>& step_ms, const eval::Probe& probe, int threads);

    /// By step, the row that it counts for; -1 where there is none.
    std::vector<int> rows_of_steps(const Plan& plan) const;

    std::vector<record::InspectLayer> rows;
    int64_t made = 0;  ///< parameters that nodes make, which no initialiser holds

  private:
    /// -1 where its origins are not layers.
    int main_row(const Step& s) const;
    std::map<std::string, std::vector<int>> by_origin_;
};

}  // namespace hone::cli
