// SPDX-License-Identifier: Apache-2.0
// The memory plan: which values share memory (views, in-place results) and where each lies in one arena, by lifetimes.
#pragma once
#include "plan/plan.h"

namespace hone {
/// Gives each state's new value the memory of its old one: the step that computes it writes there when that step may work
/// in place and nothing reads the old value later, else a copy at the end does.
void bind_states(Plan& p);
/// Gives every arena slot its root and offset and sets arena_bytes: one after the other at the lowest offset
/// that is free for the slot's lifetime, in the better of two orders. Of a plan with states scratch is placed like a slot that lives for one step, and lies in the
/// arena; elsewhere all steps share scratch of its own, which stays warm in the cache.
void plan_memory(Plan& p);
}  // namespace hone
