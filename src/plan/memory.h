// SPDX-License-Identifier: Apache-2.0
// The memory plan: which values share memory (views, in-place results) and where each lies in one arena, by lifetimes.
#pragma once
#include "plan/plan.h"

namespace hone {
/// Gives every arena slot its root and offset and sets arena_bytes. Largest first, at the lowest offset that is free
/// for the slot's lifetime.
void plan_memory(Plan& p);
}  // namespace hone
