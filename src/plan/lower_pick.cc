// SPDX-License-Identifier: Apache-2.0
// Operators that move elements by one index map an axis (Slice, Pad, Tile, Expand, Resize to the nearest), Resize by
// weights, and Gather. In either layout, which only puts the axes in another order.
#include <algorithm>

#include "base/error.h"
#include "kernel/move/pick.h"
#include "kernel/move/resample.h"
#include "op/axis_map.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

/// A list in the order of an NCHW tensor's axes, put in the order of its memory.
template <class T>
std::vector<T> in_memory_order(std::vector<T> v, Layout layout) {
    if (layout == Layout::channels_last && v.size() >= 3) std::rotate(v.begin() + 1, v.begin() + 2, v.end());
    return v;
}

void pick_by(const LowerContext& c, std::vector<Candidate>& list, const Dims& x, const std::vector<Dims>& maps, const Tensor& fill = {}) {
    const size_t size = dtype_size(c.out_dtype());
    Candidate k;
    k.name = "pick";
    k.layout = x.size() == c.in(0).size() ? LayoutRule::any : LayoutRule::plain;
    k.make = [=](Layout layout) {
        const move::Pick p = move::make_pick(in_memory_order(x, layout), in_memory_order(maps, layout), size);
        const int64_t grain = std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(1, p.row_length * static_cast<int64_t>(p.block)));
        return step_kernel("pick", [=](const StepArgs& a) {
            parallel_ranges(p.rows, grain, [&](int64_t b, int64_t e) { move::pick(p, a.in[0], fill.defined() ? fill.raw() : nullptr, a.out[0], b, e); });
        });
    };
    list.push_back(std::move(k));
}

KnownInput constants(const LowerContext& c) {
    return [&c](size_t i) { return c.given(i) ? c.constant(i) : nullptr; };
}

void pad(const LowerContext& c, std::vector<Candidate>& list) {
    Tensor value = c.given(2) && c.constant(2) ? *c.constant(2) : Tensor();
    if ((c.given(2) && !value.defined()) || (value.defined() && value.count() != 1)) return;
    if (const auto maps = pad_maps(c.op(), c.in(0), constants(c))) pick_by(c, list, c.in(0), *maps, value);
}

/// Tile and Expand: positions of an axis repeat; Expand's input gets its missing dims in front.
void repeat(const LowerContext& c, std::vector<Candidate>& list) {
    Dims x = c.in(0);
    const Dims y = c.out();
    if (x.size() > y.size()) return;
    x.insert(x.begin(), y.size() - x.size(), 1);
    std::vector<Dims> maps(y.size());
    for (size_t a = 0; a < y.size(); ++a)
        for (int64_t i = 0; i < y[a]; ++i) maps[a].push_back(i % x[a]);
    pick_by(c, list, x, maps);
}

move::ResampleAxis resample_axis(const AxisTaps& t, int64_t in) {
    move::ResampleAxis a{in, static_cast<int64_t>(t.of.size()), 1, {}, {}};
    for (const std::vector<Tap>& taps : t.of) a.taps = std::max(a.taps, static_cast<int64_t>(taps.size()));
    for (const std::vector<Tap>& taps : t.of)
        for (size_t k = 0; k < static_cast<size_t>(a.taps); ++k) {
            a.index.push_back(k < taps.size() ? taps[k].index : 0);
            a.weight.push_back(k < taps.size() ? static_cast<float>(taps[k].weight) : 0);
        }
    return a;
}

