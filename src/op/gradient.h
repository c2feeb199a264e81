// SPDX-License-Identifier: Apache-2.0
// What a gradient rule sees. A rule stands beside its operator (OpDecl::gradient) and builds, from the gradients of the
// node's outputs, those of its inputs: the vector-Jacobian product of reverse-mode differentiation (Griewank and Walther,
// "Evaluating Derivatives", 2008), as nodes of the same graph. Every type is known when a rule runs. src/pass/autodiff.h
// calls rules in reverse order and adds up what they give.
//
//   void gradient_exp(GradientContext& c) { c.give(0, c.b.mul(c.dy(), c.y())); }
#pragma once
#include <vector>

#include "op/builder.h"

namespace hone {

struct GradientContext : OpContext {
    Builder& b;
    NodeId id;
    std::vector<ValueId> seeds;    ///< gradient of each output; kNone where none arrives (it counts as 0)
    std::vector<bool> wanted;      ///< inputs whose gradient is needed
    std::vector<ValueId> given;    ///< what the rule gave, an entry an input

    ValueId x(size_t i = 0) const { return node.in(i); }  ///< input i; kNone when omitted
    ValueId y(size_t i = 0) const { return node.out(i); }
    bool has_input(size_t i) const { return node.in(i) != kNone; }
    /// Of output i, which must have one: with one output there always is.
    ValueId dy(size_t i = 0) const {
        HONE_CHECK(i < seeds.size() && seeds[i] != kNone, "no gradient of output ", static_cast<unsigned long>(i));
        return seeds[i];
    }
    bool has_dy(size_t i) const { return i < seeds.size() && seeds[i] != kNone; }
    /// dy(i), or zeros of y(i)'s type.
    ValueId dy_or_zero(size_t i) { return has_dy(i) ? seeds[i] : b.filled(y(i), 0); }
    bool wants(size_t i) const { return i < wanted.size() && wanted[i]; }
    /// The gradient of input i: of its dims, or of dims that it broadcasts to (then it is summed). Ignored where no
    /// gradient is wanted; ask `wants` before building what is dear.
    void give(size_t i, ValueId dx) {
        if (wants(i)) given[i] = b.sum_to(dx, b.dims(x(i)));
    }
    /// The constant at input i; refuses (unsupported) when it is computed: rules that need axes or indices as numbers.
    const Tensor& constant(size_t i) const;
    /// Output i, added to the node when it has none: what only the gradient reads (the mask of Dropout).
    ValueId need_output(size_t i);
};

}  // namespace hone
