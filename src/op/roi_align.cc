// SPDX-License-Identifier: Apache-2.0
// RoiAlign (He et al., "Mask R-CNN", 2017) and its gradient, hone.RoiAlignGrad: what was read is written back.
#include <algorithm>
#include <array>
#include <cmath>

#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

constexpr int64_t kMost = (int64_t{1} << 31) - 1;
constexpr int64_t kMostSamples = 4096;  // along one axis of one region

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

/// The four elements of a plane around a sample and their weights, 0 more than a pixel outside.
struct Corners {
    std::array<int64_t, 4> at{};
    std::array<double, 4> weight{};
};
Corners corners(int64_t height, int64_t width, double y, double x) {
    if (!(y >= -1 && y <= static_cast<double>(height) && x >= -1 && x <= static_cast<double>(width))) return {};
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
    return {{y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1},
            {(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx}};
}

/// Calls f(image, region and cell as in the output without channels, samples, the mean of which the cell is).
template <class F>
void each_cell(const OpContext& c, const Dims& d, const Tensor& regions, const Tensor& images, const F& f) {
    const int64_t height = c.integer("output_height"), width = c.integer("output_width"), out[2] = {height, width};
    const bool half = c.text("coordinate_transformation_mode") == "half_pixel";
    const double scale = static_cast<double>(c.real("spatial_scale"));
    std::vector<Corners> samples;
    for (int64_t r = 0; r < images.count(); ++r) {
        const int64_t image = images.at_int(r);
        if (image < 0 || image >= d[0]) c.refuse(cat("a batch index is ", image, "; expected 0 to ", d[0] - 1));
        double start[2], bin[2];
        int64_t grid[2];
        for (size_t a = 0; a < 2; ++a) {  // height, width; the regions are x1, y1, x2, y2
            const auto k = static_cast<int64_t>(a);
            start[a] = regions.at(r * 4 + 1 - k) * scale - (half ? 0.5 : 0);
            double size = regions.at(r * 4 + 3 - k) * scale - (half ? 0.5 : 0) - start[a];
            if (!half) size = std::fmax(size, 1);
            bin[a] = size / static_cast<double>(out[a]);
            const int64_t ratio = c.integer("sampling_ratio");
            const double wanted = ratio > 0 ? static_cast<double>(ratio) : std::ceil(bin[a]);
            if (!(wanted * static_cast<double>(out[a]) <= kMostSamples))
                c.refuse(cat("a region of size ", size, " needs more than ", kMostSamples, " samples"));
            grid[a] = std::max<int64_t>(0, static_cast<int64_t>(wanted));
        }
        for (int64_t o = 0; o < height * width; ++o) {
            const auto at = [&](size_t a, int64_t cell, int64_t s) {
                const double part = (static_cast<double>(s) + 0.5) / static_cast<double>(grid[a]);
                return start[a] + bin[a] * (static_cast<double>(cell) + part);
            };
            samples.clear();
            for (int64_t i = 0; i < grid[0]; ++i)
                for (int64_t k = 0; k < grid[1]; ++k)
                    samples.push_back(corners(d[2], d[3], at(0, o / width, i), at(1, o % width, k)));
            f(image, r, o, samples);
        }
    }
}

void run_roi(RefContext& c) {
    const Dims& d = c.in[0].dims();
    if (!c.out[0].count()) return;
    const int64_t plane = count_between(d, 2, 4), cells = count_between(c.out[0].dims(), 2, 4);
    if (!plane) c.refuse("the input is empty");
    const std::vector<double> x = values<double>(c.in[0]);
    each_cell(c, d, c.in[1], c.in[2], [&](int64_t image, int64_t r, int64_t o, const std::vector<Corners>& samples) {
        for (int64_t ch = 0; ch < d[1]; ++ch) {
            const double* p = x.data() + (image * d[1] + ch) * plane;
            double sum = 0;
            for (const Corners& s : samples)
                for (size_t k = 0; k < 4; ++k) sum += s.weight[k] * p[s.at[k]];
            c.out[0].set((r * d[1] + ch) * cells + o, sum / static_cast<double>(std::max<size_t>(samples.size(), 1)));
        }
    });
}

/// Inputs dY, the regions and batch_indices; `input_shape` are the dims of RoiAlign's input.
void infer_roi_grad(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type");
    require_type(c, {2}, [](DType k) { return k == DType::i64; }, "i64");
    const std::vector<int64_t>& d = c.integers("input_shape");
    if (d.size() != 4) c.refuse(cat("input_shape is ", to_text(d), "; expected 4 dims"));
    const Dim regions = c.rank_known(1) ? c.shape(1)[0] : Dim();
    require_shape(c, 0, {regions, d[1], c.integer("output_height"), c.integer("output_width")}, "the output's gradient");
    c.set(0, t, shape_of(d));
}
void run_roi_grad(RefContext& c) {
    const Dims& d = c.out[0].dims();
    if (!c.out[0].count() || !c.in[0].count()) return;
    const int64_t plane = count_between(d, 2, 4), cells = count_between(c.in[0].dims(), 2, 4);
    const std::vector<double> dy = values<double>(c.in[0]);
    std::vector<double> dx(static_cast<size_t>(c.out[0].count()));
    each_cell(c, d, c.in[1], c.in[2], [&](int64_t image, int64_t r, int64_t o, const std::vector<Corners>& samples) {
        for (int64_t ch = 0; ch < d[1] && !samples.empty(); ++ch) {
            double* p = dx.data() + (image * d[1] + ch) * plane;
            const double g = dy[static_cast<size_t>((r * d[1] + ch) * cells + o)] / static_cast<double>(samples.size());
            for (const Corners& s : samples)
                for (size_t k = 0; k < 4; ++k) p[s.at[k]] += s.weight[k] * g;
        }
    });
    assign(c.out[0], dx);
}
/// The regions get none, as in torchvision: detectors take them as data.
void roi_rule(GradientContext& c) {
    if (!c.wants(0)) return;
    Attributes attributes = c.node.attributes;
    attributes["input_shape"] = c.b.dims(c.x());
    c.give(0, c.b.node("RoiAlignGrad", {c.dy(), c.x(1), c.x(2)}, attributes, "hone"));
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

std::vector<OpDecl> roi_align() {
    OpDecl forward{.name = "RoiAlign", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
                   .attributes = {{"coordinate_transformation_mode", AttrKind::text, std::string("half_pixel")},
                                  {"mode", AttrKind::text, std::string("avg")},
                                  {"output_height", AttrKind::integer, int64_t{1}},
                                  {"output_width", AttrKind::integer, int64_t{1}},
                                  {"sampling_ratio", AttrKind::integer, int64_t{0}},
                                  {"spatial_scale", AttrKind::real, 1.0f}},
                   .infer = infer_roi, .reference = run_roi, .gradient = roi_rule,
                   .upgrade = upgrade_roi, .downgrade = downgrade_roi, .since = 10};
    OpDecl backward{.domain = "hone", .name = "RoiAlignGrad", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
                    .attributes = forward.attributes, .infer = infer_roi_grad, .reference = run_roi_grad};
    backward.attributes.push_back({"input_shape", AttrKind::integers, std::nullopt, true});
    return {forward, backward};
}

}  // namespace hone::ops
