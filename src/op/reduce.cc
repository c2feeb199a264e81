// SPDX-License-Identifier: Apache-2.0
// ReduceSum, Mean, Max, Min, Prod, L1, L2, LogSum, LogSumExp, SumSquare; axes are an input.
#include <algorithm>
#include <cmath>
#include <limits>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

enum class Kind { sum, mean, max, min, prod, l1, l2, log_sum, log_sum_exp, sum_square };

/// Which axes go, sorted out of a list; all when it is empty (none with noop_with_empty_axes).
std::vector<bool> reduced_axes(const OpContext& c, const std::vector<int64_t>& axes, size_t rank) {
    std::vector<bool> gone(rank, axes.empty() && c.integer("noop_with_empty_axes") == 0);
    for (int64_t a : axes) gone[static_cast<size_t>(normal_axis(c, a, static_cast<int64_t>(rank)))] = true;
    return gone;
}

bool is_wide(DType t) {
    return is_float(t) || t == DType::i32 || t == DType::i64 || t == DType::u32 || t == DType::u64;
}
bool is_ordered(DType t) { return is_wide(t) || t == DType::i8 || t == DType::u8 || t == DType::boolean; }
bool is_i64(DType t) { return t == DType::i64; }

template <Kind kind>
void infer_reduce(InferContext& c) {
    constexpr bool ordered = kind == Kind::max || kind == Kind::min;
    const DType t = require_type(c, {0}, ordered ? is_ordered : is_wide, "a number type of 32 bits or more, or a float");
    require_type(c, {1}, is_i64, "i64");
    require_rank(c, 1, 1, 1);
    const bool keep = c.integer("keepdims") != 0;
    if (!c.rank_known(0)) return c.set(0, t);
    const Shape& x = c.shape(0);
    const Tensor* axes = c.given(1) ? c.value(1) : nullptr;
    const bool empty = !c.given(1) || (c.rank_known(1) && c.shape(1).size() == 1 && c.shape(1)[0] == Dim(0));
    if (!axes && !empty) return keep ? c.set(0, t, Shape(x.size())) : c.set(0, t);
    const std::vector<bool> gone = reduced_axes(c, axes ? axes->to_i64() : std::vector<int64_t>{}, x.size());
    Shape s;
    for (size_t i = 0; i < x.size(); ++i) {
        if (!gone[i]) s.push_back(x[i]);
        else if (keep) s.push_back(1);
    }
    c.set(0, t, s);
}

template <Kind kind, class T>
T first() {
    if constexpr (kind == Kind::prod) return 1;
    using L = std::numeric_limits<T>;
    if constexpr (kind == Kind::max || kind == Kind::log_sum_exp) return L::has_infinity ? -L::infinity() : L::min();
    if constexpr (kind == Kind::min) return L::has_infinity ? L::infinity() : L::max();
    return 0;
}
template <Kind kind, class T>
T join(T a, T v) {
    if constexpr (kind == Kind::prod) return wrapping_mul(a, v);
    else if constexpr (kind == Kind::max || kind == Kind::log_sum_exp) return v > a || v != v ? v : a;
    else if constexpr (kind == Kind::min) return v < a || v != v ? v : a;
    else if constexpr (kind == Kind::l1) return wrapping_add(a, v < 0 ? wrapping_mul(v, T{-1}) : v);
    else if constexpr (kind == Kind::l2 || kind == Kind::sum_square) return wrapping_add(a, wrapping_mul(v, v));
    else return wrapping_add(a, v);
}
template <Kind kind>
double finish(double a, double n) {
    if (kind == Kind::mean) return a / n;
    if (kind == Kind::l2) return std::sqrt(a);
    if (kind == Kind::log_sum) return std::log(a);
    return a;
}
template <Kind kind>
constexpr bool kExactInIntegers = kind == Kind::sum || kind == Kind::max || kind == Kind::min || kind == Kind::prod ||
                                  kind == Kind::l1 || kind == Kind::sum_square;

/// Where each element of x goes: strides into the output, 0 along the reduced axes.
Dims target_strides(const Dims& x, const std::vector<bool>& gone) {
    Dims s(x.size(), 0);
    int64_t stride = 1;
    for (size_t i = x.size(); i-- > 0;)
        if (!gone[i]) s[i] = stride, stride *= x[i];
    return s;
}

template <Kind kind, class T>
std::vector<T> accumulate(const Tensor& in, const std::vector<bool>& gone, size_t outputs) {
    const std::vector<T> x = values<T>(in);
    std::vector<T> y(outputs, first<kind, T>());
    const Dims strides = target_strides(in.dims(), gone);
    walk(in.dims(), {strides}, [&](int64_t i, const int64_t* at) {
        T& to = y[static_cast<size_t>(at[0])];
        to = join<kind, T>(to, x[static_cast<size_t>(i)]);
    });
    if constexpr (kind == Kind::log_sum_exp) {  // shifted by the maximum found above
        std::vector<T> sum(outputs, 0);
        walk(in.dims(), {strides}, [&](int64_t i, const int64_t* at) {
            const auto o = static_cast<size_t>(at[0]);
            sum[o] += std::isinf(y[o]) ? std::exp(x[static_cast<size_t>(i)]) : std::exp(x[static_cast<size_t>(i)] - y[o]);
        });
        for (size_t o = 0; o < outputs; ++o) y[o] = std::log(sum[o]) + (std::isinf(y[o]) ? 0 : y[o]);
    }
    return y;
}