/// One pass an axis; what lies between two passes is in the scratch, in two halves by turns.
void resample(const LowerContext& c, std::vector<Candidate>& list, const std::vector<AxisTaps>& taps) {
    const Dims x = c.in(0);
    Candidate k;
    k.name = "resample";
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) {
        struct Pass {
            move::ResampleAxis axis;
            int64_t outer, inner;
        };
        Dims d = in_memory_order(x, layout);
        const std::vector<AxisTaps> order = in_memory_order(taps, layout);
        std::vector<Pass> passes;
        int64_t most = 0;
        for (size_t a = 0; a < d.size(); ++a) {
            if (order[a].identity) continue;
            Pass p{resample_axis(order[a], d[a]), count_of(Dims(d.begin(), d.begin() + static_cast<long>(a))), count_of(Dims(d.begin() + static_cast<long>(a) + 1, d.end()))};
            d[a] = p.axis.out;
            passes.push_back(std::move(p));
            most = std::max(most, count_of(d));
        }
        const size_t half = static_cast<size_t>(most) * sizeof(float);
        return step_kernel("resample", [=](const StepArgs& a) {
            const float* from = in<float>(a, 0);
            for (size_t i = 0; i < passes.size(); ++i) {
                const Pass& p = passes[i];
                float* to = i + 1 == passes.size() ? out<float>(a) : reinterpret_cast<float*>(static_cast<char*>(a.scratch) + i % 2 * half);
                const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, p.axis.out * p.inner));
                parallel_ranges(p.outer, grain, [&](int64_t b, int64_t e) { move::resample(p.axis, from, to, b, e, p.inner); });
                from = to;
            }
        }, passes.size() > 1 ? 2 * half : 0);
    };
    list.push_back(std::move(k));
}

void resize(const LowerContext& c, std::vector<Candidate>& list) {
    const OpContext op = c.op();
    if (op.text("coordinate_transformation_mode") == "tf_crop_and_resize") return;
    const auto taps = resize_taps(op, c.in(0), constants(c));
    if (!taps) return;
    if (op.text("mode") == "nearest") {
        std::vector<Dims> maps;
        for (const AxisTaps& t : *taps) {
            maps.emplace_back();
            for (const std::vector<Tap>& one : t.of) maps.back().push_back(one[0].index);
        }
        return pick_by(c, list, c.in(0), maps);
    }
    const bool all = std::all_of(taps->begin(), taps->end(), [](const AxisTaps& t) { return t.identity; });
    if (c.in_dtype(0) == DType::f32 && !all) resample(c, list, *taps);
}

/// Gather along an axis by indices that a run gives: rows copied, every index checked as the reference does.
void gather(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims x = c.in(0), indices = c.in(1);
    if (x.empty()) return;
    const auto axis = static_cast<size_t>(normal_axis(c.op(), c.op().integer("axis"), static_cast<int64_t>(x.size())));
    const int64_t outer = count_of(Dims(x.begin(), x.begin() + static_cast<long>(axis))), n = x[axis], picked = count_of(indices);
    const size_t row = static_cast<size_t>(count_of(Dims(x.begin() + static_cast<long>(axis) + 1, x.end()))) * dtype_size(c.in_dtype(0));
    const bool wide = c.in_dtype(1) == DType::i64;
    const std::string where = c.op().where();
    Candidate k;
    k.name = "gather";
    k.make = [=](Layout) {
        return step_kernel("copy", [=](const StepArgs& a) {
            const int64_t grain = std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(1, static_cast<int64_t>(row)));
            parallel_ranges(outer * picked, grain, [&](int64_t b, int64_t e) {
                for (int64_t r = b; r < e; ++r) {
                    int64_t i = wide ? in<int64_t>(a, 1)[r % picked] : in<int32_t>(a, 1)[r % picked];
                    if (i < -n || i >= n) fail(ErrorKind::model, "op.invalid", cat("index ", i, " is outside a dimension of ", n), "", where);
                    if (i < 0) i += n;
                    std::copy_n(in<char>(a, 0) + static_cast<size_t>(r / picked * n + i) * row, row, out<char>(a) + static_cast<size_t>(r) * row);
                }
            });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

void pick(const LowerContext& c, std::vector<Candidate>& list) {
    const std::string& op = c.node.op;
    if (count_of(c.in(0)) == 0 || count_of(c.out()) == 0) return;
    if (op == "Gather") return gather(c, list);
    if (op == "Pad") return pad(c, list);
    if (op == "Resize") return resize(c, list);
    if (op == "Tile" || op == "Expand") return repeat(c, list);
    if (const auto maps = slice_maps(c.op(), c.in(0), constants(c))) pick_by(c, list, c.in(0), *maps);
}

}  // namespace hone::lower
