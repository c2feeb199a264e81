// SPDX-License-Identifier: Apache-2.0
// Operators of two and more elements with broadcasting: arithmetic, logic, bits, comparisons, Min/Max/Sum/Mean, PRelu,
// Where. Floats are computed in double and rounded once, integers in int64 with wrapping; x/0 of integers is 0.
#include <cmath>
#include <limits>

#include "op/elements.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using Real = double (*)(double, double);
/// `u`: the operands are u64 and compare, divide and shift as such (narrower unsigned ones fit int64).
using Whole = int64_t (*)(int64_t a, int64_t b, bool u);
using Calculate = std::function<void(int64_t i, const int64_t* at)>;

void each(RefContext& c, const Calculate& f) {
    std::vector<Dims> strides;
    for (const Tensor& t : c.in) strides.push_back(broadcast_strides(t.dims(), c.out[0].dims()));
    walk(c.out[0].dims(), strides, f);
}

template <Real f, Whole g>
void run(RefContext& c) {
    const Tensor &a = c.in[0], &b = c.in[1];
    Tensor& y = c.out[0];
    if (is_float(a.dtype()))
        return each(c, [&](int64_t i, const int64_t* at) { y.set(i, f(a.at(at[0]), b.at(at[1]))); });
    const bool u = a.dtype() == DType::u64;
    each(c, [&](int64_t i, const int64_t* at) { y.set_int(i, g(a.at_int(at[0]), b.at_int(at[1]), u)); });
}
template <Real f, Whole g>
void run_compare(RefContext& c) {
    const Tensor &a = c.in[0], &b = c.in[1];
    if (is_float(a.dtype()))
        return each(c, [&](int64_t i, const int64_t* at) { c.out[0].set_int(i, f(a.at(at[0]), b.at(at[1])) != 0); });
    run<f, g>(c);
}

// Wrapping without undefined behaviour.
uint64_t as_u(int64_t v) { return static_cast<uint64_t>(v); }
int64_t as_s(uint64_t v) { return static_cast<int64_t>(v); }
int64_t add(int64_t a, int64_t b, bool) { return as_s(as_u(a) + as_u(b)); }
int64_t sub(int64_t a, int64_t b, bool) { return as_s(as_u(a) - as_u(b)); }
int64_t mul(int64_t a, int64_t b, bool) { return as_s(as_u(a) * as_u(b)); }
int64_t div(int64_t a, int64_t b, bool u) {
    if (b == 0) return 0;
    if (u) return as_s(as_u(a) / as_u(b));
    return b == -1 ? as_s(0 - as_u(a)) : a / b;
}
bool less(int64_t a, int64_t b, bool u) { return u ? as_u(a) < as_u(b) : a < b; }
int64_t remainder(int64_t a, int64_t b, bool u) {
    if (b == 0 || (!u && b == -1)) return 0;
    return u ? as_s(as_u(a) % as_u(b)) : a % b;
}
int64_t modulo(int64_t a, int64_t b, bool u) {
    const int64_t r = remainder(a, b, u);
    return !u && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int64_t power(int64_t base, int64_t exponent) {
    if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    uint64_t result = 1, b = as_u(base);
    for (uint64_t e = as_u(exponent); e; e >>= 1, b *= b)
        if (e & 1) result *= b;
    return as_s(result);
}

void infer_arithmetic(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_number, "a number");
    if (c.rank_known(0) && c.rank_known(1))
        c.set(0, t, broadcast(c, c.shape(0), c.shape(1)));
    else
        c.set(0, t);
}
template <bool (*accepts)(DType), bool boolean_out>
void infer_two(InferContext& c) {
    const DType t = require_type(c, {0, 1}, accepts, "a type that the operator takes");
    const DType out = boolean_out ? DType::boolean : t;
    if (c.rank_known(0) && c.rank_known(1))
        c.set(0, out, broadcast(c, c.shape(0), c.shape(1)));
    else
        c.set(0, out);
}
bool is_boolean(DType t) { return t == DType::boolean; }
bool is_comparable(DType t) { return is_number_or_bool(t) || t == DType::string; }

void infer_pow(InferContext& c) {
    require_type_of(c, 0, is_number, "a number");
    require_type_of(c, 1, is_number, "a number");
    if (c.rank_known(0) && c.rank_known(1))
        c.set(0, c.dtype(0), broadcast(c, c.shape(0), c.shape(1)));
    else
        c.set(0, c.dtype(0));
}
void run_pow(RefContext& c) {
    const Tensor &a = c.in[0], &b = c.in[1];
    if (is_float(a.dtype()) || is_float(b.dtype()))
        return each(c, [&](int64_t i, const int64_t* at) { c.out[0].set(i, std::pow(a.at(at[0]), b.at(at[1]))); });
    each(c, [&](int64_t i, const int64_t* at) { c.out[0].set_int(i, power(a.at_int(at[0]), b.at_int(at[1]))); });
}

