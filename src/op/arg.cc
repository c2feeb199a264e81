// SPDX-License-Identifier: Apache-2.0
// ArgMax, ArgMin and TopK.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

/// An axis of a tensor as outer x n x inner.
struct Split {
    int64_t outer, n, inner;
    Split(const OpContext& c, const Dims& d) {
        const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(d.size())));
        outer = count_between(d, 0, axis);
        n = d[axis];
        inner = count_between(d, axis + 1, d.size());
    }
};

/// Order of two elements: NaN above all numbers. Exact for floats and for integers.
struct Order {
    bool floats;
    std::vector<double> reals;
    std::vector<int64_t> whole;
    explicit Order(const Tensor& t) : floats(is_float(t.dtype())) {
        if (floats) reals = values<double>(t);
        else whole = values<int64_t>(t);
        unsigned_top = t.dtype() == DType::u64;
    }
    bool above(int64_t a, int64_t b) const {
        const auto i = static_cast<size_t>(a), k = static_cast<size_t>(b);
        if (!floats) return unsigned_top ? static_cast<uint64_t>(whole[i]) > static_cast<uint64_t>(whole[k]) : whole[i] > whole[k];
        if (std::isnan(reals[i])) return !std::isnan(reals[k]);
        return reals[i] > reals[k];
    }

  private:
    bool unsigned_top = false;
};

void infer_arg(InferContext& c) {
    require_type(c, {0}, is_number, "a number type");
    const bool keep = c.integer("keepdims") != 0;
    if (!c.rank_known(0)) return c.set(0, DType::i64);
    const Shape& x = c.shape(0);
    if (x.empty()) c.refuse("the input is a scalar; expected rank 1 or more");
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.size())));
    if (x[axis] == Dim(0)) c.refuse("the axis is empty");
    Shape s = x;
    if (keep) s[axis] = 1;
    else s.erase(s.begin() + static_cast<std::ptrdiff_t>(axis));
    c.set(0, DType::i64, s);
}

template <bool largest>
void run_arg(RefContext& c) {
    const Split s(c, c.in[0].dims());
    if (!c.out[0].count()) return;
    const Order order(c.in[0]);
    const bool last = c.integer("select_last_index") != 0;
    for (int64_t o = 0; o < s.outer; ++o)
        for (int64_t i = 0; i < s.inner; ++i) {
            const auto at = [&](int64_t k) { return (o * s.n + k) * s.inner + i; };
            int64_t best = 0;
            for (int64_t k = 1; k < s.n; ++k) {
                const bool better = largest ? order.above(at(k), at(best)) : order.above(at(best), at(k));
                const bool worse = largest ? order.above(at(best), at(k)) : order.above(at(k), at(best));
                if (better || (last && !worse)) best = k;
            }
            c.out[0].set_int(o * s.inner + i, best);
        }
}

/// select_last_index and negative axes came at 12 and 11.
int downgrade_arg(Graph& g, NodeId id, int to) {
    if (integer_or(g.node(id), "select_last_index", 0) != 0) return 12;
    if (to < 12) drop_attribute(g, id, "select_last_index");
    const int64_t axis = integer_or(g.node(id), "axis", 0);
    if (axis >= 0 || to >= 11) return 7;
    const TypeInfo& x = g.value(g.node(id).inputs[0]).type;
    if (!x.rank_known) return 11;
    g.node(id).attributes["axis"] = axis + static_cast<int64_t>(x.shape.size());
    return 7;
}

void infer_top_k(InferContext& c) {
    const DType t = require_type(c, {0}, is_number, "a number type");
    require_type(c, {1}, [](DType d) { return d == DType::i64; }, "i64");
    require_one(c, 1, "K");
    c.set(0, t);
    c.set(1, DType::i64);
    const Tensor* k = c.value(1);
    if (k && k->count() != 1) c.refuse(cat("K has shape ", to_text(k->dims()), "; expected one number"));
    if (k && k->at_int(0) < 0) c.refuse(cat("K is ", k->at_int(0), "; expected 0 or more"));
    if (!c.rank_known(0)) return;
    Shape s = c.shape(0);
    if (s.empty()) c.refuse("the input is a scalar; expected rank 1 or more");
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(s.size())));
    if (k && s[axis].known() && k->at_int(0) > s[axis].value)
        c.refuse(cat("K is ", k->at_int(0), " along an axis of ", s[axis].value));
    s[axis] = k ? Dim(k->at_int(0)) : Dim();
    c.set(0, t, s);
    c.set(1, DType::i64, s);
}

