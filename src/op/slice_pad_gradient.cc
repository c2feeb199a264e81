// SPDX-License-Identifier: Apache-2.0
// Gradients of Slice and Pad: each other's adjoints.
#include <algorithm>

#include "op/axis_map.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;

KnownInput constants_of(const C& c) {
    return [&c](size_t i) { return c.has_input(i) ? &c.constant(i) : nullptr; };
}
/// Zeros before and after each axis; negative numbers cut.
ValueId pad_zeros(Builder& b, ValueId v, Dims begins, const Dims& ends) {
    begins.insert(begins.end(), ends.begin(), ends.end());
    const bool any = std::any_of(begins.begin(), begins.end(), [](int64_t p) { return p != 0; });
    return any ? b.node("Pad", {v, b.integers(begins)}) : v;
}
bool any_empty(const std::vector<Dims>& maps) {
    return std::any_of(maps.begin(), maps.end(), [](const Dims& m) { return m.empty(); });
}

/// Reversed where a step is negative, spread where steps skip elements, and put into zeros.
void slice(C& c) {
    Builder& b = c.b;
    const Dims x = b.dims(c.x());
    const std::vector<Dims> maps = *slice_maps(c, x, constants_of(c));
    if (any_empty(maps)) return c.give(0, b.filled(c.x(), 0));
    Dims axes, ends, begin_pads, end_pads, deep, gap_begin, gap_end, spread;
    for (size_t a = 0; a < x.size(); ++a) {
        const auto n = static_cast<int64_t>(maps[a].size());
        int64_t step = n > 1 ? maps[a][1] - maps[a][0] : 1;
        if (step < 0) axes.push_back(static_cast<int64_t>(a)), ends.push_back(-n - 1);
        const int64_t first = step < 0 ? maps[a].back() : maps[a][0];
        step = std::abs(step);
        deep.push_back(n);
        gap_end.push_back(0);
        if (step > 1) deep.push_back(1), gap_end.push_back(step - 1);
        spread.push_back(n * step);
        begin_pads.push_back(first);
        end_pads.push_back(x[a] - first - n * step);
    }
    ValueId d = c.dy();
    const Dims back(axes.size(), -1);
    if (!axes.empty()) d = b.node("Slice", {d, b.integers(back), b.integers(ends), b.integers(axes), b.integers(back)});
    if (deep.size() > x.size()) {
        gap_begin.assign(deep.size(), 0);
        d = b.reshape(pad_zeros(b, b.reshape(d, deep), gap_begin, gap_end), spread);
    }
    c.give(0, pad_zeros(b, d, begin_pads, end_pads));
}

void pad_constant(C& c, const Dims& x, const std::vector<Dims>& maps) {
    Builder& b = c.b;
    Dims begins, ends, cut_begins, cut_ends;
    bool any = count_of(x) > 0;
    for (size_t a = 0; a < x.size(); ++a) {
        const auto it = std::find_if(maps[a].begin(), maps[a].end(), [](int64_t s) { return s >= 0; });
        any = any && it != maps[a].end();
        if (!any) break;
        begins.push_back(it - maps[a].begin() - *it);
        ends.push_back(static_cast<int64_t>(maps[a].size()) - x[a] - begins[a]);
        cut_begins.push_back(-begins[a]);
        cut_ends.push_back(-ends[a]);
    }
    const ValueId dx = any ? pad_zeros(b, c.dy(), cut_begins, cut_ends) : b.filled(c.x(), 0);
    c.give(0, dx);
    if (!c.wants(2)) return;
    const ValueId border = any ? b.sub(c.dy(), pad_zeros(b, dx, begins, ends)) : c.dy();
    c.give(2, b.reshape(b.sum(border, {}, false), b.dims(c.x(2))));
}
/// Other modes read each axis through a list of positions.
void pad(C& c) {
    const Dims x = c.b.dims(c.x());
    const std::vector<Dims> maps = *pad_maps(c, x, constants_of(c));
    if (c.text("mode") == "constant") return pad_constant(c, x, maps);
    ValueId d = c.dy();
    for (size_t a = 0; a < x.size(); ++a) {
        bool same = static_cast<int64_t>(maps[a].size()) == x[a];
        for (size_t i = 0; same && i < maps[a].size(); ++i) same = maps[a][i] == static_cast<int64_t>(i);
        if (!same)
            d = c.b.node("GatherGradient", {d, c.b.integers(maps[a])}, {{"axis", static_cast<int64_t>(a)}, {"size", x[a]}}, "hone");
    }
    c.give(0, d);
}

}  // namespace

std::vector<Rule> slice_pad_rules() { return {{"Slice", slice}, {"Pad", pad}}; }

}  // namespace hone::ops
