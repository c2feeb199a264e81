// SPDX-License-Identifier: Apache-2.0
// MaxUnpool and RoiAlign.
#include <algorithm>
#include <cmath>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

constexpr int64_t kMost = (int64_t{1} << 31) - 1;
constexpr int64_t kMostSamples = 4096;  // of RoiAlign, along one axis of one region

int64_t entry(const OpContext& c, const char* name, size_t axes, size_t i, int64_t fallback, int64_t least) {
    const std::vector<int64_t>& list = c.integers(name);
    if (list.empty()) return fallback;
    if (list.size() != axes || list[i] < least || list[i] > kMost)
        c.refuse(cat("attribute '", name, "' is ", to_text(list), "; expected ", static_cast<unsigned long>(axes),
                     " entries of ", least, " or more"));
    return list[i];
}

/// The shape that the indices count in: what MaxPool had as its input, as far as it can be told.
Shape unpooled(const OpContext& c, const Shape& x) {
    const size_t axes = c.integers("kernel_shape").size();
    if (x.size() != axes + 2 || !axes)
        c.refuse(cat("input ", to_text(x), " and ", static_cast<unsigned long>(axes), " kernel axes; expected two more"));
    Shape s = x;
    for (size_t i = 0; i < axes; ++i) {
        const int64_t kernel = entry(c, "kernel_shape", axes, i, 1, 1), stride = entry(c, "strides", axes, i, 1, 1);
        const int64_t pads = entry(c, "pads", 2 * axes, i, 0, 0) + entry(c, "pads", 2 * axes, axes + i, 0, 0);
        if (!x[i + 2].known()) {
            s[i + 2] = {};
            continue;
        }
        if (x[i + 2].value < 1 || x[i + 2].value > kMost)
            c.refuse(cat("an input of ", to_text(x), "; expected sizes of 1 to ", kMost));
        const int64_t size = (x[i + 2].value - 1) * stride + kernel - pads;
        if (size < 1) c.refuse(cat("pads of ", pads, " leave nothing of an output of ", size + pads));
        s[i + 2] = size;
    }
    return s;
}

void infer_unpool(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    require_type(c, {1, 2}, [](DType d) { return d == DType::i64; }, "i64");
    c.set(0, t);
    if (c.rank_known(0)) {
        require_shape(c, 1, c.shape(0), "the indices");
        const Shape s = unpooled(c, c.shape(0));
        c.set(0, t, c.given(2) ? Shape(s.size()) : s);
    }
    if (!c.given(2) || !c.value(2)) return;
    Shape s;
    for (int64_t d : c.value(2)->to_i64()) {
        if (d < 0) c.refuse(cat("output_shape has entry ", d, "; expected 0 or more"));
        s.push_back(d);
    }
    if (c.rank_known(0) && s.size() != c.shape(0).size())
        c.refuse(cat("output_shape is ", to_text(s), "; expected the rank of ", to_text(c.shape(0))));
    c.set(0, t, s);
}

void run_unpool(RefContext& c) {
    const Dims from = dims_of(unpooled(c, shape_of(c.in[0].dims()))), &to = c.out[0].dims();
    const int64_t n = count_of(from);
    const Dims strides = strides_of(to);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        int64_t at = c.in[1].at_int(i), target = 0;
        if (at < 0 || at >= n) c.refuse(cat("an index is ", at, "; expected 0 to ", n - 1));
        for (size_t a = from.size(); a-- > 0;) {
            const int64_t k = at % from[a];
            at /= from[a];
            if (k >= to[a]) c.refuse(cat("an index lies outside output_shape ", to_text(to)));
            target += k * strides[a];
        }
        c.out[0].set(target, c.in[0].at(i));
    }
}

void infer_roi(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    require_type(c, {2}, [](DType d) { return d == DType::i64; }, "i64");
    const std::string& mode = c.text("mode");
    const std::string& coordinates = c.text("coordinate_transformation_mode");
    if (mode == "max") c.unsupported("mode 'max': runtimes disagree on what it means");
    if (mode != "avg") c.refuse(cat("mode is '", mode, "'; expected avg or max"));
    if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
        c.refuse(cat("coordinate_transformation_mode is '", coordinates, "'; expected half_pixel or output_half_pixel"));
    const int64_t height = c.integer("output_height"), width = c.integer("output_width"), ratio = c.integer("sampling_ratio");
    if (height < 1 || width < 1 || height > kMost || width > kMost || ratio < 0)
        c.refuse(cat("output ", height, " x ", width, " with sampling_ratio ", ratio, "; expected 1 or more and 0 or more"));
    if (ratio > kMostSamples || checked_mul(checked_mul(height, width), ratio * ratio) > kMostSamples * kMostSamples)
        c.unsupported(cat("a sampling_ratio of ", ratio, " for ", height, " x ", width, " bins"));
    require_rank(c, 0, 4, 4);
    require_shape(c, 1, {Dim(), 4}, "the regions");
    const Dim regions = c.rank_known(1) ? c.shape(1)[0] : Dim();
    require_shape(c, 2, {regions}, "batch_indices");
    c.set(0, t, {regions, c.rank_known(0) ? c.shape(0)[1] : Dim(), height, width});
}