void run_top_k(RefContext& c) {
    const Split s(c, c.in[0].dims());
    const int64_t k = c.in[1].at_int(0);
    if (!k || !c.in[0].count()) return;
    const bool largest = c.integer("largest") != 0, is_real = is_float(c.in[0].dtype());
    const Order order(c.in[0]);
    std::vector<int64_t> index(static_cast<size_t>(s.n));
    for (int64_t o = 0; o < s.outer; ++o)
        for (int64_t i = 0; i < s.inner; ++i) {
            const auto at = [&](int64_t e) { return (o * s.n + e) * s.inner + i; };
            std::iota(index.begin(), index.end(), 0);
            std::partial_sort(index.begin(), index.begin() + k, index.end(), [&](int64_t a, int64_t b) {
                if (order.above(at(a), at(b))) return largest;
                if (order.above(at(b), at(a))) return !largest;
                return a < b;
            });
            for (int64_t e = 0; e < k; ++e) {
                const int64_t from = index[static_cast<size_t>(e)], to = (o * k + e) * s.inner + i;
                if (c.wanted(0)) is_real ? c.out[0].set(to, c.in[0].at(at(from))) : c.out[0].set_int(to, c.in[0].at_int(at(from)));
                if (c.wanted(1)) c.out[1].set_int(to, from);
            }
        }
}

/// To where the values came from; the indices differ along the axis.
void gradient_top_k(GradientContext& c) {
    const ValueId indices = c.need_output(1);
    c.give(0, c.b.node("ScatterElements", {c.b.filled(c.x(), 0), indices, c.dy()}, {{"axis", c.integer("axis")}}));
}

/// K was an attribute before 10; integers, `largest` and `sorted` came at 11.
void upgrade_top_k(Graph& g, NodeId id, int from) {
    if (from >= 10) return;
    const int64_t k = integer_or(g.node(id), "k", -1);
    drop_attribute(g, id, "k");
    put_input(g, id, 1, constant_for(g, id, "K", Tensor::of_i64({k})));
}
int downgrade_top_k(Graph& g, NodeId id, int to) {
    const Node& n = g.node(id);
    if (integer_or(n, "largest", 1) != 1 || integer_or(n, "sorted", 1) != 1 || integer_or(n, "axis", -1) < -1 ||
        !is_float(input_type(g, id, 0, DType::f32)))
        return 11;
    if (to < 11) {
        drop_attribute(g, id, "largest");
        drop_attribute(g, id, "sorted");
    }
    if (to >= 10) return 10;
    const Tensor* k = constant_input(g, id, 1);
    if (!k || k->count() != 1) return 10;
    g.node(id).attributes["k"] = k->at_int(0);
    omit_input(g, id, 1);
    return 7;
}

OpDecl declare(const char* name, void (*reference)(RefContext&)) {
    return {.name = name, .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
            .attributes = {{"axis", AttrKind::integer, int64_t{0}},
                           {"keepdims", AttrKind::integer, int64_t{1}},
                           {"select_last_index", AttrKind::integer, int64_t{0}}},
            .infer = infer_arg, .reference = reference, .tolerance = 0, .downgrade = downgrade_arg};
}

}  // namespace

std::vector<OpDecl> arg() {
    return {declare("ArgMax", run_arg<true>), declare("ArgMin", run_arg<false>),
            {.name = "TopK", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 2,
             .attributes = {{"axis", AttrKind::integer, int64_t{-1}},
                            {"largest", AttrKind::integer, int64_t{1}},
                            {"sorted", AttrKind::integer, int64_t{1}}},
             .infer = infer_top_k, .reference = run_top_k, .tolerance = 0, .gradient = gradient_top_k, .upgrade = upgrade_top_k,
             .downgrade = downgrade_top_k}};
}

}  // namespace hone::ops
