// SPDX-License-Identifier: Apache-2.0
// What was chosen for each step of a plan, as text by the name of its node, so that a later plan of the same graph is the
// same: a checkpoint keeps it.
//
//   const record::Texts kept = choices_of(*plan);
//   auto again = make_plan(graph, dims, {.threads = 2, .choose = chosen_as(kept)});
#pragma once
#include <functional>
#include <optional>

#include "plan/plan.h"
#include "record/common.h"

namespace hone {

/// "<threads> <variant> <layout> <candidate>" of each step that a candidate of lower_list.cc made.
record::Texts choices_of(const Plan& plan);

/// For PlanOptions::choose. A node that is not in the list, or whose text is none of these, is done as without.
std::function<std::optional<Choice>(const Graph&, NodeId)> chosen_as(const record::Texts& choices);

}  // namespace hone
