// SPDX-License-Identifier: Apache-2.0
// Each family's declarations; src/op/list.cc joins them into all_ops(). A new family is one file and one line in each.
#pragma once
#include <vector>

#include "op/op.h"

namespace hone::ops {
std::vector<OpDecl> identity();
std::vector<OpDecl> fused();
}  // namespace hone::ops
