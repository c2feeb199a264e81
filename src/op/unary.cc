// SPDX-License-Identifier: Apache-2.0
// Operators of one element: arithmetic, trigonometry, activations, predicates, Clip. Floats are computed in double and
// rounded once; integers exactly in int64.
#include <cmath>
#include <limits>
#include <numbers>

#include "op/elements.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

/// The real attributes of an activation, with ONNX's names.
struct Params {
    double alpha = 0, beta = 0, gamma = 0;
};
Params params(const OpContext& c) {
    Params p;
    for (const AttrSpec& a : c.op.attributes) {
        if (a.kind != AttrKind::real) continue;
        const std::string_view name = a.name;
        (name == "gamma" ? p.gamma : name == "beta" || name == "lambd" ? p.beta : p.alpha) = c.real(a.name);
    }
    return p;
}

using Whole = int64_t (*)(int64_t, bool is_unsigned);

template <auto f>
void run_real(RefContext& c) {
    const Params p = params(c);
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set(i, f(c.in[0].at(i), p));
}
template <auto f, Whole g>
void run_any(RefContext& c) {
    if (is_float(c.in[0].dtype())) return run_real<f>(c);
    const bool u = is_unsigned(c.in[0].dtype());
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set_int(i, g(c.in[0].at_int(i), u));
}

template <bool (*accepts)(DType)>
void infer_same(InferContext& c) {
    require_type_of(c, 0, accepts, "a type that the operator takes");
    c.set_like(0, 0);
}
template <bool (*accepts)(DType)>
void infer_predicate(InferContext& c) {
    require_type_of(c, 0, accepts, "a type that the operator takes");
    if (c.rank_known(0))
        c.set(0, DType::boolean, c.shape(0));
    else
        c.set(0, DType::boolean);
}
bool is_signed_number(DType t) { return is_float(t) || is_signed(t); }
bool is_boolean(DType t) { return t == DType::boolean; }

int64_t negate(int64_t v) { return static_cast<int64_t>(0 - static_cast<uint64_t>(v)); }
int64_t abs_of(int64_t v, bool u) { return u || v >= 0 ? v : negate(v); }
int64_t neg_of(int64_t v, bool) { return negate(v); }
int64_t relu_of(int64_t v, bool u) { return u || v > 0 ? v : 0; }
int64_t sign_of(int64_t v, bool u) { return v == 0 ? 0 : u || v > 0 ? 1 : -1; }

double abs_real(double x, const Params&) { return std::fabs(x); }
double neg_real(double x, const Params&) { return -x; }
double relu_real(double x, const Params&) { return x < 0 ? 0 : x; }
double sign_real(double x, const Params&) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double erf_real(double x, const Params&) { return std::erf(x); }
double shrink_real(double x, const Params& p) { return x < -p.beta ? x + p.alpha : x > p.beta ? x - p.alpha : 0; }
double sigmoid(double x) {
    if (x >= 0) return 1 / (1 + std::exp(-x));
    const double e = std::exp(x);
    return e / (1 + e);
}
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double hard_sigmoid(double x, double alpha, double beta) { return std::fmax(0, std::fmin(1, alpha * x + beta)); }

void run_gelu(RefContext& c) {
    const std::string& mode = c.text("approximate");
    if (mode != "none" && mode != "tanh")
        c.refuse(cat("attribute 'approximate' is '", mode, "'; expected none or tanh"));
    const double k = std::sqrt(2 / std::numbers::pi);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        const double x = c.in[0].at(i);
        c.out[0].set(i, mode == "none" ? 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2))
                                       : 0.5 * x * (1 + std::tanh(k * (x + 0.044715 * x * x * x))));
    }
}
void run_is_nan(RefContext& c) {
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set_int(i, std::isnan(c.in[0].at(i)));
}
void run_is_inf(RefContext& c) {
    const bool positive = c.integer("detect_positive"), negative = c.integer("detect_negative");
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        const double x = c.in[0].at(i);
        c.out[0].set_int(i, std::isinf(x) && (x > 0 ? positive : negative));
    }
}
void run_not(RefContext& c) {
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set_int(i, !c.in[0].at_int(i));
}
void run_bitwise_not(RefContext& c) {
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set_int(i, ~c.in[0].at_int(i));
}

