// SPDX-License-Identifier: Apache-2.0
// Gradients of the operators of one element. At a kink the one-sided derivative is taken that PyTorch takes.
//   hone.ReluGrad dY Y    dY where Y > 0, else 0: an operator of its own, being behind most layers
#include <cmath>
#include <numbers>

#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;
/// dx = dy * f(x) and dx = dy / f(x).
template <ValueId (*f)(C&)>
void times(C& c) {
    c.give(0, c.b.mul(c.dy(), f(c)));
}
template <ValueId (*f)(C&)>
void over(C& c) {
    c.give(0, c.b.div(c.dy(), f(c)));
}
double real(const C& c, const char* name) { return static_cast<double>(c.real(name)); }
ValueId call(C& c, const char* op) { return c.b.node(op, {c.x()}); }
ValueId one_minus(C& c, ValueId v) { return c.b.sub(c.b.like(v, 1), v); }
ValueId above(C& c, double limit) { return c.b.greater(c.x(), c.b.like(c.x(), limit)); }
ValueId below(C& c, double limit) { return c.b.less(c.x(), c.b.like(c.x(), limit)); }
ValueId both(C& c, ValueId a, ValueId b) { return c.b.node("And", {a, b}); }

ValueId sign_of(C& c) { return call(c, "Sign"); }
ValueId cos_of(C& c) { return call(c, "Cos"); }
ValueId sinh_of(C& c) { return call(c, "Sinh"); }
ValueId cosh_of(C& c) { return call(c, "Cosh"); }
ValueId x_of(C& c) { return c.x(); }
ValueId y_of(C& c) { return c.y(); }
ValueId minus_sin(C& c) { return c.b.neg(call(c, "Sin")); }
ValueId square_of(C& c) { return c.b.square(c.x()); }
ValueId twice_y(C& c) { return c.b.scale(c.y(), 2); }
ValueId minus_y_squared(C& c) { return c.b.neg(c.b.square(c.y())); }
ValueId tan_slope(C& c) { return c.b.shift(c.b.square(c.y()), 1); }
ValueId tanh_slope(C& c) { return one_minus(c, c.b.square(c.y())); }
ValueId sigmoid_slope(C& c) { return c.b.mul(c.y(), one_minus(c, c.y())); }
ValueId root_one_minus_square(C& c) { return c.b.sqrt(one_minus(c, square_of(c))); }
ValueId minus_root(C& c) { return c.b.neg(root_one_minus_square(c)); }
ValueId square_plus_one(C& c) { return c.b.shift(square_of(c), 1); }
ValueId root_square_plus_one(C& c) { return c.b.sqrt(square_plus_one(c)); }
ValueId root_square_minus_one(C& c) { return c.b.sqrt(c.b.shift(square_of(c), -1)); }
ValueId one_minus_square(C& c) { return one_minus(c, square_of(c)); }
ValueId erf_slope(C& c) { return c.b.scale(c.b.exp(c.b.neg(square_of(c))), 2 / std::sqrt(std::numbers::pi)); }
ValueId sigmoid_of_x(C& c) { return c.b.sigmoid(c.x()); }
ValueId softsign_denominator(C& c) { return c.b.square(c.b.shift(call(c, "Abs"), 1)); }

void relu(C& c) { c.give(0, c.b.node("ReluGrad", {c.dy(), c.y()}, {}, "hone")); }
void relu_grad(C& c) { c.give(0, c.b.node("ReluGrad", {c.dy(), c.x(1)}, {}, "hone")); }