void infer_mod(InferContext& c) {
    infer_arithmetic(c);
    if (is_float(c.dtype(0)) && c.integer("fmod") == 0) c.refuse("floats need attribute fmod = 1");
}
double fmod_real(double a, double b) { return std::fmod(a, b); }
void run_mod(RefContext& c) { c.integer("fmod") ? run<fmod_real, remainder>(c) : run<fmod_real, modulo>(c); }

void infer_shift(InferContext& c) {
    infer_two<is_unsigned, false>(c);
    const std::string& d = c.text("direction");
    if (d != "LEFT" && d != "RIGHT") c.refuse(cat("attribute 'direction' is '", d, "'; expected LEFT or RIGHT"));
}
int64_t shift_left(int64_t a, int64_t b, bool) { return as_u(b) > 63 ? 0 : as_s(as_u(a) << b); }
int64_t shift_right(int64_t a, int64_t b, bool) { return as_u(b) > 63 ? 0 : as_s(as_u(a) >> b); }
double none(double, double) { return 0; }
void run_shift(RefContext& c) { c.text("direction") == "LEFT" ? run<none, shift_left>(c) : run<none, shift_right>(c); }

double eq(double a, double b) { return a == b; }
int64_t eq_of(int64_t a, int64_t b, bool) { return a == b; }
void run_equal(RefContext& c) {
    const Tensor &a = c.in[0], &b = c.in[1];
    if (a.dtype() != DType::string) return run_compare<eq, eq_of>(c);
    each(c, [&](int64_t i, const int64_t* at) { c.out[0].set_int(i, a.str(at[0]) == b.str(at[1])); });
}

template <bool (*accepts)(DType)>
void infer_many(InferContext& c) {
    DType t = DType::undefined;
    bool ranks = true;
    Shape s;
    for (size_t i = 0; i < c.inputs(); ++i) {
        const DType ti = require_type(c, {i}, accepts, "a type that the operator takes");
        if (t == DType::undefined) t = ti;
        if (ti != DType::undefined && ti != t)
            c.refuse(cat("input ", number(i), " is ", dtype_name(ti), "; expected ", dtype_name(t)));
        if (!c.given(i)) c.refuse(cat("input ", number(i), " is omitted"));
        ranks &= c.rank_known(i);
        if (ranks) s = i ? broadcast(c, s, c.shape(i)) : c.shape(i);
    }
    if (ranks)
        c.set(0, t, s);
    else
        c.set(0, t);
}
template <Real f, Whole g, bool mean>
void run_many(RefContext& c) {
    Tensor& y = c.out[0];
    const size_t n = c.in.size();
    if (is_float(y.dtype()))
        return each(c, [&](int64_t i, const int64_t* at) {
            double v = c.in[0].at(at[0]);
            for (size_t k = 1; k < n; ++k) v = f(v, c.in[k].at(at[k]));
            y.set(i, mean ? v / static_cast<double>(n) : v);
        });
    const bool u = y.dtype() == DType::u64;
    each(c, [&](int64_t i, const int64_t* at) {
        int64_t v = c.in[0].at_int(at[0]);
        for (size_t k = 1; k < n; ++k) v = g(v, c.in[k].at_int(at[k]), u);
        y.set_int(i, v);
    });
}
double least(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : std::fmin(a, b); }
double greatest(double a, double b) { return std::isnan(a) ? a : std::isnan(b) ? b : std::fmax(a, b); }
double sum(double a, double b) { return a + b; }
int64_t least_of(int64_t a, int64_t b, bool u) { return less(b, a, u) ? b : a; }
int64_t greatest_of(int64_t a, int64_t b, bool u) { return less(a, b, u) ? b : a; }

void infer_prelu(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_number, "a number");
    if (!c.rank_known(0)) return c.set(0, t);
    if (c.rank_known(1)) {
        if (c.shape(1).size() > c.shape(0).size())
            c.refuse(cat("slope ", to_text(c.shape(1)), " for an input ", to_text(c.shape(0))));
        const Shape s = broadcast(c, c.shape(0), c.shape(1));
        for (size_t i = 0; i < s.size(); ++i)
            if (c.shape(0)[i].known() && s[i].known() && s[i].value != c.shape(0)[i].value)
                c.refuse(cat("slope ", to_text(c.shape(1)), " does not broadcast to ", to_text(c.shape(0))));
    }
    c.set(0, t, c.shape(0));
}
/// Before 7 a slope of one dim lay along the channels.
void upgrade_prelu(Graph& g, NodeId n, int from) {
    if (from >= 7 || g.node(n).inputs.size() < 2) return;
    const TypeInfo &x = g.value(g.node(n).inputs[0]).type, &slope = g.value(g.node(n).inputs[1]).type;
    if (!slope.rank_known || slope.shape.size() != 1 || slope.shape[0] == Dim(1) || !x.rank_known) return;
    append_dims(g, n, 1, static_cast<int64_t>(x.shape.size()) - 2);
}
double prelu(double x, double slope) { return x < 0 ? x * slope : x; }
int64_t prelu_of(int64_t x, int64_t slope, bool u) { return !u && x < 0 ? mul(x, slope, u) : x; }