/// No element: the kind's neutral element; Max and Min of integers have the type's own least and greatest.
template <Kind kind>
void run_reduce(RefContext& c) {
    const Tensor& x = c.in[0];
    Tensor& y = c.out[0];
    const std::vector<bool> gone = reduced_axes(c, c.given(1) ? c.in[1].to_i64() : std::vector<int64_t>{}, x.rank());
    if (std::find(gone.begin(), gone.end(), true) == gone.end() && c.integer("noop_with_empty_axes") != 0 &&
        !(c.given(1) && c.in[1].count())) {
        for (int64_t i = 0; i < x.count(); ++i) is_float(x.dtype()) ? y.set(i, x.at(i)) : y.set_int(i, x.at_int(i));
        return;
    }
    const auto outputs = static_cast<size_t>(y.count());
    if (!outputs) return;
    if constexpr (kExactInIntegers<kind>)
        if (!is_float(x.dtype())) {
            const std::vector<int64_t> v = accumulate<kind, int64_t>(x, gone, outputs);
            const bool ordered = kind == Kind::max || kind == Kind::min;
            for (size_t i = 0; i < outputs; ++i) {
                int64_t value = v[i];
                if (ordered && !x.count()) value = x.dtype() == DType::boolean ? kind == Kind::min : saturate(value, x.dtype());
                y.set_int(static_cast<int64_t>(i), value);
            }
            return;
        }
    std::vector<double> v = accumulate<kind, double>(x, gone, outputs);
    const double n = static_cast<double>(x.count()) / static_cast<double>(outputs);
    for (double& e : v) e = finish<kind>(e, n);
    assign(y, v);
}

Cost cost_reduce(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

/// The axes were an attribute before 18 (13 for ReduceSum), where an absent list meant all.
template <int since>
void upgrade_reduce(Graph& g, NodeId id, int from) {
    if (from >= since) return;
    const auto it = g.node(id).attributes.find("axes");
    const auto* axes = it == g.node(id).attributes.end() ? nullptr : std::get_if<std::vector<int64_t>>(&it->second);
    if (axes && axes->empty()) drop_attribute(g, id, "axes");
    else integers_to_input(g, id, "axes", 1);
}
template <int since>
int downgrade_reduce(Graph& g, NodeId id, int to) {
    const DType t = g.value(g.node(id).inputs[0]).type.dtype;
    const int least = t == DType::boolean ? 20 : t == DType::i8 || t == DType::u8 ? 12 : 7;
    if (to >= since) return least;
    const ValueId v = g.node(id).in(1);
    const bool none = v == kNone || (g.value(v).is_constant() && !g.value(v).constant.count());
    const bool is_noop = integer_or(g.node(id), "noop_with_empty_axes", 0) != 0;
    if ((none && is_noop) || (!none && !g.value(v).is_constant())) return std::max(least, since);
    if (!none) {
        std::vector<int64_t> axes = g.value(v).constant.to_i64();
        const bool negative = std::any_of(axes.begin(), axes.end(), [](int64_t a) { return a < 0; });
        const TypeInfo& x = g.value(g.node(id).inputs[0]).type;
        if (negative && to < 11) {  // negative axes came at 11
            if (!x.rank_known) return std::max(least, 11);
            for (int64_t& a : axes) a += a < 0 ? static_cast<int64_t>(x.shape.size()) : 0;
        }
        g.node(id).attributes["axes"] = axes;
    }
    drop_attribute(g, id, "noop_with_empty_axes");
    omit_input(g, id, 1);
    return least;
}

template <Kind kind>
OpDecl declare(const char* name) {
    constexpr int since = kind == Kind::sum ? 13 : 18;
    return {.name = name, .min_inputs = 1, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
            .attributes = {{"keepdims", AttrKind::integer, int64_t{1}},
                           {"noop_with_empty_axes", AttrKind::integer, int64_t{0}}},
            .infer = infer_reduce<kind>, .reference = run_reduce<kind>, .cost = cost_reduce,
            .upgrade = upgrade_reduce<since>, .downgrade = downgrade_reduce<since>};
}

}  // namespace

std::vector<OpDecl> reduce() {
    std::vector<OpDecl> all{
            declare<Kind::sum>("ReduceSum"),         declare<Kind::mean>("ReduceMean"),
            declare<Kind::max>("ReduceMax"),         declare<Kind::min>("ReduceMin"),
            declare<Kind::prod>("ReduceProd"),       declare<Kind::l1>("ReduceL1"),
            declare<Kind::l2>("ReduceL2"),           declare<Kind::log_sum>("ReduceLogSum"),
            declare<Kind::log_sum_exp>("ReduceLogSumExp"), declare<Kind::sum_square>("ReduceSumSquare")};
    attach_rules(all, reduce_rules());
    return all;
}

}  // namespace hone::ops