void infer_relu_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    if (!c.rank_known(1)) return c.set(0, t);
    require_shape(c, 0, c.shape(1), "the gradient of the output");
    c.set(0, t, c.shape(1));
}
void run_relu_grad(RefContext& c) {
    for (int64_t i = 0; i < c.out[0].count(); ++i) c.out[0].set(i, c.in[1].at(i) > 0 ? c.in[0].at(i) : 0);
}
void leaky_relu(C& c) { c.give(0, c.b.where(above(c, 0), c.dy(), c.b.scale(c.dy(), real(c, "alpha")))); }
void thresholded_relu(C& c) { c.give(0, c.b.keep(above(c, real(c, "alpha")), c.dy())); }
void shrink(C& c) {
    const double limit = real(c, "lambd");
    c.give(0, c.b.keep(c.b.node("Or", {below(c, -limit), above(c, limit)}), c.dy()));
}
/// Up to 0 the slope of alpha * (exp(x / scale) - 1) is y / scale + alpha / scale.
void elu(C& c) {
    c.give(0, c.b.where(above(c, 0), c.dy(), c.b.mul(c.dy(), c.b.shift(c.y(), real(c, "alpha")))));
}
void celu(C& c) {
    const ValueId slope = c.b.shift(c.b.scale(c.y(), 1 / real(c, "alpha")), 1);
    c.give(0, c.b.where(below(c, 0), c.b.mul(c.dy(), slope), c.dy()));
}
void selu(C& c) {
    const double alpha = real(c, "alpha"), gamma = real(c, "gamma");
    c.give(0, c.b.mul(c.dy(), c.b.where(above(c, 0), c.b.like(c.x(), gamma), c.b.shift(c.y(), alpha * gamma))));
}
void hard_sigmoid(C& c) {
    const ValueId zero = c.b.like(c.y(), 0), one = c.b.like(c.y(), 1);
    const ValueId inside = both(c, c.b.greater(c.y(), zero), c.b.less(c.y(), one));
    c.give(0, c.b.keep(inside, c.b.scale(c.dy(), real(c, "alpha"))));
}
void hard_swish(C& c) {
    const ValueId inner = c.b.shift(c.b.scale(c.x(), 1.0 / 3), 0.5);
    const ValueId slope = c.b.where(above(c, 3), c.b.like(c.x(), 1), inner);
    c.give(0, c.b.keep(above(c, -3), c.b.mul(c.dy(), slope)));
}
/// The slope of x * s(x): s + x * s'.
void gelu(C& c) {
    const ValueId x = c.x();
    if (c.text("approximate") == "tanh") {
        const double k = std::sqrt(2 / std::numbers::pi);
        const ValueId x2 = c.b.square(x);
        const ValueId t = c.b.node("Tanh", {c.b.scale(c.b.mul(x, c.b.shift(c.b.scale(x2, 0.044715), 1)), k)});
        const ValueId inner = c.b.scale(c.b.shift(c.b.scale(x2, 3 * 0.044715), 1), k / 2);
        const ValueId bend = c.b.mul(c.b.mul(x, inner), one_minus(c, c.b.square(t)));
        return c.give(0, c.b.mul(c.dy(), c.b.add(c.b.scale(c.b.shift(t, 1), 0.5), bend)));
    }
    const ValueId cdf = c.b.scale(c.b.shift(c.b.node("Erf", {c.b.scale(x, 1 / std::numbers::sqrt2)}), 1), 0.5);
    const ValueId pdf = c.b.scale(c.b.exp(c.b.scale(c.b.square(x), -0.5)), 1 / std::sqrt(2 * std::numbers::pi));
    c.give(0, c.b.mul(c.dy(), c.b.add(cdf, c.b.mul(x, pdf))));
}
/// s = sigmoid(alpha x): y' = s + alpha y (1 - s).
void swish(C& c) {
    const double alpha = std::string_view(c.op.name) == "Silu" ? 1 : real(c, "alpha");
    const ValueId s = c.b.sigmoid(alpha == 1 ? c.x() : c.b.scale(c.x(), alpha));
    const ValueId bend = c.b.mul(c.b.scale(c.y(), alpha), one_minus(c, s));
    c.give(0, c.b.mul(c.dy(), c.b.add(s, bend)));
}
void mish(C& c) {
    const ValueId t = c.b.node("Tanh", {call(c, "Softplus")});
    const ValueId bend = c.b.mul(c.b.mul(c.x(), one_minus(c, c.b.square(t))), sigmoid_of_x(c));
    c.give(0, c.b.mul(c.dy(), c.b.add(t, bend)));
}
void negated(C& c) { c.give(0, c.b.neg(c.dy())); }
/// Between the limits, these included, to x; beyond them to the limit (a learned one: PACT, Choi et al. 2018).
void clip(C& c) {
    ValueId dx = c.dy();
    if (c.has_input(1)) dx = c.b.keep(c.b.node("GreaterOrEqual", {c.x(), c.x(1)}), dx);
    if (c.has_input(2)) dx = c.b.keep(c.b.node("LessOrEqual", {c.x(), c.x(2)}), dx);
    c.give(0, dx);
    if (c.wants(1)) c.give(1, c.b.keep(c.b.less(c.x(), c.x(1)), c.dy()));
    if (c.wants(2)) c.give(2, c.b.keep(c.b.greater(c.x(), c.x(2)), c.dy()));
}

}  // namespace

std::vector<OpDecl> unary_gradient() {
    return {{.domain = "hone", .name = "ReluGrad", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
             .attributes = {}, .infer = infer_relu_grad, .reference = run_relu_grad, .tolerance = 0, .elementwise = true,
             .gradient = relu_grad}};
}

std::vector<Rule> unary_rules() {
    return {
        {"Sign", nullptr}, {"Ceil", nullptr}, {"Floor", nullptr}, {"Round", nullptr},
        {"Abs", times<sign_of>}, {"Neg", negated}, {"Sqrt", over<twice_y>}, {"Exp", times<y_of>}, {"Log", over<x_of>},
        {"Reciprocal", times<minus_y_squared>}, {"Sin", times<cos_of>}, {"Cos", times<minus_sin>}, {"Tan", times<tan_slope>},
        {"Asin", over<root_one_minus_square>}, {"Acos", over<minus_root>}, {"Atan", over<square_plus_one>},
        {"Sinh", times<cosh_of>}, {"Cosh", times<sinh_of>}, {"Tanh", times<tanh_slope>}, {"Asinh", over<root_square_plus_one>},
        {"Acosh", over<root_square_minus_one>}, {"Atanh", over<one_minus_square>}, {"Erf", times<erf_slope>},
        {"Sigmoid", times<sigmoid_slope>}, {"Relu", relu}, {"LeakyRelu", leaky_relu}, {"Elu", elu}, {"Celu", celu},
        {"Selu", selu}, {"HardSigmoid", hard_sigmoid}, {"HardSwish", hard_swish}, {"Softplus", times<sigmoid_of_x>},
        {"Softsign", over<softsign_denominator>}, {"ThresholdedRelu", thresholded_relu}, {"Shrink", shrink}, {"Gelu", gelu},
        {"Swish", swish}, {"Mish", mish}, {"Clip", clip},
    };
}

}  // namespace hone::ops
