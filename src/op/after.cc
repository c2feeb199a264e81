// SPDX-License-Identifier: Apache-2.0
// hone.After  X D0 D1 ... -> Y: X itself, once each D has been computed. Made by src/pass/recompute, never written: what is
// computed from Y waits for D, and passes that merge equal nodes see that X and Y are two.
#include "op/elements.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void infer_after(InferContext& c) { c.set_like(0, 0); }
void run_after(RefContext& c) { copy_all(c.in[0], c.out[0]); }
Cost cost_after(const CostContext&) { return {}; }

}  // namespace

std::vector<OpDecl> after() {
    return {{.domain = "hone", .name = "After", .min_inputs = 2, .max_inputs = -1, .min_outputs = 1, .max_outputs = 1, .attributes = {},
             .infer = infer_after, .reference = run_after, .cost = cost_after}};
}

}  // namespace hone::ops