/// Bilinear sample of one plane; 0 more than a pixel outside.
double sample(const double* plane, int64_t height, int64_t width, double y, double x) {
    if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return 0;
    const auto split = [](double v, int64_t size, int64_t& low, int64_t& high, double& part) {
        v = std::fmax(v, 0);
        low = std::min(static_cast<int64_t>(v), size - 1);
        high = std::min(low + 1, size - 1);
        part = low == high ? 0 : v - static_cast<double>(low);
    };
    int64_t y0, y1, x0, x1;
    double dy, dx;
    split(y, height, y0, y1, dy);
    split(x, width, x0, x1, dx);
    return (1 - dy) * ((1 - dx) * plane[y0 * width + x0] + dx * plane[y0 * width + x1]) +
           dy * ((1 - dx) * plane[y1 * width + x0] + dx * plane[y1 * width + x1]);
}

void run_roi(RefContext& c) {
    const Dims &d = c.in[0].dims(), &out = c.out[0].dims();
    if (!c.out[0].count()) return;
    if (!count_between(d, 2, 4)) c.refuse("the input is empty");
    const std::vector<double> x = values<double>(c.in[0]);
    const bool half = c.text("coordinate_transformation_mode") == "half_pixel";
    const double scale = static_cast<double>(c.real("spatial_scale"));
    for (int64_t r = 0; r < out[0]; ++r) {
        const int64_t image = c.in[2].at_int(r);
        if (image < 0 || image >= d[0]) c.refuse(cat("a batch index is ", image, "; expected 0 to ", d[0] - 1));
        double start[2], bin[2];
        int64_t grid[2];
        for (size_t a = 0; a < 2; ++a) {  // height, width; the regions are x1, y1, x2, y2
            const auto k = static_cast<int64_t>(a);
            start[a] = c.in[1].at(r * 4 + 1 - k) * scale - (half ? 0.5 : 0);
            double size = c.in[1].at(r * 4 + 3 - k) * scale - (half ? 0.5 : 0) - start[a];
            if (!half) size = std::fmax(size, 1);
            bin[a] = size / static_cast<double>(out[a + 2]);
            const int64_t ratio = c.integer("sampling_ratio");
            const double wanted = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin[a]);
            if (!(wanted * static_cast<double>(out[a + 2]) <= kMostSamples))
                c.refuse(cat("a region of size ", size, " needs more than ", kMostSamples, " samples"));
            grid[a] = std::max<int64_t>(0, static_cast<int64_t>(wanted));
        }
        const double n = static_cast<double>(std::max<int64_t>(grid[0] * grid[1], 1));
        for (int64_t ch = 0; ch < d[1]; ++ch)
            for (int64_t o = 0; o < out[2] * out[3]; ++o) {
                double sum = 0;
                for (int64_t i = 0; i < grid[0]; ++i)
                    for (int64_t k = 0; k < grid[1]; ++k) {
                        const auto at = [&](size_t a, int64_t cell, int64_t s) {
                            const double part = (static_cast<double>(s) + 0.5) / static_cast<double>(grid[a]);
                            return start[a] + bin[a] * (static_cast<double>(cell) + part);
                        };
                        sum += sample(x.data() + (image * d[1] + ch) * d[2] * d[3], d[2], d[3], at(0, o / out[3], i),
                                      at(1, o % out[3], k));
                    }
                c.out[0].set((r * d[1] + ch) * out[2] * out[3] + o, sum / n);
            }
    }
}

/// Before 16 there was no half-pixel shift.
void upgrade_roi(Graph& g, NodeId id, int from) {
    if (from < 16) g.node(id).attributes["coordinate_transformation_mode"] = std::string("output_half_pixel");
}
int downgrade_roi(Graph& g, NodeId id, int to) {
    if (text_or(g.node(id), "coordinate_transformation_mode", "half_pixel") != "output_half_pixel") return 16;
    if (to < 16) drop_attribute(g, id, "coordinate_transformation_mode");
    return 10;
}

}  // namespace

std::vector<OpDecl> unpool() {
    return {
        {.name = "MaxUnpool", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"kernel_shape", AttrKind::integers, std::nullopt, true},
                        {"pads", AttrKind::integers},
                        {"strides", AttrKind::integers}},
         .infer = infer_unpool, .reference = run_unpool, .tolerance = 0, .since = 9},
        {.name = "RoiAlign", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"coordinate_transformation_mode", AttrKind::text, std::string("half_pixel")},
                        {"mode", AttrKind::text, std::string("avg")},
                        {"output_height", AttrKind::integer, int64_t{1}},
                        {"output_width", AttrKind::integer, int64_t{1}},
                        {"sampling_ratio", AttrKind::integer, int64_t{0}},
                        {"spatial_scale", AttrKind::real, 1.0f}},
         .infer = infer_roi, .reference = run_roi, .upgrade = upgrade_roi, .downgrade = downgrade_roi, .since = 10},
    };
}

}  // namespace hone::ops
