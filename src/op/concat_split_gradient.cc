// SPDX-License-Identifier: Apache-2.0
// Gradients of Concat, Split and Tile.
#include <algorithm>

#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

using C = GradientContext;

size_t axis_of(const C& c) {
    return static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(c.b.rank(c.x()))));
}

/// One Split where several parts are wanted, one Slice where one is.
void concat(C& c) {
    const size_t axis = axis_of(c), n = c.node.inputs.size();
    std::vector<int64_t> sizes;
    for (size_t i = 0; i < n; ++i) sizes.push_back(c.b.dims(c.x(i))[axis]);
    const auto wanted = std::count(c.wanted.begin(), c.wanted.end(), true);
    const auto along = static_cast<int64_t>(axis);
    if (n > 1 && wanted > 1) {
        const std::vector<ValueId> parts = c.b.nodes("Split", {c.dy(), c.b.integers(sizes)}, static_cast<int>(n), {{"axis", along}});
        for (size_t i = 0; i < n; ++i) c.give(i, parts[i]);
        return;
    }
    int64_t at = 0;
    for (size_t i = 0; i < n; at += sizes[i++])
        if (c.wants(i)) c.give(i, n == 1 ? c.dy() : c.b.slice(c.dy(), along, at, at + sizes[i]));
}

/// One Concat; where one part alone has a gradient, a Pad.
void split(C& c) {
    const size_t axis = axis_of(c), n = c.node.outputs.size();
    std::vector<ValueId> parts;
    for (size_t i = 0; i < n; ++i) parts.push_back(c.y(i) == kNone ? c.need_output(i) : c.y(i));
    const auto arrive = std::count_if(c.seeds.begin(), c.seeds.end(), [](ValueId v) { return v != kNone; });
    if (arrive > 1) {
        for (size_t i = 0; i < n; ++i) parts[i] = c.has_dy(i) ? c.dy(i) : c.b.filled(parts[i], 0);
        return c.give(0, c.b.concat(parts, static_cast<int64_t>(axis)));
    }
    std::vector<int64_t> pads(2 * c.b.rank(c.x()));
    size_t which = 0;
    for (size_t i = 0; i < n; ++i)
        if (c.has_dy(i)) which = i;
    for (size_t i = 0; i < n; ++i)
        if (i != which) pads[axis + (i > which ? pads.size() / 2 : 0)] += c.b.dims(parts[i])[axis];
    c.give(0, n == 1 ? c.dy() : c.b.node("Pad", {c.dy(which), c.b.integers(pads)}));
}

/// The sum over the repeats: each repeated axis becomes (repeat, dim).
void tile(C& c) {
    const Dims x = c.b.dims(c.x()), y = c.b.dims(c.y());
    if (!count_of(y)) return c.give(0, c.b.filled(c.x(), 0));
    Dims deep;
    std::vector<int64_t> repeats;
    for (size_t i = 0; i < x.size(); ++i) {
        if (y[i] != x[i]) {
            repeats.push_back(static_cast<int64_t>(deep.size()));
            deep.push_back(y[i] / x[i]);
        }
        deep.push_back(x[i]);
    }
    c.give(0, repeats.empty() ? c.dy() : c.b.sum(c.b.reshape(c.dy(), deep), repeats, false));
}

}  // namespace

std::vector<Rule> concat_split_rules() { return {{"Concat", concat}, {"Split", split}, {"Tile", tile}}; }

}  // namespace hone::ops
