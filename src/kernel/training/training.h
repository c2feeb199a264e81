// SPDX-License-Identifier: Apache-2.0
// The kernels of table.h for this machine.
//
//   train::table().moments_last(x, shift, rows, channels, sums);
#pragma once
#include "base/cpu.h"
#include "kernel/training/table.h"

namespace hone::train {

/// For usable_isa(), looked up at each call (cheap), so that a cap set by a test is obeyed.
const Table& table();

}  // namespace hone::train
