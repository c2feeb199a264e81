// SPDX-License-Identifier: Apache-2.0
// Values moved, not computed: views, transpositions, concatenations, slices.
#include <algorithm>
#include <cstring>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

void view(std::vector<Candidate>& list, LayoutRule layout = LayoutRule::plain) {
    Candidate k;
    k.name = "view";
    k.layout = layout;
    k.view = true;
    list.push_back(std::move(k));
}

void transpose(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    std::vector<int64_t> perm = c.op().integers("perm");
    if (perm.empty())
        for (size_t i = d.size(); i-- > 0;) perm.push_back(static_cast<int64_t>(i));
    const size_t size = dtype_size(c.in_dtype(0));
    if (size > 8 || d.empty()) return;
    const vec::Permute p = vec::make_permute(d, perm);
    Candidate k;
    k.name = "permute";
    k.make = [=](Layout) {
        return step_kernel("vector permute", [=](const StepArgs& a) {
            parallel_ranges(p.outer, std::max<int64_t>(1, p.outer / 8), [&](int64_t b, int64_t e) { vec::permute(p, size, a.in[0], a.out[0], b, e); });
        });
    };
    list.push_back(std::move(k));
}

/// Concat along an axis: rows of each input copied into place. Along channels, channels last is the last axis.
void concat(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims y = c.out();
    if (y.empty()) return;
    const auto axis = static_cast<size_t>(normal_axis(c.op(), c.op().integer("axis"), static_cast<int64_t>(y.size())));
    const size_t size = dtype_size(c.out_dtype());
    std::vector<Dims> ins;
    for (size_t i = 0; i < c.node.inputs.size(); ++i) ins.push_back(c.in(i));
    Candidate k;
    k.name = "concat";
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) {
        const size_t at = layout == Layout::plain || y.size() < 3 || axis == 0 ? axis : axis == 1 ? y.size() - 1 : axis - 1;
        const Dims py = physical(y, layout);
        const int64_t outer = count_of(Dims(py.begin(), py.begin() + static_cast<long>(at)));
        const auto row = static_cast<size_t>(count_of(Dims(py.begin() + static_cast<long>(at), py.end()))) * size;
        std::vector<size_t> rows;
        for (const Dims& d : ins) {
            const Dims pd = physical(d, layout);
            rows.push_back(static_cast<size_t>(count_of(Dims(pd.begin() + static_cast<long>(at), pd.end()))) * size);
        }
        return step_kernel("copy", [=](const StepArgs& a) {
            size_t offset = 0;
            for (size_t i = 0; i < rows.size(); ++i) {
                for (int64_t o = 0; o < outer; ++o)
                    std::memcpy(out<char>(a) + static_cast<size_t>(o) * row + offset, in<char>(a, i) + static_cast<size_t>(o) * rows[i], rows[i]);
                offset += rows[i];
            }
        });
    };
    list.push_back(std::move(k));
}

/// Split: rows copied out.
void copy_rows(std::vector<Candidate>& list, const Dims& x, size_t axis, size_t size, std::vector<std::pair<int64_t, int64_t>> ranges) {
    const int64_t outer = count_of(Dims(x.begin(), x.begin() + static_cast<long>(axis)));
    const auto inner = static_cast<size_t>(count_of(Dims(x.begin() + static_cast<long>(axis) + 1, x.end()))) * size;
    const size_t row = inner * static_cast<size_t>(x[axis]);
    Candidate k;
    k.name = "copy_rows";
    k.make = [=](Layout) {
        return step_kernel("copy", [=](const StepArgs& a) {
            for (size_t r = 0; r < ranges.size(); ++r) {
                if (!a.out[r]) continue;
                const size_t bytes = inner * static_cast<size_t>(ranges[r].second - ranges[r].first), from = inner * static_cast<size_t>(ranges[r].first);
                for (int64_t o = 0; o < outer; ++o)
                    std::memcpy(out<char>(a, r) + static_cast<size_t>(o) * bytes, in<char>(a, 0) + static_cast<size_t>(o) * row + from, bytes);
            }
        });
    };
    list.push_back(std::move(k));
}

void split(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims x = c.in(0);
    const auto axis = static_cast<size_t>(normal_axis(c.op(), c.op().integer("axis"), static_cast<int64_t>(x.size())));
    std::vector<std::pair<int64_t, int64_t>> ranges;
    int64_t at = 0;
    for (size_t i = 0; i < c.node.outputs.size(); ++i) {
        if (c.node.outputs[i] == kNone) return;
        const int64_t n = c.out(i)[axis];
        ranges.emplace_back(at, at + n);
        at += n;
    }
    if (at != x[axis]) return;
    copy_rows(list, x, axis, dtype_size(c.in_dtype(0)), ranges);
}

}  // namespace

void move(const LowerContext& c, std::vector<Candidate>& list) {
    const std::string& op = c.node.op;
    if (op == "Transpose") return transpose(c, list);
    if (op == "Concat") return concat(c, list);
    if (op == "Split") return split(c, list);
    if (op == "Slice" || op == "Gather") return pick(c, list);
    if (op == "After") return view(list, LayoutRule::any);
    if (c.node.outputs.size() == 1 && count_of(c.in(0)) == count_of(c.out()) && (op != "Dropout" || !c.given(2))) view(list);
}

}  // namespace hone::lower
