// SPDX-License-Identifier: Apache-2.0
// Compress, NonZero and Unique: outputs whose size depends on values. Their shape is known once the input's value is.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

bool is_boolean(DType t) { return t == DType::boolean; }

/// Kept positions along an axis of n. Entries of the condition past n must be false.
Dims kept(const OpContext& c, const Tensor& condition, int64_t n) {
    Dims keep;
    for (int64_t i = 0; i < condition.count(); ++i) {
        if (!condition.at_int(i)) continue;
        if (i >= n) c.refuse(cat("the condition keeps element ", i, " of ", n));
        keep.push_back(i);
    }
    return keep;
}
void infer_compress(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_type_of(c, 1, is_boolean, "bool");
    require_rank(c, 1, 1, 1);
    Dim kept_count;
    if (const Tensor* condition = c.value(1)) {
        int64_t n = 0;
        for (int64_t i = 0; i < condition->count(); ++i) n += condition->at_int(i) != 0;
        kept_count = n;
    }
    if (!c.has("axis")) return c.set(0, c.dtype(0), {kept_count});
    if (!c.rank_known(0)) return c.set(0, c.dtype(0));
    Shape y = c.shape(0);
    y[static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(y.size())))] = kept_count;
    c.set(0, c.dtype(0), y);
}
void run_compress(RefContext& c) {
    const bool flat = !c.has("axis");
    const Tensor x = flat ? c.in[0].reshaped({c.in[0].count()}) : c.in[0];
    const auto axis = static_cast<size_t>(flat ? 0 : normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
    const Dims keep = kept(c, c.in[1], x.dim(axis));
    const int64_t outer = count_between(x.dims(), 0, axis), inner = count_between(x.dims(), axis + 1, x.rank());
    int64_t to = 0;
    for (int64_t o = 0; o < outer; ++o)
        for (int64_t k : keep) copy_elements(x, (o * x.dim(axis) + k) * inner, c.out[0], inner * to++, inner);
}

void gradient_compress(GradientContext& c) {
    const Dims x = c.b.dims(c.x());
    const bool flat = !c.has("axis");
    const int64_t axis = flat ? 0 : normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.size()));
    const int64_t n = flat ? count_of(x) : x[static_cast<size_t>(axis)];
    const ValueId kept_indices = c.b.integers(kept(c, c.constant(1), n));
    c.give(0, c.b.reshape(c.b.node("GatherGradient", {c.dy(), kept_indices}, {{"axis", axis}, {"size", n}}, "hone"), x));
}

void infer_non_zero(InferContext& c) {
    require_type_of(c, 0, is_number_or_bool, "a number or bool");
    Dim rank, count;
    if (c.rank_known(0)) rank = static_cast<int64_t>(std::max<size_t>(c.shape(0).size(), 1));
    if (const Tensor* x = c.value(0)) {
        int64_t n = 0;
        for (int64_t i = 0; i < x->count(); ++i) n += x->at(i) != 0;
        count = n;
    }
    c.set(0, DType::i64, {rank, count});
}
void run_non_zero(RefContext& c) {
    const Tensor& x = c.in[0];
    const int64_t n = c.out[0].dim(1);
    const Dims dims = x.rank() ? x.dims() : Dims{1}, strides = strides_of(dims);
    int64_t k = 0;
    for (int64_t i = 0; i < x.count(); ++i) {
        if (x.at(i) == 0) continue;
        for (size_t d = 0; d < dims.size(); ++d)
            c.out[0].set_int(static_cast<int64_t>(d) * n + k, i / strides[d] % dims[d]);
        ++k;
    }
}