void infer_clip(InferContext& c) {
    require_type(c, {0, 1, 2}, is_number, "a number");
    require_one(c, 1, "the least value");
    require_one(c, 2, "the greatest value");
    c.set_like(0, 0);
}
void run_clip(RefContext& c) {
    const Tensor& x = c.in[0];
    for (size_t i : {1, 2})
        if (c.given(i) && c.in[i].count() != 1) c.refuse("a limit is not one number");
    if (is_float(x.dtype())) {
        const double inf = std::numeric_limits<double>::infinity();
        const double low = c.given(1) ? c.in[1].at(0) : -inf, high = c.given(2) ? c.in[2].at(0) : inf;
        for (int64_t i = 0; i < x.count(); ++i) {
            const double v = x.at(i) < low ? low : x.at(i);
            c.out[0].set(i, v > high ? high : v);
        }
        return;
    }
    const bool u = x.dtype() == DType::u64;
    const auto less = [u](int64_t a, int64_t b) {
        return u ? static_cast<uint64_t>(a) < static_cast<uint64_t>(b) : a < b;
    };
    for (int64_t i = 0; i < x.count(); ++i) {
        int64_t v = x.at_int(i);
        if (c.given(1) && less(v, c.in[1].at_int(0))) v = c.in[1].at_int(0);
        if (c.given(2) && less(c.in[2].at_int(0), v)) v = c.in[2].at_int(0);
        c.out[0].set_int(i, v);
    }
}
void upgrade_clip(Graph& g, NodeId n, int from) {
    if (from >= 11) return;
    const DType t = input_type(g, n, 0, DType::f32);
    // The defaults of old files are written out by some exporters; the type's limits say nothing.
    real_to_input(g, n, "min", 1, t);
    real_to_input(g, n, "max", 2, t);
}
int downgrade_clip(Graph& g, NodeId n, int to) {
    const DType t = input_type(g, n, 0, DType::f32);
    if (to < 12 && !is_float(t)) return 12;
    if (to >= 11) return to;
    for (size_t i : {1, 2})
        if (has_input(g, n, i) && (!constant_input(g, n, i) || constant_input(g, n, i)->count() != 1)) return 11;
    input_to_real(g, n, 2, "max");
    input_to_real(g, n, 1, "min");
    return to;
}

/// Before 6 the defaults had fewer digits.
void upgrade_selu(Graph& g, NodeId n, int from) {
    if (from >= 6) return;
    g.node(n).attributes.emplace("alpha", 1.6732f);
    g.node(n).attributes.emplace("gamma", 1.0507f);
}

using Reference = void (*)(RefContext&);
using Infer = void (*)(InferContext&);
OpDecl unary(const char* name, Reference reference, Infer infer = infer_same<is_float>,
             std::vector<AttrSpec> attributes = {}, int since = 1) {
    return {.name = name,
            .min_inputs = 1,
            .max_inputs = 1,
            .min_outputs = 1,
            .max_outputs = 1,
            .attributes = std::move(attributes),
            .infer = infer,
            .reference = reference,
            .elementwise = true,
            .since = since};
}
AttrSpec real(const char* name, float fallback) { return {name, AttrKind::real, fallback}; }

#define HONE_REAL(expression)                          \
    run_real<[](double x, const Params& p) -> double { \
        (void)p;                                       \
        return (expression);                           \
    }>

