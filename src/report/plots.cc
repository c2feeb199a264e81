// SPDX-License-Identifier: Apache-2.0
#include "report/plots.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/timing.h"
#include "report/words.h"

namespace hone::report {
namespace {

struct Scale {
    double low, high;
    double share(double v) const { return high > low ? std::clamp((v - low) / (high - low), 0.0, 1.0) : 0.5; }
    std::string percent(double v) const { return number(100 * share(v)) + "%"; }
    static std::string number(double v) {
        char text[32];
        std::snprintf(text, sizeof text, "%.3f", v);
        return text;
    }
};

void line(Html& html, const std::string& kind, const std::string& x) {
    html.shape("line", {{"class", kind}, {"x1", x}, {"x2", x}, {"y1", "0"}, {"y2", "100%"}});
}

// Labels at the edge stay inside.
std::string anchor(double share, double edge) { return share < edge ? " first" : share > 1 - edge ? " last" : ""; }

void mark(Html& html, const Scale& scale, double at, const std::string& text, const std::string& kind) {
    if (!text.empty())
        html.element("span", text,
                     {{"class", kind + anchor(scale.share(at), kind == "name"   ? 0.2
                                                               : kind == "tick" ? 0.04
                                                                                : 0.1)},
                      {"style", "left:" + scale.percent(at)}});
}

std::string tick_text(const Label& label, double at) { return trimmed(label(at)); }

void axis(Html& html, const Scale& scale, const Label& label) {
    const auto row = html.open("div", {{"class", "axis"}});
    for (double t : ticks(scale.low, scale.high)) mark(html, scale, t, tick_text(label, t), "tick");
}

void grid(Html& html, const Scale& scale) {
    for (double t : ticks(scale.low, scale.high)) line(html, "grid", scale.percent(t));
}

std::vector<double> finite(const std::vector<double>& v) {
    std::vector<double> kept;
    std::copy_if(v.begin(), v.end(), std::back_inserter(kept), [](double x) { return std::isfinite(x) && x >= 0; });
    return kept;
}

void histogram(Html& html, const std::vector<double>& samples, const Scale& scale, const std::string& kind,
               const std::string& name, const Label& label) {
    constexpr int bins = 120;
    std::array<int, bins> counts{};
    for (double v : samples) ++counts[static_cast<size_t>(std::min(bins - 1.0, scale.share(v) * bins))];
    const double most = *std::max_element(counts.begin(), counts.end());
    const auto frame = html.open("div", {{"class", "strip"}});
    {
        const auto svg = html.open("svg", {{"class", "plot " + kind}, {"aria-hidden", "true"}});
        grid(html, scale);
        for (int i = 0; i < bins; ++i) {
            const int count = counts[static_cast<size_t>(i)];
            if (count == 0) continue;
            const double tall = 6 + 90 * count / most;
            html.shape("rect", {{"x", Scale::number(100.0 * i / bins) + "%"},
                                {"width", Scale::number(100.0 / bins) + "%"},
                                {"y", Scale::number(100 - tall) + "%"},
                                {"height", Scale::number(tall) + "%"}});
        }
        line(html, "middle", scale.percent(median(samples)));
    }
    mark(html, scale, median(samples), cat(name, " · ", label(median(samples))), "name");
}

}  // namespace

std::vector<double> ticks(double low, double high) {
    std::vector<double> at;
    if (!(high > low) || !std::isfinite(high - low)) return at;
    const double rough = (high - low) / 4, power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10);
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + 1e-9 * step && at.size() < 12; ++i)
        at.push_back(i * step);
    return at;
}

void interval_plot(Html& html, const IntervalPlot& p, const Label& label) {
    double low = std::min(p.low, p.origin), high = std::max(p.high, p.origin);
    if (p.limit) low = std::min(low, *p.limit), high = std::max(high, *p.limit);
    if (!std::isfinite(low) || !std::isfinite(high)) return;
    const double pad = std::max(0.12 * (high - low), 1e-9);
    const Scale scale{low - pad, high + pad};
    const auto figure = html.open("div", {{"class", p.good ? "interval good" : "interval bad"}});
    {
        const auto heads = html.open("div", {{"class", "heads"}});
        mark(html, scale, p.origin, p.origin_label, "head");
        if (p.limit) mark(html, scale, *p.limit, p.limit_label, "head limit");
    }
    {
        const auto frame = html.open("div", {{"class", "track"}});
        {
            const auto svg = html.open("svg", {{"class", "plot"}, {"aria-hidden", "true"}});
            if (p.limit)
                html.shape("rect", {{"class", "beyond"},
                                    {"x", scale.percent(*p.limit)},
                                    {"width", Scale::number(100 - 100 * scale.share(*p.limit)) + "%"},
                                    {"y", "0"},
                                    {"height", "100%"}});
            grid(html, scale);
            line(html, "origin", scale.percent(p.origin));
            if (p.limit) line(html, "limit", scale.percent(*p.limit));
            html.shape(
                "rect",
                {{"class", "range"},
                 {"x", scale.percent(p.low)},
                 {"y", "36%"},
                 {"height", "28%"},
                 {"rx", "4"},
                 {"width", Scale::number(std::max(0.4, 100 * (scale.share(p.high) - scale.share(p.low)))) + "%"}});
            html.shape("circle", {{"class", "estimate"}, {"cx", scale.percent(p.estimate)}, {"cy", "50%"}, {"r", "6"}});
        }
    }
    axis(html, scale, label);
}

