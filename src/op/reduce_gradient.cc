// SPDX-License-Identifier: Apache-2.0
// Gradients of the reductions. `dy` and `y` are reshaped to the kept dims (1 where an axis is reduced), from where they
// broadcast against x.
#include <algorithm>

#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;

struct Reduced {
    bool noop = false;            ///< no axis by noop_with_empty_axes: the identity, whatever the kind
    std::vector<int64_t> axes;    ///< sorted
    Dims x, kept;
    int64_t count = 1;            ///< elements that one output joins
    ValueId dy;
};
Reduced reduced(C& c) {
    Reduced r;
    r.x = r.kept = c.b.dims(c.x());
    std::vector<int64_t> given;
    if (c.has_input(1)) given = c.constant(1).to_i64();
    std::vector<bool> gone(r.x.size(), given.empty() && c.integer("noop_with_empty_axes") == 0);
    r.noop = given.empty() && c.integer("noop_with_empty_axes") != 0;
    for (int64_t a : given) gone[static_cast<size_t>(normal_axis(c, a, static_cast<int64_t>(r.x.size())))] = true;
    for (size_t i = 0; i < gone.size(); ++i)
        if (gone[i]) r.axes.push_back(static_cast<int64_t>(i)), r.count *= r.x[i], r.kept[i] = 1;
    r.dy = c.b.reshape(c.dy(), r.kept);
    return r;
}
ValueId y_of(C& c, const Reduced& r) { return c.b.reshape(c.y(), r.kept); }

ValueId sum(C&, const Reduced& r) { return r.dy; }
ValueId mean(C& c, const Reduced& r) { return c.b.scale(r.dy, 1 / static_cast<double>(r.count)); }
/// To the elements that have the value taken, in equal parts.
ValueId extreme(C& c, const Reduced& r) {
    const ValueId taken = c.b.cast(c.b.equal(c.x(), y_of(c, r)), c.b.dtype(c.x()));
    const ValueId several = r.axes.empty() ? taken : c.b.sum(taken, r.axes, true);
    return c.b.mul(c.b.div(r.dy, several), taken);
}
/// The product of the others, from the products before and after each element: right where elements are 0.
ValueId prod(C& c, const Reduced& r) {
    Builder& b = c.b;
    if (r.axes.empty()) return r.dy;
    std::vector<int64_t> perm, inverse(r.x.size());  // reduced axes last
    for (size_t i = 0; i < r.x.size(); ++i)
        if (std::find(r.axes.begin(), r.axes.end(), static_cast<int64_t>(i)) == r.axes.end()) perm.push_back(static_cast<int64_t>(i));
    perm.insert(perm.end(), r.axes.begin(), r.axes.end());
    for (size_t i = 0; i < perm.size(); ++i) inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
    const bool one = r.axes.size() == 1, turned = !one && !std::is_sorted(perm.begin(), perm.end());
    ValueId x = turned ? b.transpose(c.x(), perm) : c.x();
    const Dims moved = b.dims(x);
    Dims flat(moved.begin(), moved.end() - static_cast<std::ptrdiff_t>(r.axes.size()));
    flat.push_back(r.count);
    if (!one) x = b.reshape(x, flat);
    const ValueId axis = b.integers({one ? r.axes[0] : static_cast<int64_t>(flat.size()) - 1});
    const auto products = [&](bool reverse) {
        return b.node("CumProd", {x, axis}, {{"exclusive", int64_t{1}}, {"reverse", int64_t{reverse}}});
    };
    ValueId others = b.mul(products(false), products(true));
    if (!one) others = b.reshape(others, moved);
    if (turned) others = b.transpose(others, inverse);
    return b.mul(r.dy, others);
}
ValueId l1(C& c, const Reduced& r) { return c.b.mul(r.dy, c.b.node("Sign", {c.x()})); }
/// x / y; 0 where all elements are 0, as PyTorch has it.
ValueId l2(C& c, const Reduced& r) {
    const ValueId y = y_of(c, r), zero = c.b.like(y, 0);
    return c.b.mul(c.x(), c.b.where(c.b.equal(y, zero), zero, c.b.div(r.dy, y)));
}
ValueId log_sum(C& c, const Reduced& r) { return c.b.div(r.dy, c.b.exp(y_of(c, r))); }
ValueId log_sum_exp(C& c, const Reduced& r) { return c.b.mul(r.dy, c.b.exp(c.b.sub(c.x(), y_of(c, r)))); }
ValueId sum_square(C& c, const Reduced& r) { return c.b.mul(c.x(), c.b.scale(r.dy, 2)); }

template <ValueId (*f)(C&, const Reduced&)>
void rule(C& c) {
    const Reduced r = reduced(c);
    c.give(0, r.noop ? c.dy() : c.b.expand(f(c, r), r.x));
}

}  // namespace

std::vector<Rule> reduce_rules() {
    return {{"ReduceSum", rule<sum>},         {"ReduceMean", rule<mean>},    {"ReduceMax", rule<extreme>}, {"ReduceMin", rule<extreme>},
            {"ReduceProd", rule<prod>},       {"ReduceL1", rule<l1>},        {"ReduceL2", rule<l2>},       {"ReduceLogSum", rule<log_sum>},
            {"ReduceLogSumExp", rule<log_sum_exp>}, {"ReduceSumSquare", rule<sum_square>}};
}

}  // namespace hone::ops
