// SPDX-License-Identifier: Apache-2.0
// Every value that a plan makes in one run, as plain copies in the order of the steps: what `compare` compares.
//
//   const auto plan = make_plan(graph, dims, {.disabled_passes = runtime_passes()});
//   trace(plan, inputs, &pool, [&](const Traced& t) { if (is_float(t.value.dtype())) ... });
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace hone {
class ThreadPool;
}

namespace hone::eval {

struct Traced {
    size_t step;
    const Step& from;
    const std::string& name;              ///< of the value in the plan's graph
    const Tensor& value;                  ///< plain
    const std::vector<Tensor>& inputs;    ///< of the step's node, plain; undefined where omitted
};

/// Calls `sink` for each output of each step that executes a node. Throws budget "memory.limit" where the values do not
/// fit into the limit together.
void trace(const std::shared_ptr<const Plan>& plan, const std::vector<Tensor>& inputs, ThreadPool* pool,
           const std::function<void(const Traced&)>& sink);

/// Names of all runtime passes: with them disabled a plan's steps are the nodes of the portable graph.
std::set<std::string> runtime_passes();

/// How far b is from a: the relative error |a - b| / |a| in the 2-norm (of b where a is all 0; 0 where both are; infinite
/// where only one is NaN or infinite somewhere), and the greatest difference of an element.
struct Distance {
    double relative = 0, greatest = 0;
};
/// Numbers of the same count.
Distance distance(const Tensor& a, const Tensor& b);

}  // namespace hone::eval
