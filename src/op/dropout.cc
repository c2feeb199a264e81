// SPDX-License-Identifier: Apache-2.0
// Dropout as a training step runs it (Srivastava et al., "Dropout: a simple way to prevent neural networks from
// overfitting", JMLR 2014):
//   hone.Dropout  X DRAW -> Y [MASK]
// Y is X / (1 - ratio) where an element is kept, else 0. Whether element i is kept is a function of the attribute `seed`,
// of DRAW (i64, how many were drawn before) and of `first` + i alone: word i % 4 of the block i / 4 that Philox4x32-10
// makes of the counter (i / 4, DRAW) and the key `seed` is at least ratio * 2^32. So the gradient draws the same mask
// anew and nothing is kept for it, and parts of a batch on several machines draw the parts of the whole batch's mask.
#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

double ratio_of(const OpContext& c) {
    const Tensor& t = c.tensor("ratio");
    if (t.count() != 1 || !is_float(t.dtype()) || !(t.at(0) >= 0 && t.at(0) < 1)) c.refuse("attribute 'ratio' is not a number in [0, 1)");
    return t.at(0);
}

void infer(InferContext& c) {
    require_type(c, {0}, is_float, "a float type");
    require_type(c, {1}, [](DType t) { return t == DType::i64; }, "i64");
    require_one(c, 1, "the number of draws");
    ratio_of(c);
    if (c.integer("first") < 0) c.refuse(cat("attribute 'first' is ", c.integer("first")));
    c.set_like(0, 0);
    if (c.out.size() < 2) return;
    if (c.rank_known(0)) c.set(1, DType::boolean, c.shape(0));
    else c.set(1, DType::boolean);
}

void run(RefContext& c) {
    const double ratio = ratio_of(c);
    const uint32_t least = dropout_threshold(ratio);
    const auto seed = static_cast<uint64_t>(c.integer("seed")), draw = static_cast<uint64_t>(c.in[1].at_int(0)), first = static_cast<uint64_t>(c.integer("first"));
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        const uint64_t at = first + static_cast<uint64_t>(i), block = at / 4;
        const auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
        const auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
        const bool keep = philox4x32({low(block), high(block), low(draw), high(draw)}, {low(seed), high(seed)})[at % 4] >= least;
        if (c.wanted(0)) c.out[0].set(i, keep ? c.in[0].at(i) / (1 - ratio) : 0);
        if (c.wanted(1)) c.out[1].set_int(i, keep);
    }
}

void rule(GradientContext& c) { c.give(0, c.b.node("Dropout", {c.dy(), c.x(1)}, c.node.attributes, "hone")); }

Cost cost(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = 40 * static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

}  // namespace

uint32_t dropout_threshold(double ratio) { return static_cast<uint32_t>(std::min(std::round(ratio * 0x1p32), 0x1p32 - 1)); }

std::vector<OpDecl> dropout() {
    return {{.domain = "hone", .name = "Dropout", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 2,
             .attributes = {{"ratio", AttrKind::tensor, std::nullopt, true}, {"seed", AttrKind::integer, int64_t{0}}, {"first", AttrKind::integer, int64_t{0}}},
             .infer = infer, .reference = run, .cost = cost, .gradient = rule}};
}

}  // namespace hone::ops