void infer_where(InferContext& c) {
    require_type_of(c, 0, is_boolean, "bool");
    const DType t = require_type(c, {1, 2}, is_any, "any type");
    if (c.rank_known(0) && c.rank_known(1) && c.rank_known(2))
        c.set(0, t, broadcast(c, c.shape(0), broadcast(c, c.shape(1), c.shape(2))));
    else
        c.set(0, t);
}
void run_where(RefContext& c) {
    each(c, [&](int64_t i, const int64_t* at) {
        const size_t k = c.in[0].at_int(at[0]) ? 1 : 2;
        copy_elements(c.in[k], at[k], c.out[0], i, 1);
    });
}

using Reference = void (*)(RefContext&);
using Infer = void (*)(InferContext&);
OpDecl op(const char* name, Infer infer, Reference reference, int since = 1, std::vector<AttrSpec> attributes = {}) {
    return {.name = name,
            .min_inputs = 2,
            .max_inputs = 2,
            .min_outputs = 1,
            .max_outputs = 1,
            .attributes = std::move(attributes),
            .infer = infer,
            .reference = reference,
            .elementwise = true,
            .upgrade = align_operands,
            .since = since};
}
OpDecl variadic(OpDecl d) {
    d.min_inputs = 1;
    d.max_inputs = -1;
    d.upgrade = nullptr;
    return d;
}
OpDecl with_upgrade(OpDecl d, void (*upgrade)(Graph&, NodeId, int)) {
    d.upgrade = upgrade;
    return d;
}

double difference(double a, double b) { return a - b; }
double times(double a, double b) { return a * b; }
double quotient(double a, double b) { return a / b; }
double lt(double a, double b) { return a < b; }
double le(double a, double b) { return a <= b; }
double gt(double a, double b) { return a > b; }
double ge(double a, double b) { return a >= b; }
int64_t lt_of(int64_t a, int64_t b, bool u) { return less(a, b, u); }
int64_t le_of(int64_t a, int64_t b, bool u) { return !less(b, a, u); }
int64_t gt_of(int64_t a, int64_t b, bool u) { return less(b, a, u); }
int64_t ge_of(int64_t a, int64_t b, bool u) { return !less(a, b, u); }
int64_t logical_and(int64_t a, int64_t b, bool) { return a && b; }
int64_t logical_or(int64_t a, int64_t b, bool) { return a || b; }
int64_t logical_xor(int64_t a, int64_t b, bool) { return !a != !b; }
int64_t bits_and(int64_t a, int64_t b, bool) { return a & b; }
int64_t bits_or(int64_t a, int64_t b, bool) { return a | b; }
int64_t bits_xor(int64_t a, int64_t b, bool) { return a ^ b; }

}  // namespace

std::vector<OpDecl> binary() {
    constexpr auto logic = infer_two<is_boolean, false>;
    constexpr auto bits = infer_two<is_integer, false>;
    constexpr auto order = infer_two<is_number, true>;
    std::vector<OpDecl> all = {
        op("Add", infer_arithmetic, run<sum, add>),
        op("Sub", infer_arithmetic, run<difference, sub>),
        op("Mul", infer_arithmetic, run<times, mul>),
        op("Div", infer_arithmetic, run<quotient, div>),
        op("Pow", infer_pow, run_pow),
        op("Mod", infer_mod, run_mod, 10, {{"fmod", AttrKind::integer, int64_t{0}}}),
        variadic(op("Min", infer_many<is_number>, run_many<least, least_of, false>)),
        variadic(op("Max", infer_many<is_number>, run_many<greatest, greatest_of, false>)),
        variadic(op("Sum", infer_many<is_float>, run_many<sum, add, false>)),
        variadic(op("Mean", infer_many<is_float>, run_many<sum, add, true>)),
        op("And", logic, run<none, logical_and>),
        op("Or", logic, run<none, logical_or>),
        op("Xor", logic, run<none, logical_xor>),
        op("BitwiseAnd", bits, run<none, bits_and>, 18),
        op("BitwiseOr", bits, run<none, bits_or>, 18),
        op("BitwiseXor", bits, run<none, bits_xor>, 18),
        op("BitShift", infer_shift, run_shift, 11, {{"direction", AttrKind::text, std::nullopt, true}}),
        op("Equal", infer_two<is_comparable, true>, run_equal),
        op("Less", order, run_compare<lt, lt_of>),
        op("LessOrEqual", order, run_compare<le, le_of>, 12),
        op("Greater", order, run_compare<gt, gt_of>),
        op("GreaterOrEqual", order, run_compare<ge, ge_of>, 12),
        with_upgrade(op("PRelu", infer_prelu, run<prelu, prelu_of>), upgrade_prelu),
        {.name = "Where",
         .min_inputs = 3,
         .max_inputs = 3,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_where,
         .reference = run_where,
         .elementwise = true,
         .since = 9},
    };
    attach_rules(all, binary_rules());
    return all;
}

}  // namespace hone::ops
