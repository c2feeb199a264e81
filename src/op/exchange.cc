// SPDX-License-Identifier: Apache-2.0
// Means over the ranks of a parallel run (domain "hone"); made by src/pass/exchange, never written. The references are
// those of one rank, where a mean is the value itself; with several the executor does it (src/run/exchange.h).
//   hone.AllReduce       X               -> Y              the mean of X, waited for
//   hone.AllReduceStart  X0 X1 ...       -> token          a bucket's values are on their way
//   hone.AllReduceWait   token X0 X1 ... -> Y0 Y1 ...      their means; the values' memory may be taken
// Attribute `bucket` joins a start and its wait.
#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

bool travels(DType t) { return t == DType::f32 || t == DType::f64; }
/// Inputs from `first` on are of one type, f32 or f64.
void check_values(InferContext& c, size_t first) {
    DType t = DType::undefined;
    for (size_t i = first; i < c.inputs(); ++i) {
        const DType now = require_type(c, {i}, travels, "f32 or f64");
        if (t != DType::undefined && now != DType::undefined && now != t)
            c.refuse(cat("input ", number(i), " is ", dtype_name(now), "; expected ", dtype_name(t)));
        if (t == DType::undefined) t = now;
    }
}

void infer_all_reduce(InferContext& c) {
    check_values(c, 0);
    c.set_like(0, 0);
}
void infer_start(InferContext& c) {
    check_values(c, 0);
    c.set(0, DType::i64, {});
}
void infer_wait(InferContext& c) {
    require_type(c, {0}, [](DType t) { return t == DType::i64; }, "i64");
    check_values(c, 1);
    if (c.out.size() + 1 != c.inputs()) c.refuse(cat("has ", number(c.inputs()), " inputs and ", number(c.out.size()), " outputs; expected one output fewer than inputs"));
    for (size_t i = 0; i < c.out.size(); ++i) c.set_like(i, i + 1);
}

void run_all_reduce(RefContext& c) { copy_all(c.in[0], c.out[0]); }
void run_start(RefContext& c) { c.out[0].set_int(0, 0); }
void run_wait(RefContext& c) {
    for (size_t i = 0; i < c.out.size(); ++i)
        if (c.wanted(i)) copy_all(c.in[i + 1], c.out[i]);
}

/// Of the mean over ranks of what each descends on: every rank's gradient reaches every rank's value.
void gradient_all_reduce(GradientContext& c) { c.give(0, c.b.node("AllReduce", {c.dy()}, {}, "hone")); }

}  // namespace

std::vector<OpDecl> exchange() {
    const AttrSpec bucket{.name = "bucket", .kind = AttrKind::integer, .required = true};
    return {
        {.domain = "hone", .name = "AllReduce", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_all_reduce, .reference = run_all_reduce, .gradient = gradient_all_reduce},
        {.domain = "hone", .name = "AllReduceStart", .min_inputs = 1, .max_inputs = -1, .min_outputs = 1, .max_outputs = 1,
         .attributes = {bucket}, .infer = infer_start, .reference = run_start},
        {.domain = "hone", .name = "AllReduceWait", .min_inputs = 2, .max_inputs = -1, .min_outputs = 1, .max_outputs = -1,
         .attributes = {bucket}, .infer = infer_wait, .reference = run_wait},
    };
}

}  // namespace hone::ops
