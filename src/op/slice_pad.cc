// SPDX-License-Identifier: Apache-2.0
// Slice and Pad: a box of the input, cut out or put into a larger one.
#include <algorithm>
#include <limits>

#include "op/axis_map.h"
#include "op/elements.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

struct Cut {
    int64_t start = 0, step = 1, count = 0;
};
/// The standard's clamping of one axis.
Cut cut(const OpContext& c, int64_t n, int64_t start, int64_t end, int64_t step) {
    if (step == 0) c.refuse("a step is 0");
    step = std::max(step, -std::numeric_limits<int64_t>::max());
    if (start < 0) start += n;
    if (end < 0) end += n;
    Cut k{0, step, 0};
    if (step > 0) {
        k.start = std::clamp<int64_t>(start, 0, n);
        const int64_t stop = std::clamp<int64_t>(end, 0, n);
        if (stop > k.start) k.count = (stop - k.start - 1) / step + 1;
    } else {
        k.start = std::clamp<int64_t>(start, 0, std::max<int64_t>(n - 1, 0));
        const int64_t stop = std::clamp<int64_t>(end, -1, n - 1);
        if (n > 0 && k.start > stop) k.count = (k.start - stop - 1) / -step + 1;
    }
    return k;
}

/// Input `i` or 0, 1, 2, ... (axes), 1, 1, ... (steps).
struct SliceArguments {
    Dims starts, ends, axes, steps;
};
SliceArguments arguments(const OpContext& c, Dims starts, Dims ends, std::optional<Dims> axes,
                         std::optional<Dims> steps, int64_t rank) {
    SliceArguments a{std::move(starts), std::move(ends), {}, {}};
    const size_t n = a.starts.size();
    if (axes)
        a.axes = *axes;
    else
        for (size_t i = 0; i < n; ++i) a.axes.push_back(static_cast<int64_t>(i));
    a.steps = steps ? *steps : Dims(n, 1);
    if (a.ends.size() != n || a.axes.size() != n || a.steps.size() != n)
        c.refuse("starts, ends, axes and steps differ in length");
    std::vector<bool> seen(static_cast<size_t>(rank));
    for (int64_t& axis : a.axes) {
        axis = normal_axis(c, axis, rank);
        if (seen[static_cast<size_t>(axis)]) c.refuse(cat("axis ", axis, " is given twice"));
        seen[static_cast<size_t>(axis)] = true;
    }
    return a;
}

void infer_slice(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    for (size_t i : {1, 2, 3, 4}) require_type_of(c, i, is_index, "i32 or i64");
    const DType t = c.dtype(0);
    if (!c.rank_known(0)) return c.set(0, t);
    const Shape& x = c.shape(0);
    const auto starts = known_integers(c, 1), ends = known_integers(c, 2), axes = known_integers(c, 3),
               steps = known_integers(c, 4);
    Shape y = x;
    if ((c.given(3) && !axes) || (!c.given(3) && !starts && !ends)) return c.set(0, t, Shape(x.size()));
    if (!starts || !ends || (c.given(4) && !steps)) {
        for (size_t i = 0; i < (axes ? axes->size() : starts ? starts->size() : ends->size()); ++i)
            y[static_cast<size_t>(
                normal_axis(c, axes ? (*axes)[i] : static_cast<int64_t>(i), static_cast<int64_t>(x.size())))] = {};
        return c.set(0, t, y);
    }
    const SliceArguments a = arguments(c, *starts, *ends, axes, steps, static_cast<int64_t>(x.size()));
    for (size_t i = 0; i < a.axes.size(); ++i) {
        Dim& d = y[static_cast<size_t>(a.axes[i])];
        const bool all = a.starts[i] == 0 && a.steps[i] == 1 && a.ends[i] >= std::numeric_limits<int32_t>::max();
        if (a.steps[i] == 0) c.refuse("a step is 0");
        if (d.known())
            d = cut(c, d.value, a.starts[i], a.ends[i], a.steps[i]).count;
        else if (!all)
            d = {};
    }
    c.set(0, t, y);
}
KnownInput inputs_of(const RefContext& c) {
    return [&c](size_t i) { return c.given(i) ? &c.in[i] : nullptr; };
}
void run_slice(RefContext& c) {
    const Tensor& x = c.in[0];
    const std::vector<Dims> maps = *slice_maps(c, x.dims(), inputs_of(c));
    Dims strides = strides_of(x.dims());
    int64_t offset = 0;
    for (size_t a = 0; a < maps.size(); ++a) {
        if (maps[a].empty()) return;
        offset += maps[a][0] * strides[a];
        strides[a] = maps[a].size() > 1 ? strides[a] * (maps[a][1] - maps[a][0]) : 0;
    }
    copy_strided(x, offset, strides, c.out[0]);
}
void upgrade_slice(Graph& g, NodeId n, int from) {
    if (from >= 10) return;
    integers_to_input(g, n, "starts", 1);
    integers_to_input(g, n, "ends", 2);
    integers_to_input(g, n, "axes", 3);
}
int downgrade_slice(Graph& g, NodeId n, int to) {
    if (to >= 10) return to;
    for (size_t i : {1, 2, 3, 4})
        if (has_input(g, n, i) && !constant_input(g, n, i)) return 10;
    if (const Tensor* steps = constant_input(g, n, 4)) {
        for (int64_t s : steps->to_i64())
            if (s != 1) return 10;
        omit_input(g, n, 4);
    }
    input_to_integers(g, n, 3, "axes");
    input_to_integers(g, n, 2, "ends");
    input_to_integers(g, n, 1, "starts");
    return to;
}

