// SPDX-License-Identifier: Apache-2.0
// Which vector kernel an elementwise node takes, alone or within a chain.
#pragma once
#include <optional>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

struct UnaryChoice {
    vec::Unary op;
    float alpha = 0, beta = 0;
};
std::optional<UnaryChoice> unary_of(const LowerContext& c);
std::optional<vec::Binary> binary_of(const Node& n);
/// Dims of an operand in the memory order of the output, or nothing where it has no such order.
std::optional<Dims> operand_dims(const Dims& d, const Dims& y, Layout layout);

}  // namespace hone::lower