/// Slices along the axis (or elements) grouped: `first[g]` is where group g occurs first, in output order.
struct Groups {
    Dims first, inverse, counts;
};
int compare(const Tensor& x, int64_t a, int64_t b) {
    if (x.dtype() == DType::string) return x.str(a).compare(x.str(b));
    if (is_float(x.dtype())) {
        const double u = x.at(a), v = x.at(b);
        if (std::isnan(u) || std::isnan(v)) return std::isnan(u) && std::isnan(v) ? 0 : std::isnan(u) ? 1 : -1;
        return u < v ? -1 : u > v;
    }
    const int64_t u = x.at_int(a), v = x.at_int(b);
    if (x.dtype() == DType::u64) return static_cast<uint64_t>(u) < static_cast<uint64_t>(v) ? -1 : u != v;
    return u < v ? -1 : u > v;
}
Groups group(const OpContext& c, const Tensor& given) {
    const bool flat = !c.has("axis");
    const Tensor x = flat ? given.reshaped({given.count()}) : given;
    const auto axis = static_cast<size_t>(flat ? 0 : normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
    const int64_t n = x.dim(axis), outer = count_between(x.dims(), 0, axis),
                  inner = count_between(x.dims(), axis + 1, x.rank());
    const auto order_of = [&](int64_t a, int64_t b) {
        for (int64_t o = 0; o < outer; ++o)
            for (int64_t i = 0; i < inner; ++i)
                if (const int d = compare(x, (o * n + a) * inner + i, (o * n + b) * inner + i)) return d;
        return 0;
    };
    Dims order(static_cast<size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return order_of(a, b) < 0; });
    std::vector<Dims> members;
    for (int64_t k : order) {
        if (members.empty() || order_of(members.back()[0], k) != 0) members.emplace_back();
        members.back().push_back(k);
    }
    if (!c.integer("sorted"))
        std::sort(members.begin(), members.end(), [](const Dims& a, const Dims& b) { return a[0] < b[0]; });
    Groups g{{}, Dims(static_cast<size_t>(n)), {}};
    for (const Dims& m : members) {
        for (int64_t k : m) g.inverse[static_cast<size_t>(k)] = static_cast<int64_t>(g.first.size());
        g.first.push_back(m[0]);
        g.counts.push_back(static_cast<int64_t>(m.size()));
    }
    return g;
}
void infer_unique(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    const bool flat = !c.has("axis");
    size_t axis = 0;
    if (!flat && c.rank_known(0))
        axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.shape(0).size())));
    Dim groups, n;
    if (const Tensor* x = c.value(0)) groups = static_cast<int64_t>(group(c, *x).first.size());
    if (c.rank_known(0)) n = flat ? product(c.shape(0), 0, c.shape(0).size()) : c.shape(0)[axis];
    if (flat)
        c.set(0, c.dtype(0), {groups});
    else if (c.rank_known(0)) {
        Shape y = c.shape(0);
        y[axis] = groups;
        c.set(0, c.dtype(0), y);
    } else
        c.set(0, c.dtype(0));
    c.set(1, DType::i64, {groups});
    c.set(2, DType::i64, {n});
    c.set(3, DType::i64, {groups});
}
void run_unique(RefContext& c) {
    const bool flat = !c.has("axis");
    const Tensor x = flat ? c.in[0].reshaped({c.in[0].count()}) : c.in[0];
    const auto axis = static_cast<size_t>(flat ? 0 : normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
    const Groups g = group(c, c.in[0]);
    const int64_t outer = count_between(x.dims(), 0, axis), inner = count_between(x.dims(), axis + 1, x.rank());
    int64_t to = 0;
    for (int64_t o = 0; c.wanted(0) && o < outer; ++o)
        for (int64_t k : g.first) copy_elements(x, (o * x.dim(axis) + k) * inner, c.out[0], inner * to++, inner);
    if (c.wanted(1)) assign(c.out[1], g.first);
    if (c.wanted(2)) assign(c.out[2], g.inverse);
    if (c.wanted(3)) assign(c.out[3], g.counts);
}

}  // namespace

std::vector<OpDecl> select() {
    return {
        {.name = "Compress",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"axis", AttrKind::integer}},
         .infer = infer_compress,
         .reference = run_compress,
         .gradient = gradient_compress,
         .since = 9},
        {.name = "NonZero",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_non_zero,
         .reference = run_non_zero,
         .since = 9},
        {.name = "Unique",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 4,
         .attributes = {{"axis", AttrKind::integer}, {"sorted", AttrKind::integer, int64_t{1}}},
         .infer = infer_unique,
         .reference = run_unique,
         .since = 11},
    };
}

}  // namespace hone::ops
