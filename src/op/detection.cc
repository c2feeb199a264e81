// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression. How many boxes remain depends on the values, so inference runs the selection where they are known.
#include <algorithm>
#include <array>
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

using Box = std::array<double, 4>;  // y1, x1, y2, x2 with y1 <= y2, x1 <= x2
using Selected = std::vector<std::array<int64_t, 3>>;

Box box_at(const Tensor& boxes, int64_t i, bool centred) {
    Box b;
    for (size_t k = 0; k < 4; ++k) b[k] = boxes.at(i * 4 + static_cast<int64_t>(k));
    if (centred) return {b[1] - b[3] / 2, b[0] - b[2] / 2, b[1] + b[3] / 2, b[0] + b[2] / 2};
    return {std::fmin(b[0], b[2]), std::fmin(b[1], b[3]), std::fmax(b[0], b[2]), std::fmax(b[1], b[3])};
}
double area(const Box& b) { return (b[2] - b[0]) * (b[3] - b[1]); }
bool overlap(const Box& a, const Box& b, double threshold) {
    const double height = std::fmin(a[2], b[2]) - std::fmax(a[0], b[0]);
    const double width = std::fmin(a[3], b[3]) - std::fmax(a[1], b[1]);
    if (!(height > 0 && width > 0)) return false;
    const double both = height * width;
    return both / (area(a) + area(b) - both) > threshold;
}

/// `in(i)` is the tensor of input i or null.
template <class In>
Selected select(const OpContext& c, In in) {
    const Tensor &boxes = *in(0), &scores = *in(1);
    const auto number = [&](size_t i, double fallback) { return in(i) && in(i)->count() ? in(i)->at(0) : fallback; };
    const int64_t most = in(2) && in(2)->count() ? in(2)->at_int(0) : 0;
    const double iou = number(3, 0);
    const bool has_floor = in(4) && in(4)->count(), centred = c.integer("center_point_box") != 0;
    const int64_t n = boxes.dim(1), classes = scores.dim(1);
    Selected out;
    if (most <= 0 || !n) return out;
    for (int64_t b = 0; b < boxes.dim(0); ++b)
        for (int64_t k = 0; k < classes; ++k) {
            const auto score = [&](int64_t i) { return scores.at((b * classes + k) * n + i); };
            std::vector<int64_t> order;
            for (int64_t i = 0; i < n; ++i)
                if (!has_floor || score(i) > number(4, 0)) order.push_back(i);
            std::stable_sort(order.begin(), order.end(), [&](int64_t x, int64_t y) { return score(x) > score(y); });
            std::vector<Box> kept;
            for (int64_t i : order) {
                if (static_cast<int64_t>(kept.size()) >= most) break;
                const Box box = box_at(boxes, b * n + i, centred);
                if (std::any_of(kept.begin(), kept.end(), [&](const Box& other) { return overlap(box, other, iou); })) continue;
                kept.push_back(box);
                out.push_back({b, k, i});
            }
        }
    return out;
}

void infer_nms(InferContext& c) {
    require_type(c, {0, 1}, [](DType t) { return t == DType::f32; }, "f32");
    require_type(c, {2}, [](DType t) { return t == DType::i64; }, "i64");
    require_type(c, {3, 4}, [](DType t) { return t == DType::f32; }, "f32");
    for (size_t i : {2, 3, 4}) require_one(c, i, "a limit or threshold");
    require_shape(c, 0, {Dim(), Dim(), 4}, "boxes");
    require_rank(c, 1, 3, 3);
    if (c.rank_known(0)) require_shape(c, 1, {c.shape(0)[0], Dim(), c.shape(0)[1]}, "scores");
    const int64_t centred = c.integer("center_point_box");
    if (centred != 0 && centred != 1) c.refuse(cat("center_point_box is ", centred, "; expected 0 or 1"));
    bool all = true;
    for (size_t i = 0; i < 5; ++i) all = all && (!c.given(i) || c.value(i));
    if (!all) return c.set(0, DType::i64, {Dim(), 3});
    const auto found = select(c, [&](size_t i) { return c.given(i) ? c.value(i) : nullptr; });
    c.set(0, DType::i64, {static_cast<int64_t>(found.size()), 3});
}
void run_nms(RefContext& c) {
    const Selected found = select(c, [&](size_t i) { return c.given(i) ? &c.in[i] : nullptr; });
    int64_t at = 0;
    for (const auto& row : found)
        for (int64_t v : row) c.out[0].set_int(at++, v);
}

}  // namespace

std::vector<OpDecl> detection() {
    return {
        {.name = "NonMaxSuppression", .min_inputs = 2, .max_inputs = 5, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"center_point_box", AttrKind::integer, int64_t{0}}},
         .infer = infer_nms, .reference = run_nms, .tolerance = 0, .since = 10},
    };
}

}  // namespace hone::ops