void distribution_plot(Html& html, const record::LatencySamples& samples, const Label& label) {
    const std::vector<double> before = finite(samples.before), after = finite(samples.after);
    if (before.empty() && after.empty()) return;
    double high = 0;
    for (const auto* v : {&before, &after})
        if (!v->empty()) high = std::max({high, quantile(*v, 0.97), 1.1 * median(*v)});
    const Scale scale{0, std::max(high * 1.08, 1e-9)};
    const auto figure = html.open("div", {{"class", "distribution"}});
    if (!before.empty()) histogram(html, before, scale, "before", "before", label);
    if (!after.empty()) histogram(html, after, scale, "after", "after", label);
    axis(html, scale, label);
}

void candidate_plot(Html& html, const record::Run& run) {
    std::vector<const record::Candidate*> shown;
    for (const record::Candidate& c : run.candidates)
        if (std::isfinite(c.latency_ms) && std::isfinite(c.drop) && c.latency_ms > 0) shown.push_back(&c);
    if (shown.size() < 2) return;
    double slowest = run.before.latency_ms.p50, least = 0, most = run.goal.max_drop.value_or(0);
    for (const auto* c : shown) {
        slowest = std::max(slowest, c->latency_ms);
        least = std::min(least, c->drop);
        most = std::max(most, c->drop);
    }
    const double pad = 0.1 * std::max(most - least, 1e-9);
    const Scale x{0, slowest * 1.06}, y{least - pad, most + pad};
    const auto top = [&](double v) { return Scale::number(100 - 100 * y.share(v)) + "%"; };
    const auto figure = html.open("div", {{"class", "scatter"}});
    html.element("div", cat(is_error(run.metric) ? "↑ growth of " : "↑ drop of ", metric_name(run.metric), " on validation"), {{"class", "caption"}});
    {
        const auto frame = html.open("div", {{"class", "field"}});
        {
            const auto svg = html.open("svg", {{"class", "plot"}, {"aria-hidden", "true"}});
            for (double t : ticks(y.low, y.high))
                html.shape("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", top(t)}, {"y2", top(t)}});
            grid(html, x);
            if (run.goal.max_drop)
                html.shape("line", {{"class", "limit"},
                                    {"x1", "0"},
                                    {"x2", "100%"},
                                    {"y1", top(*run.goal.max_drop)},
                                    {"y2", top(*run.goal.max_drop)}});
            html.shape(
                "circle",
                {{"class", "dot original"}, {"cx", x.percent(run.before.latency_ms.p50)}, {"cy", top(0)}, {"r", "6"}});
            for (const auto* c : shown)
                html.shape("circle", {{"class", c->kept ? "dot kept" : "dot"},
                                      {"cx", x.percent(c->latency_ms)},
                                      {"cy", top(c->drop)},
                                      {"r", c->kept ? "7" : "5"}});
        }
        for (double t : ticks(y.low + 0.04 * (y.high - y.low), y.high - 0.04 * (y.high - y.low)))
            html.element("span", tick_text([&](double v) { return points_text(run.metric, v, true); }, t),
                         {{"class", "side"}, {"style", "top:" + top(t)}});
        if (run.goal.max_drop)
            html.element("span", "bound",
                         {{"class", "side limit"}, {"style", "right:0;left:auto;top:" + top(*run.goal.max_drop)}});
    }
    axis(html, x, ms_text);
    const auto key = html.open("div", {{"class", "key"}});
    html.element("span", "original", {{"class", "original"}});
    html.element("span", "tried", {{"class", "tried"}});
    html.element("span", "kept", {{"class", "kept"}});
    html.element("span", "latency, median →", {{"class", "right"}});
}

void bar(Html& html, double share, const std::string& kind) {
    const auto svg = html.open("svg", {{"class", "bar " + kind}, {"aria-hidden", "true"}});
    html.shape("rect", {{"class", "rail"}, {"width", "100%"}, {"height", "100%"}, {"rx", "3"}});
    if (share > 0)
        html.shape("rect", {{"class", "fill"},
                            {"width", Scale::number(100 * std::clamp(share, 0.005, 1.0)) + "%"},
                            {"height", "100%"},
                            {"rx", "3"}});
}

}  // namespace hone::report