std::vector<OpDecl> arithmetic() {
    return {
        unary("Abs", run_any<abs_real, abs_of>, infer_same<is_number>),
        unary("Neg", run_any<neg_real, neg_of>, infer_same<is_signed_number>),
        unary("Sign", run_any<sign_real, sign_of>, infer_same<is_number>, {}, 9),
        unary("Ceil", HONE_REAL(std::ceil(x))),
        unary("Floor", HONE_REAL(std::floor(x))),
        unary("Round", HONE_REAL(std::nearbyint(x)), infer_same<is_float>, {}, 11),
        unary("Sqrt", HONE_REAL(std::sqrt(x))),
        unary("Exp", HONE_REAL(std::exp(x))),
        unary("Log", HONE_REAL(std::log(x))),
        unary("Reciprocal", HONE_REAL(1 / x)),
        unary("Sin", HONE_REAL(std::sin(x)), infer_same<is_float>, {}, 7),
        unary("Cos", HONE_REAL(std::cos(x)), infer_same<is_float>, {}, 7),
        unary("Tan", HONE_REAL(std::tan(x)), infer_same<is_float>, {}, 7),
        unary("Asin", HONE_REAL(std::asin(x)), infer_same<is_float>, {}, 7),
        unary("Acos", HONE_REAL(std::acos(x)), infer_same<is_float>, {}, 7),
        unary("Atan", HONE_REAL(std::atan(x)), infer_same<is_float>, {}, 7),
        unary("Sinh", HONE_REAL(std::sinh(x)), infer_same<is_float>, {}, 9),
        unary("Cosh", HONE_REAL(std::cosh(x)), infer_same<is_float>, {}, 9),
        unary("Tanh", HONE_REAL(std::tanh(x))),
        unary("Asinh", HONE_REAL(std::asinh(x)), infer_same<is_float>, {}, 9),
        unary("Acosh", HONE_REAL(std::acosh(x)), infer_same<is_float>, {}, 9),
        unary("Atanh", HONE_REAL(std::atanh(x)), infer_same<is_float>, {}, 9),
        unary("Erf", run_real<erf_real>, infer_same<is_number>, {}, 9),
        unary("IsNaN", run_is_nan, infer_predicate<is_float>, {}, 9),
        unary("IsInf", run_is_inf, infer_predicate<is_float>,
              {{"detect_negative", AttrKind::integer, int64_t{1}}, {"detect_positive", AttrKind::integer, int64_t{1}}},
              10),
        unary("Not", run_not, infer_same<is_boolean>),
        unary("BitwiseNot", run_bitwise_not, infer_same<is_integer>, {}, 18),
    };
}

std::vector<OpDecl> activations() {
    return {
        unary("Sigmoid", HONE_REAL(sigmoid(x))),
        unary("Relu", run_any<relu_real, relu_of>, infer_same<is_signed_number>),
        unary("LeakyRelu", HONE_REAL(x < 0 ? p.alpha * x : x), infer_same<is_float>, {real("alpha", 0.01f)}),
        unary("Elu", HONE_REAL(x < 0 ? p.alpha * std::expm1(x) : x), infer_same<is_float>, {real("alpha", 1)}),
        unary("Celu", HONE_REAL(x < 0 ? p.alpha * std::expm1(x / p.alpha) : x), infer_same<is_float>,
              {real("alpha", 1)}, 12),
        unary("Selu", HONE_REAL(p.gamma * (x > 0 ? x : p.alpha * std::expm1(x))), infer_same<is_float>,
              {real("alpha", 1.67326319217681884765625f), real("gamma", 1.05070102214813232421875f)}),
        unary("HardSigmoid", HONE_REAL(hard_sigmoid(x, p.alpha, p.beta)), infer_same<is_float>,
              {real("alpha", 0.2f), real("beta", 0.5f)}),
        unary("HardSwish", HONE_REAL(x * hard_sigmoid(x, 1.0 / 6, 0.5)), infer_same<is_float>, {}, 14),
        unary("Softplus", HONE_REAL(softplus(x))),
        unary("Softsign", HONE_REAL(x / (1 + std::fabs(x)))),
        unary("ThresholdedRelu", HONE_REAL(x > p.alpha ? x : 0), infer_same<is_float>, {real("alpha", 1)}, 10),
        unary("Shrink", run_real<shrink_real>, infer_same<is_number>, {real("bias", 0), real("lambd", 0.5f)}, 9),
        unary("Gelu", run_gelu, infer_same<is_float>, {{"approximate", AttrKind::text, std::string("none")}}, 20),
        unary("Swish", HONE_REAL(x * sigmoid(p.alpha * x)), infer_same<is_float>, {real("alpha", 1)}, 24),
        unary("Mish", HONE_REAL(x * std::tanh(softplus(x))), infer_same<is_float>, {}, 18),
    };
}

}  // namespace

std::vector<OpDecl> unary() {
    std::vector<OpDecl> all = arithmetic();
    for (OpDecl& d : activations()) all.push_back(std::move(d));
    for (OpDecl& d : all)
        if (std::string_view(d.name) == "Selu") d.upgrade = upgrade_selu;
    all.push_back({.name = "Clip",
                   .min_inputs = 1,
                   .max_inputs = 3,
                   .min_outputs = 1,
                   .max_outputs = 1,
                   .attributes = {},
                   .infer = infer_clip,
                   .reference = run_clip,
                   .elementwise = true,
                   .upgrade = upgrade_clip,
                   .downgrade = downgrade_clip});
    attach_rules(all, unary_rules());
    return all;
}

}  // namespace hone::ops
