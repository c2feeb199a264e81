// SPDX-License-Identifier: Apache-2.0
#include "op/resize_axis.h"

#include <algorithm>
#include <cmath>

#include "op/elements.h"
#include "op/numeric.h"

namespace hone {
namespace {

/// Where output `o` lies in the input.
double source(const std::string& mode, int64_t o, double scale, double in, int64_t out, const Roi& roi) {
    const auto x = static_cast<double>(o);
    // Of the output before it is rounded down, as in the standard's reference; `out` itself where sizes gave the scale.
    const double exact = scale * in,
                 length = std::fabs(exact - static_cast<double>(out)) < 1e-6 * exact ? static_cast<double>(out) : exact;
    if (mode == "asymmetric") return x / scale;
    if (mode == "half_pixel") return (x + 0.5) / scale - 0.5;
    if (mode == "pytorch_half_pixel") return out == 1 ? 0 : (x + 0.5) / scale - 0.5;
    if (mode == "align_corners") return length == 1 || out == 1 ? 0 : x * (in - 1) / (length - 1);
    if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / scale;
    if (mode == "half_pixel_symmetric")
        return in / 2 * (1 - static_cast<double>(out) / length) + (x + 0.5) / scale - 0.5;
    const double width = (roi.end - roi.start) * (in - 1);  // tf_crop_and_resize
    return roi.start * (in - 1) + (out == 1 ? width / 2 : x * width / (length - 1));
}

int64_t rounded(const std::string& mode, double x) {
    if (mode == "floor") return static_cast<int64_t>(std::floor(x));
    if (mode == "ceil") return static_cast<int64_t>(std::ceil(x));
    if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
    return static_cast<int64_t>(std::ceil(x - 0.5));
}

/// Keys, "Cubic convolution interpolation for digital image processing", 1981.
double cubic(double d, double a) {
    d = std::fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

std::vector<Tap> taps_at(const OpContext& c, double x, int64_t in) {
    const std::string& mode = c.text("mode");
    const auto inside = [in](int64_t i) { return std::clamp<int64_t>(i, 0, in - 1); };
    // Rounded to float first: a scale of 0.3f must not turn 3 / 0.3 into 9.99.
    if (mode == "nearest")
        return {{inside(rounded(c.text("nearest_mode"), static_cast<double>(static_cast<float>(x)))), 1}};
    const double floor = std::floor(x), ratio = x - floor;
    const auto base = static_cast<int64_t>(floor);
    std::vector<Tap> taps;
    if (mode == "linear")
        taps = {{base, 1 - ratio}, {base + 1, ratio}};
    else
        for (int64_t k = -1; k <= 2; ++k)
            taps.push_back({base + k, cubic(ratio - static_cast<double>(k), c.real("cubic_coeff_a"))});
    if (c.integer("exclude_outside")) {
        double sum = 0;
        for (Tap& t : taps) {
            if (t.index < 0 || t.index >= in) t.weight = 0;
            sum += t.weight;
        }
        for (Tap& t : taps) t.weight = sum != 0 ? t.weight / sum : 0;
    }
    for (Tap& t : taps) t.index = inside(t.index);
    return taps;
}

}  // namespace

AxisTaps axis_taps(const OpContext& c, const AxisScale& s, int64_t in, const Roi& roi) {
    if (s.out > int64_t{1} << 24) c.unsupported(cat("resizes an axis to ", s.out));
    AxisTaps t;
    const std::string& mode = c.text("coordinate_transformation_mode");
    const bool crop = mode == "tf_crop_and_resize";
    const bool keeps = mode != "tf_half_pixel_for_nn" && (!crop || (roi.start == 0 && roi.end == 1));
    t.identity = keeps && s.scale == 1 && s.out == in;
    for (int64_t o = 0; o < s.out; ++o) {
        if (t.identity) {
            t.of.push_back({{o, 1}});
            t.outside.push_back(false);
            continue;
        }
        const double x = source(mode, o, s.scale, static_cast<double>(in), s.out, roi);
        if (!(std::fabs(x) < 1e15)) c.refuse("a scale or roi puts an output out of all bounds");
        t.of.push_back(taps_at(c, x, in));
        t.outside.push_back(crop && (x < 0 || x > static_cast<double>(in - 1)));
    }
    return t;
}

std::vector<double> apply_taps(const Tensor& x, const std::vector<AxisTaps>& axes, double extrapolation) {
    std::vector<double> v = values<double>(x);
    Dims dims = x.dims();
    for (size_t a = 0; a < axes.size(); ++a) {
        if (axes[a].identity) continue;
        const int64_t outer = count_between(dims, 0, a), inner = count_between(dims, a + 1, dims.size());
        const int64_t in = dims[a], out = static_cast<int64_t>(axes[a].of.size());
        dims[a] = out;
        std::vector<double> next(static_cast<size_t>(count_of(dims)));
        for (int64_t o = 0; o < outer; ++o)
            for (int64_t k = 0; k < out; ++k)
                for (const Tap& t : axes[a].of[static_cast<size_t>(k)])
                    for (int64_t i = 0; i < inner; ++i)
                        next[static_cast<size_t>((o * out + k) * inner + i)] +=
                            t.weight * v[static_cast<size_t>((o * in + t.index) * inner + i)];
        v = std::move(next);
    }
    for (size_t a = 0; a < axes.size(); ++a) {
        const auto inner = static_cast<size_t>(count_between(dims, a + 1, dims.size())), n = axes[a].outside.size();
        if (std::find(axes[a].outside.begin(), axes[a].outside.end(), true) == axes[a].outside.end()) continue;
        for (size_t i = 0; i < v.size(); ++i)
            if (axes[a].outside[i / inner % n]) v[i] = extrapolation;
    }
    return v;
}

std::vector<double> apply_taps_transposed(const Tensor& dy, const std::vector<AxisTaps>& axes, const Dims& in) {
    std::vector<double> v = values<double>(dy);
    Dims dims = dy.dims();
    for (size_t a = 0; a < axes.size(); ++a) {
        const auto inner = static_cast<size_t>(count_between(dims, a + 1, dims.size())), n = axes[a].outside.size();
        for (size_t i = 0; i < v.size(); ++i)
            if (axes[a].outside[i / inner % n]) v[i] = 0;
    }
    for (size_t a = axes.size(); a-- > 0;) {
        if (axes[a].identity) continue;
        const int64_t outer = count_between(dims, 0, a), inner = count_between(dims, a + 1, dims.size()), out = dims[a];
        dims[a] = in[a];
        std::vector<double> next(static_cast<size_t>(count_of(dims)));
        for (int64_t o = 0; o < outer; ++o)
            for (int64_t k = 0; k < out; ++k)
                for (const Tap& t : axes[a].of[static_cast<size_t>(k)])
                    for (int64_t i = 0; i < inner; ++i)
                        next[static_cast<size_t>((o * in[a] + t.index) * inner + i)] +=
                            t.weight * v[static_cast<size_t>((o * out + k) * inner + i)];
        v = std::move(next);
    }
    return v;
}

void pick_nearest(const Tensor& x, const std::vector<AxisTaps>& axes, Tensor& y) {
    const Dims strides = strides_of(x.dims());
    Dims index(axes.size(), 0);
    for (int64_t i = 0; i < y.count(); ++i) {
        int64_t at = 0;
        for (size_t a = 0; a < axes.size(); ++a) at += axes[a].of[static_cast<size_t>(index[a])][0].index * strides[a];
        copy_elements(x, at, y, i, 1);
        for (size_t a = axes.size(); a-- > 0;) {
            if (++index[a] < y.dim(a)) break;
            index[a] = 0;
        }
    }
}

}  // namespace hone
