// SPDX-License-Identifier: Apache-2.0
// Curves over epochs.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "report/plots.h"

namespace hone::report {
namespace {

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f%%", 100 * share);
    return text;
}

struct Range {
    double low = INFINITY, high = -INFINITY;
    double share(double v) const { return high > low ? (v - low) / (high - low) : 0.5; }
};

}  // namespace

void curve_plot(Html& html, const std::vector<Curve>& curves, const Label& label) {
    Range range;
    size_t epochs = 0;
    for (const Curve& c : curves) {
        epochs = std::max(epochs, c.values.size());
        for (double v : c.values)
            if (std::isfinite(v)) range.low = std::min(range.low, v), range.high = std::max(range.high, v);
    }
    if (!(range.low <= range.high)) return;
    const auto across = [&](size_t i) { return epochs > 1 ? 0.02 + 0.96 * static_cast<double>(i) / static_cast<double>(epochs - 1) : 0.5; };
    const auto down = [&](double v) { return 0.94 - 0.88 * range.share(v); };
    {
        const auto frame = html.open("div", {{"class", "curves"}});
        {
            const auto svg = html.open("svg", {{"class", "plot"}, {"aria-hidden", "true"}});
            for (double t : ticks(range.low, range.high)) html.shape("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", percent(down(t))}, {"y2", percent(down(t))}});
            for (size_t k = 0; k < curves.size(); ++k)
                for (size_t i = 0; i < curves[k].values.size(); ++i) {
                    const double v = curves[k].values[i], before = i ? curves[k].values[i - 1] : NAN;
                    if (!std::isfinite(v)) continue;
                    const std::string kind = k % 2 ? "second" : "first";
                    if (std::isfinite(before))
                        html.shape("line", {{"class", kind}, {"x1", percent(across(i - 1))}, {"x2", percent(across(i))}, {"y1", percent(down(before))}, {"y2", percent(down(v))}});
                    html.shape("circle", {{"class", kind}, {"cx", percent(across(i))}, {"cy", percent(down(v))}, {"r", "2.5"}});
                }
        }
        for (double t : ticks(range.low, range.high)) html.element("span", label(t), {{"style", "top:" + percent(down(t))}});
    }
    const auto legend = html.open("p", {{"class", "small legend"}});
    for (size_t k = 0; k < curves.size(); ++k) {
        double last = NAN;
        for (double v : curves[k].values)
            if (std::isfinite(v)) last = v;
        html.element("span", cat(curves[k].name, " · ", label(last)), {{"class", k % 2 ? "second" : "first"}});
    }
}

}  // namespace hone::report
