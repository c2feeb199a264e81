// SPDX-License-Identifier: Apache-2.0
// Identity and Dropout.
#include <bit>

#include "base/rng.h"
#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void infer_identity(InferContext& c) { c.set_like(0, 0); }
void run_identity(RefContext& c) { copy_all(c.in[0], c.out[0]); }
void gradient_identity(GradientContext& c) { c.give(0, c.dy()); }

bool is_boolean(DType t) { return t == DType::boolean; }

void infer_dropout(InferContext& c) {
    require_type_of(c, 0, is_float, "a float type");
    require_type_of(c, 1, is_float, "a float type");
    require_type_of(c, 2, is_boolean, "bool");
    require_one(c, 1, "the ratio");
    require_one(c, 2, "training_mode");
    c.set_like(0, 0);
    if (c.rank_known(0))
        c.set(1, DType::boolean, c.shape(0));
    else
        c.set(1, DType::boolean);
}
/// Outside training, and with ratio 0, the identity. In training a mask is drawn from the node's seed.
void run_dropout(RefContext& c) {
    const double ratio = c.given(1) ? c.in[1].at(0) : 0.5;
    const bool training = c.given(2) && c.in[2].at_int(0);
    if (!training || ratio == 0) {
        copy_all(c.in[0], c.out[0]);
        for (int64_t i = 0; c.wanted(1) && i < c.out[1].count(); ++i) c.out[1].set_int(i, 1);
        return;
    }
    if (!(ratio > 0 && ratio < 1)) c.refuse(cat("the ratio is ", ratio, "; expected [0, 1)"));
    Rng r(c.has("seed") ? static_cast<uint64_t>(c.integer("seed")) : 0);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        const bool keep = r.uniform() >= ratio;
        if (keep) c.out[0].set(i, c.in[0].at(i) / (1 - ratio));
        if (c.wanted(1)) c.out[1].set_int(i, keep);
    }
}
void upgrade_dropout(Graph& g, NodeId n, int from) {
    if (from >= 12) return;
    if (from < 7 && integer_or(g.node(n), "is_test", 0) == 0)
        fail(ErrorKind::unsupported, "op.unsupported", cat("training at opset ", from, " (is_test = 0)"), "", cat("node '", g.node(n).name, "' (Dropout)"));
    drop_attribute(g, n, "is_test");
    real_to_input(g, n, "ratio", 1);
    const ValueId mask = g.node(n).out(1);
    if (from >= 10 || mask == kNone || (g.value(mask).users.empty() && !g.is_output(mask))) return;
    // Before 10 the mask had the type of the data.
    const std::vector<std::string> origins = g.node(n).origins;
    const TypeInfo declared = g.value(mask).type;
    g.value(mask).type = {};
    const NodeId like = g.add_node("", "CastLike", {mask, g.node(n).in(0)}, 1, {}, g.node(n).name + ":mask", origins);
    g.value(g.node(like).out()).type = declared;
    put_after(g, mask, g.node(like).out(), like);
}
int downgrade_dropout(Graph& g, NodeId n, int to) {
    if (to >= 12) return to;
    const Tensor* training = constant_input(g, n, 2);
    if (has_input(g, n, 2) && (!training || training->at_int(0))) return 12;
    if (to < 10 && g.node(n).out(1) != kNone) return 10;
    if (has_input(g, n, 1) && !constant_input(g, n, 1)) return 12;
    omit_input(g, n, 2);
    drop_attribute(g, n, "seed");
    return input_to_real(g, n, 1, "ratio") ? to : 12;
}

/// By the mask that was drawn; all of it outside training. The ratio gets none.
void dropout_rule(GradientContext& c) {
    Builder& b = c.b;
    const auto known = [&](size_t i) { return c.has_input(i) && b.graph().value(c.x(i)).is_constant(); };
    const bool may_train = c.has_input(2) && !(known(2) && !c.constant(2).at_int(0));
    if (!may_train) return c.give(0, c.dy());
    ValueId scale = b.like(c.dy(), 2);
    if (known(1)) scale = b.like(c.dy(), 1 / (1 - c.constant(1).at(0)));
    else if (c.has_input(1)) scale = b.div(b.like(c.dy(), 1), b.sub(b.like(c.dy(), 1), b.cast(c.x(1), b.dtype(c.dy()))));
    if (!known(2)) scale = b.where(c.x(2), scale, b.like(c.dy(), 1));
    c.give(0, b.keep(c.need_output(1), b.mul(c.dy(), scale)));
}

}  // namespace

std::vector<OpDecl> identity() {
    return {
        {.name = "Identity",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_identity,
         .reference = run_identity,
         .elementwise = true,
         .gradient = gradient_identity},
        {.name = "Dropout",
         .min_inputs = 1,
         .max_inputs = 3,
         .min_outputs = 1,
         .max_outputs = 2,
         .attributes = {{"seed", AttrKind::integer}},
         .infer = infer_dropout,
         .reference = run_dropout,
         .elementwise = true,
         .gradient = dropout_rule,
         .upgrade = upgrade_dropout,
         .downgrade = downgrade_dropout},
    };
}

}  // namespace hone::ops
