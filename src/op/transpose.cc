// SPDX-License-Identifier: Apache-2.0
// Transpose and Expand: the same elements walked by other strides.
#include <algorithm>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"

namespace hone::ops {
namespace {

void infer_expand(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const auto shape = known_integers(c, 1);
    if (shape)
        for (int64_t v : *shape)
            if (v < 0) c.refuse(cat("the shape has entry ", v));
    const auto length = known_length(c, 1);
    if (length && *length > 1000) c.refuse(cat("a rank of ", *length));
    if (!c.rank_known(0) || (!shape && !length)) return c.set(0, c.dtype(0));
    if (shape) return c.set(0, c.dtype(0), broadcast(c, c.shape(0), shape_of(*shape)));
    Shape y(std::max(c.shape(0).size(), static_cast<size_t>(*length)));
    for (size_t i = 0; i < c.shape(0).size(); ++i) {  // a dim other than 1 stays
        const Dim& d = c.shape(0)[i];
        if (d.known() && d.value != 1) y[i + y.size() - c.shape(0).size()] = d;
    }
    c.set(0, c.dtype(0), y);
}
void run_expand(RefContext& c) {
    copy_strided(c.in[0], 0, broadcast_strides(c.in[0].dims(), c.out[0].dims()), c.out[0]);
}

Dims permutation(const OpContext& c, size_t rank) {
    Dims perm = c.integers("perm");
    if (perm.empty() && rank) {
        for (size_t i = rank; i-- > 0;) perm.push_back(static_cast<int64_t>(i));
        return perm;
    }
    std::vector<bool> seen(rank);
    for (int64_t p : perm) {
        if (p < 0 || p >= static_cast<int64_t>(rank) || seen[static_cast<size_t>(p)])
            c.refuse(cat("attribute 'perm' ", to_text(perm), " is no permutation of ", number(rank), " axes"));
        seen[static_cast<size_t>(p)] = true;
    }
    if (perm.size() != rank)
        c.refuse(cat("attribute 'perm' ", to_text(perm), " is no permutation of ", number(rank), " axes"));
    return perm;
}
void infer_transpose(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const DType t = c.dtype(0);
    if (!c.rank_known(0)) {
        const size_t rank = c.integers("perm").size();
        if (rank == 0) return c.set(0, t);
        permutation(c, rank);
        return c.set(0, t, Shape(rank));
    }
    Shape y;
    for (int64_t p : permutation(c, c.shape(0).size())) y.push_back(c.shape(0)[static_cast<size_t>(p)]);
    c.set(0, t, y);
}
void run_transpose(RefContext& c) {
    const Dims strides = strides_of(c.in[0].dims());
    Dims permuted;
    for (int64_t p : permutation(c, strides.size())) permuted.push_back(strides[static_cast<size_t>(p)]);
    copy_strided(c.in[0], 0, permuted, c.out[0]);
}

void gradient_expand(GradientContext& c) { c.give(0, c.dy()); }
void gradient_transpose(GradientContext& c) {
    const Dims perm = permutation(c, c.b.rank(c.x()));
    Dims inverse(perm.size());
    for (size_t i = 0; i < perm.size(); ++i) inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
    c.give(0, c.b.transpose(c.dy(), inverse));
}

Cost no_cost(const CostContext&) { return {}; }

}  // namespace

std::vector<OpDecl> transpose() {
    return {
        {.name = "Expand",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_expand,
         .reference = run_expand,
         .cost = no_cost,
         .gradient = gradient_expand,
         .since = 8},
        {.name = "Transpose",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"perm", AttrKind::integers}},
         .infer = infer_transpose,
         .reference = run_transpose,
         .cost = no_cost,
         .gradient = gradient_transpose},
    };
}

}  // namespace hone::ops
