// SPDX-License-Identifier: Apache-2.0
#include "report/curve_panels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "report/html.h"
#include "report/plots.h"

namespace hone::report {
namespace {

constexpr double kWide = 340, kTall = 260, kLeft = 56, kTop = 34, kGap = 24, kBelow = 76;  // of a panel and what is around it
constexpr size_t kMostPoints = 300;
/// Okabe and Ito's colours, which colour-blind readers tell apart.
constexpr std::array<const char*, 8> kColours = {"#000000", "#e69f00", "#56b4e9", "#009e73", "#d55e00", "#0072b2", "#cc79a7", "#999999"};

std::string number(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", v);
    return text;
}
std::string short_number(double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", v);
    return text;
}
bool shown(double v) { return std::isfinite(v) && v > 0; }

struct Frame {
    double left, steps, low, high;
    double x(double step) const { return left + kWide * step / steps; }
    double y(double v) const { return kTop + kTall * (std::log(high) - std::log(std::clamp(v, low, high))) / (std::log(high) - std::log(low)); }
};

/// 1, 2, 5 times powers of ten within the frame.
std::vector<double> log_ticks(const Frame& f) {
    std::vector<double> out;
    for (double decade = std::pow(10, std::floor(std::log10(f.low))); decade <= f.high; decade *= 10)
        for (const double m : {1.0, 2.0, 5.0})
            if (m * decade >= f.low && m * decade <= f.high) out.push_back(m * decade);
    return out;
}

Frame frame_of(const CurvePanel& p, double left) {
    Frame f{left, 1, 0, 0};
    for (const Curve& c : p.curves) {
        f.steps = std::max(f.steps, static_cast<double>(c.values.size()));
        double first = 0;
        for (const double v : c.values) {
            if (!shown(v)) continue;
            if (first == 0) first = v;
            f.low = f.low > 0 ? std::min(f.low, v) : v;
        }
        f.high = std::max(f.high, 1.3 * first);  // what diverges leaves the frame
    }
    if (p.level) f.low = f.low > 0 ? std::min(f.low, *p.level) : *p.level;
    if (!(f.low > 0)) f.low = 0.1;
    f.low /= 1.1;
    f.high = std::max(f.high, 2 * f.low);
    return f;
}

void text(Html& html, const std::string& s, double x, double y, const char* anchor, const char* weight = "normal") {
    html.element("text", s, {{"x", number(x)}, {"y", number(y)}, {"text-anchor", anchor}, {"font-weight", weight}, {"fill", "#333"}});
}
void line(Html& html, double x1, double y1, double x2, double y2, const char* colour, const char* dash) {
    html.shape("line", {{"x1", number(x1)}, {"y1", number(y1)}, {"x2", number(x2)}, {"y2", number(y2)}, {"stroke", colour}, {"stroke-dasharray", dash}});
}

void curve(Html& html, const Curve& c, const Frame& f, const char* colour) {
    const size_t every = std::max<size_t>(1, c.values.size() / kMostPoints);
    std::string points;
    for (size_t i = 0; i < c.values.size(); ++i) {
        if ((i % every != 0 && i + 1 != c.values.size()) || !shown(c.values[i])) continue;
        points += cat(points.empty() ? "" : " ", number(f.x(static_cast<double>(i + 1))), ",", number(f.y(c.values[i])));
    }
    html.shape("polyline", {{"points", points}, {"fill", "none"}, {"stroke", colour}, {"stroke-width", "1.6"}, {"stroke-linejoin", "round"}});
}

void panel(Html& html, const CurvePanel& p, double left, const std::string& x_label, const std::string& y_label) {
    HONE_CHECK(p.curves.size() <= kColours.size());
    const Frame f = frame_of(p, left);
    text(html, p.title, left, kTop - 12, "start", "bold");
    for (const double v : log_ticks(f)) {
        line(html, left, f.y(v), left + kWide, f.y(v), "#e4e4e4", "");
        text(html, short_number(v), left - 6, f.y(v) + 4, "end");
    }
    for (const double v : ticks(0, f.steps)) text(html, short_number(v + 0.0), f.x(v), kTop + kTall + 16, "middle");
    line(html, left, kTop + kTall, left + kWide, kTop + kTall, "#888", "");
    if (p.level) line(html, left, f.y(*p.level), left + kWide, f.y(*p.level), "#333", "5 4");
    for (size_t i = 0; i < p.curves.size(); ++i) curve(html, p.curves[i], f, kColours[i]);
    text(html, x_label, left + kWide, kTop + kTall + 32, "end");
    text(html, y_label, left - kLeft + 4, kTop - 12, "start");
}

}  // namespace

std::string curves_svg(const std::vector<CurvePanel>& panels, const std::string& x_label, const std::string& y_label) {
    const double each = kLeft + kWide + kGap, wide = each * static_cast<double>(panels.size()), tall = kTop + kTall + kBelow;
    Html html;
    {
        const auto svg = html.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"}, {"viewBox", cat("0 0 ", number(wide), " ", number(tall))}, {"width", number(wide)}, {"height", number(tall)},
                                           {"font-family", "sans-serif"}, {"font-size", "12"}});
        html.shape("rect", {{"width", number(wide)}, {"height", number(tall)}, {"fill", "#fff"}});
        for (size_t i = 0; i < panels.size(); ++i) panel(html, panels[i], each * static_cast<double>(i) + kLeft, x_label, y_label);
        double x = kLeft;
        for (size_t i = 0; !panels.empty() && i < panels[0].curves.size(); ++i) {
            const std::string& name = panels[0].curves[i].name;
            line(html, x, tall - 16, x + 18, tall - 16, kColours[i], "");
            text(html, name, x + 23, tall - 12, "start");
            x += 48 + 7 * static_cast<double>(name.size());
        }
    }
    return html.str() + "\n";
}

}  // namespace hone::report