/// Pads of every axis, begins then ends.
std::optional<Dims> full_pads(const OpContext& c, const std::optional<Dims>& pads, bool axes_given,
                              const std::optional<Dims>& axes, size_t rank) {
    if (!pads || (axes_given && !axes)) return std::nullopt;
    if (!axes) {
        if (pads->size() != 2 * rank) c.refuse(cat("has ", number(pads->size()), " pads; expected ", number(2 * rank)));
        return pads;
    }
    Dims full(2 * rank);
    if (pads->size() != 2 * axes->size())
        c.refuse(cat("has ", number(pads->size()), " pads; expected ", number(2 * axes->size())));
    for (size_t i = 0; i < axes->size(); ++i) {
        const auto a = static_cast<size_t>(normal_axis(c, (*axes)[i], static_cast<int64_t>(rank)));
        full[a] = (*pads)[i];
        full[a + rank] = (*pads)[i + axes->size()];
    }
    return full;
}
constexpr int64_t kMostPad = int64_t{1} << 40;

void infer_pad(InferContext& c) {
    const DType t = require_type(c, {0, 2}, is_any, "any type");
    require_type_of(c, 1, is_index, "i64");
    require_one(c, 2, "the value");
    const std::string& mode = c.text("mode");
    if (mode != "constant" && mode != "reflect" && mode != "edge" && mode != "wrap")
        c.refuse(cat("attribute 'mode' is '", mode, "'; expected constant, reflect, edge or wrap"));
    if (!c.rank_known(0)) return c.set(0, t);
    Shape y = c.shape(0);
    const auto pads = full_pads(c, known_integers(c, 1), c.given(3), known_integers(c, 3), y.size());
    for (size_t i = 0; i < y.size(); ++i) {
        if (!pads) {
            y[i] = {};
            continue;
        }
        const int64_t begin = (*pads)[i], end = (*pads)[i + y.size()];
        if (begin < -kMostPad || end < -kMostPad || begin > kMostPad || end > kMostPad)
            c.refuse(cat("pads ", begin, " and ", end));
        if (!y[i].known()) {
            if (begin || end) y[i] = {};
            continue;
        }
        const int64_t length = y[i].value + begin + end;
        if (length < 0)
            c.refuse(cat("pads ", begin, " and ", end, " cut more than the ", y[i].value, " of axis ", number(i)));
        if (y[i].value == 0 && length > 0 && mode != "constant") c.refuse("an empty axis has nothing to repeat");
        y[i] = length;
    }
    c.set(0, t, y);
}
/// The source of position i of an axis of n, or -1 for the constant.
int64_t source(const std::string& mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    if (mode == "constant") return -1;
    if (mode == "edge") return i < 0 ? 0 : n - 1;
    const int64_t period = mode == "wrap" ? n : std::max<int64_t>(2 * (n - 1), 1);
    const int64_t r = (i % period + period) % period;
    return r < n ? r : period - r;
}
void run_pad(RefContext& c) {
    const Tensor& x = c.in[0];
    Tensor& y = c.out[0];
    const size_t rank = x.rank();
    const std::vector<Dims> from = *pad_maps(c, x.dims(), inputs_of(c));
    const Dims strides = strides_of(x.dims());
    Dims index(rank, 0);
    for (int64_t i = 0; i < y.count(); ++i) {
        int64_t at = 0;
        for (size_t a = 0; a < rank && at >= 0; ++a) {
            const int64_t s = from[a][static_cast<size_t>(index[a])];
            at = s < 0 ? -1 : at + s * strides[a];
        }
        if (at >= 0)
            copy_elements(x, at, y, i, 1);
        else if (c.given(2))
            copy_elements(c.in[2], 0, y, i, 1);
        for (size_t a = rank; a-- > 0;) {
            if (++index[a] < y.dim(a)) break;
            index[a] = 0;
        }
    }
}
void upgrade_pad(Graph& g, NodeId n, int from) {
    if (from >= 11) return;
    integers_to_input(g, n, from < 2 ? "paddings" : "pads", 1);
    const auto it = g.node(n).attributes.find("value");
    const float* v = it == g.node(n).attributes.end() ? nullptr : std::get_if<float>(&it->second);
    if (v && *v == 0)
        drop_attribute(g, n, "value");
    else
        real_to_input(g, n, "value", 2, input_type(g, n, 0, DType::f32));
}
int downgrade_pad(Graph& g, NodeId n, int to) {
    if (to < 19 && text_or(g.node(n), "mode", "constant") == "wrap") return 19;
    if (to < 18 && has_input(g, n, 3)) {
        const Tensor *axes = constant_input(g, n, 3), *pads = constant_input(g, n, 1);
        const TypeInfo& t = g.value(g.node(n).in(0)).type;
        if (!axes || !pads || !t.rank_known) return 18;
        const OpContext c{*find_op("", "Pad"), g.node(n)};
        const Dims full = *full_pads(c, pads->to_i64(), true, axes->to_i64(), t.shape.size());
        put_input(g, n, 1, constant_for(g, n, "pads", Tensor::of_i64(full)));
        omit_input(g, n, 3);
    }
    if (to >= 11) return to;
    if (!is_float(input_type(g, n, 0, DType::f32)) || !constant_input(g, n, 1)) return 11;
    if (!input_to_real(g, n, 2, "value")) return 11;
    input_to_integers(g, n, 1, "pads");
    return to;
}

}  // namespace
}  // namespace hone::ops

