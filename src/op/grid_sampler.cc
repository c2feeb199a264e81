// SPDX-License-Identifier: Apache-2.0
#include "op/grid_sampler.h"

#include <algorithm>
#include <cmath>

namespace hone {
namespace {

struct Curve {
    double value, slope;
};
/// Keys' kernel, and its derivative.
Curve cubic(double at) {
    constexpr double k = -0.75;
    const double d = std::fabs(at), sign = at < 0 ? -1 : 1;
    if (d <= 1) return {((k + 2) * d - (k + 3)) * d * d + 1, sign * (3 * (k + 2) * d - 2 * (k + 3)) * d};
    if (d < 2) return {((k * d - 5 * k) * d + 8 * k) * d - 4 * k, sign * ((3 * k * d - 10 * k) * d + 8 * k)};
    return {0, 0};
}

}  // namespace

GridSampler::GridSampler(const OpContext& c, const Dims& x) : align_(c.integer("align_corners") != 0) {
    const std::string &mode = c.text("mode"), &padding = c.text("padding_mode");
    mode_ = mode == "nearest" ? Mode::nearest : mode == "linear" ? Mode::linear : Mode::cubic;
    padding_ = padding == "zeros" ? Padding::zeros : padding == "border" ? Padding::border : Padding::reflection;
    for (size_t i = 2; i < x.size(); ++i) {
        const auto n = static_cast<double>(x[i]);
        axes_.push_back({x[i], align_ ? 0 : -0.5, align_ ? n - 1 : n - 0.5});
    }
}

/// `slope` changes sign with each reflection.
double GridSampler::reflect(double x, const Axis& a, double& slope) {
    const double range = a.high - a.low;
    if (range <= 0) return slope = 0, a.low;
    if (x >= a.low && x <= a.high) return x;
    const double d = x < a.low ? a.low - x : x - a.high;
    const double turns = std::floor(d / range), rest = d - turns * range;
    const bool from_low = (x < a.low) == (std::fmod(turns, 2) == 0);
    if ((x < a.low) == from_low) slope = -slope;
    return from_low ? a.low + rest : a.high - rest;
}

GridTap GridSampler::tap(const Axis& a, double position, double weight, double slope) const {
    if (position < 0 || position > static_cast<double>(a.n - 1)) {
        if (padding_ == Padding::zeros) return {-1, weight, slope};
        double ignored = 1;
        position = padding_ == Padding::border ? position : reflect(position, a, ignored);
    }
    const double inside = std::clamp(position, 0.0, static_cast<double>(a.n - 1));
    return {std::clamp<int64_t>(static_cast<int64_t>(inside), 0, a.n - 1), weight, slope};
}

/// Of one coordinate in [-1, 1].
GridTaps GridSampler::axis_taps(const Axis& a, double g) const {
    const auto n = static_cast<double>(a.n);
    double x = align_ ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2, slope = align_ ? (n - 1) / 2 : n / 2;
    if (!(std::fabs(x) < 1e15)) x = -2, slope = 0;  // not a place: outside
    if (mode_ == Mode::nearest) x = std::nearbyint(x);
    if (x < a.low || x > a.high) {
        if (padding_ == Padding::border) x = std::clamp(x, 0.0, n - 1), slope = 0;
        if (padding_ == Padding::reflection) x = reflect(x, a, slope);
    }
    if (mode_ == Mode::nearest) return {tap(a, std::nearbyint(x), 1, 0)};
    const double floor = std::floor(x), r = x - floor;
    if (mode_ == Mode::linear) return {tap(a, floor, 1 - r, -slope), tap(a, floor + 1, r, slope)};
    GridTaps t;
    for (int k = -1; k <= 2; ++k) {
        const Curve c = cubic(r - k);
        t.push_back(tap(a, floor + k, c.value, c.slope * slope));
    }
    return t;
}

std::vector<GridTaps> GridSampler::taps(const Tensor& grid, int64_t point) const {
    const auto n = static_cast<int64_t>(axes_.size());
    std::vector<GridTaps> t;
    for (int64_t i = 0; i < n; ++i) t.push_back(axis_taps(axes_[static_cast<size_t>(i)], grid.at((point + 1) * n - 1 - i)));
    return t;
}

}  // namespace hone
