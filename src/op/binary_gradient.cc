// SPDX-License-Identifier: Apache-2.0
// Gradients of the operators of two and more elements; `give` sums over what was broadcast.
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;

void add(C& c) {
    for (size_t i = 0; i < c.node.inputs.size(); ++i) c.give(i, c.dy());
}
void sub(C& c) {
    c.give(0, c.dy());
    if (c.wants(1)) c.give(1, c.b.neg(c.dy()));
}
void mul(C& c) {
    if (c.x(0) == c.x(1)) return c.give(0, c.b.scale(c.b.mul(c.dy(), c.x()), 2));
    for (size_t i : {0, 1})
        if (c.wants(i)) c.give(i, c.b.mul(c.dy(), c.x(1 - i)));
}
void div(C& c) {
    const ValueId numerator = c.b.div(c.dy(), c.x(1));
    c.give(0, numerator);
    if (c.wants(1)) c.give(1, c.b.neg(c.b.mul(numerator, c.y())));
}
/// d/da = b a^(b-1); d/db = a^b ln a, 0 where a is 0. The exponent may have another type.
void pow(C& c) {
    const ValueId a = c.x(0), b = c.b.cast(c.x(1), c.b.dtype(a));
    if (c.wants(0)) {
        const ValueId slope = c.b.mul(b, c.b.node("Pow", {a, c.b.shift(b, -1)}));
        c.give(0, c.b.mul(c.dy(), c.b.where(c.b.equal(b, c.b.like(b, 0)), c.b.like(a, 0), slope)));
    }
    if (c.wants(1)) {
        const ValueId nothing = c.b.equal(a, c.b.like(a, 0));
        const ValueId log = c.b.log(c.b.where(nothing, c.b.like(a, 1), a));
        c.give(1, c.b.cast(c.b.mul(c.dy(), c.b.mul(c.y(), log)), c.b.dtype(c.x(1))));
    }
}
/// fmod: a - trunc(a / b) b.
void mod(C& c) {
    c.give(0, c.dy());
    if (!c.wants(1)) return;
    const ValueId whole = c.b.div(c.b.sub(c.y(), c.x(0)), c.x(1));
    c.give(1, c.b.mul(c.dy(), c.b.node("Round", {whole})));
}
/// To the inputs that have the value taken, in equal parts.
void extreme(C& c) {
    const size_t n = c.node.inputs.size();
    const DType t = c.b.dtype(c.y());
    std::vector<ValueId> taken;
    for (size_t i = 0; i < n; ++i) taken.push_back(c.b.cast(c.b.equal(c.x(i), c.y()), t));
    const ValueId part = n == 1 ? c.dy() : c.b.div(c.dy(), c.b.node("Sum", taken));
    for (size_t i = 0; i < n; ++i) c.give(i, c.b.mul(part, taken[i]));
}
void mean(C& c) {
    const ValueId part = c.b.scale(c.dy(), 1 / static_cast<double>(c.node.inputs.size()));
    for (size_t i = 0; i < c.node.inputs.size(); ++i) c.give(i, part);
}
void prelu(C& c) {
    const ValueId positive = c.b.greater(c.x(), c.b.like(c.x(), 0));
    if (c.wants(0)) c.give(0, c.b.where(positive, c.dy(), c.b.mul(c.dy(), c.x(1))));
    if (c.wants(1)) c.give(1, c.b.where(positive, c.b.like(c.x(), 0), c.b.mul(c.dy(), c.x())));
}
void where(C& c) {
    if (c.wants(1)) c.give(1, c.b.keep(c.x(0), c.dy()));
    if (c.wants(2)) c.give(2, c.b.where(c.x(0), c.b.like(c.dy(), 0), c.dy()));
}

}  // namespace

std::vector<Rule> binary_rules() {
    return {{"Add", add},     {"Sum", add},     {"Sub", sub},   {"Mul", mul},     {"Div", div},    {"Pow", pow}, {"Mod", mod},
            {"Min", extreme}, {"Max", extreme}, {"Mean", mean}, {"PRelu", prelu}, {"Where", where}};
}

}  // namespace hone::ops