namespace hone {
using namespace ops;

namespace {
std::optional<Dims> list_of(const KnownInput& known, size_t i) {
    const Tensor* t = known(i);
    return t ? std::optional(t->to_i64()) : std::nullopt;
}
bool given(const OpContext& c, size_t i) { return c.node.in(i) != kNone; }
}  // namespace

std::optional<std::vector<Dims>> slice_maps(const OpContext& c, const Dims& x, const KnownInput& known) {
    for (size_t i : {1, 2, 3, 4})
        if ((i < 3 || given(c, i)) && !known(i)) return std::nullopt;
    const SliceArguments a = arguments(c, *list_of(known, 1), *list_of(known, 2), list_of(known, 3), list_of(known, 4), static_cast<int64_t>(x.size()));
    std::vector<Cut> cuts;
    for (int64_t d : x) cuts.push_back({0, 1, d});
    for (size_t i = 0; i < a.axes.size(); ++i) {
        Cut& k = cuts[static_cast<size_t>(a.axes[i])];
        k = cut(c, k.count, a.starts[i], a.ends[i], a.steps[i]);
    }
    std::vector<Dims> maps(x.size());
    for (size_t d = 0; d < x.size(); ++d)
        for (int64_t i = 0; i < cuts[d].count; ++i) maps[d].push_back(cuts[d].start + i * cuts[d].step);
    return maps;
}

std::optional<std::vector<Dims>> pad_maps(const OpContext& c, const Dims& x, const KnownInput& known) {
    if (!known(1) || (given(c, 3) && !known(3))) return std::nullopt;
    const Dims pads = *full_pads(c, list_of(known, 1), given(c, 3), list_of(known, 3), x.size());
    std::vector<Dims> maps(x.size());
    for (size_t a = 0; a < x.size(); ++a) {
        const int64_t length = x[a] + pads[a] + pads[a + x.size()];
        for (int64_t i = 0; i < length; ++i) maps[a].push_back(source(c.text("mode"), i - pads[a], x[a]));
    }
    return maps;
}

}  // namespace hone

namespace hone::ops {

std::vector<OpDecl> slice_pad() {
    std::vector<OpDecl> all{
        {.name = "Slice",
         .min_inputs = 3,
         .max_inputs = 5,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {},
         .infer = infer_slice,
         .reference = run_slice,
         .upgrade = upgrade_slice,
         .downgrade = downgrade_slice},
        {.name = "Pad",
         .min_inputs = 2,
         .max_inputs = 4,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"mode", AttrKind::text, std::string("constant")}},
         .infer = infer_pad,
         .reference = run_pad,
         .upgrade = upgrade_pad,
         .downgrade = downgrade_pad},
    };
    attach_rules(all, slice_pad_rules());
    return all;
}

}  // namespace hone::ops
