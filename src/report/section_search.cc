// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/error.h"
#include "base/timing.h"
#include "record/table.h"
#include "report/plots.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

bool any_speedup(const record::Run& run) {
    return std::any_of(run.candidates.begin(), run.candidates.end(), [](const auto& c) { return c.speedup.has_value(); });
}

void candidate_row(Html& html, const record::Run& run, const record::Candidate& c) {
    const auto line = html.open("tr", {{"class", c.kept ? "picked" : ""}});
    html.element("td", c.name, {{"class", "layer"}});
    const auto figure = [&](const char* label, const std::string& text) {
        html.element("td", text, {{"class", "n"}, {"data-label", label}});
    };
    figure(run.metric == "top1" ? "accuracy" : "metric", metric_text(run.metric, c.metric));
    figure("drop", points_text(run.metric, c.drop, true));
    figure("latency", c.latency_ms > 0 ? ms_text(c.latency_ms) : "not timed");
    if (any_speedup(run)) figure("speed-up", c.speedup ? times_text(c.speedup->estimate) : "–");
    figure("size", c.bytes > 0 ? bytes_text(double(c.bytes)) : "–");
    {
        const auto cell = html.open("td", {{"data-label", "outcome"}});
        html.element("span", c.kept ? "kept" : "rejected", {{"class", c.kept ? "chip on" : "chip"}});
    }
    html.element("td", c.reason, {{"class", "why"}, {"data-label", "why"}});
}

}  // namespace

void candidates_section(Html& html, const record::Run& run) {
    if (run.candidates.empty()) return;
    const auto section = html.open("section");
    html.element("h2", "What was tried");
    html.element("p", "Whole networks, judged on the validation part. The test part is touched once, by the last one.");
    candidate_plot(html, run);
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto table = html.open("table", {{"class", "stack"}});
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "Candidate");
        const std::string metric = run.metric == "top1" ? "Accuracy" : metric_name(run.metric), change = is_error(run.metric) ? "Growth" : "Drop";
        for (const std::string& name : {metric, change, std::string("Latency"), std::string("Speed-up"), std::string("Size")})
            if (name != "Speed-up" || any_speedup(run)) html.element("th", name, {{"class", "n"}});
        html.element("th", "");
        html.element("th", "Why");
    }
    const auto body = html.open("tbody");
    for (const auto& c : run.candidates) candidate_row(html, run, c);
}

void decisions_section(Html& html, const record::Run& run) {
    if (run.decisions.empty()) return;
    const auto section = html.open("section");
    html.element("h2", "What was decided, and why");
    const auto list = html.open("ol", {{"class", "steps"}});
    for (const auto& d : run.decisions) {
        const auto item = html.open("li");
        html.element("b", d.what);
        if (d.at_seconds > 0) html.element("span", "after " + human_seconds(d.at_seconds), {{"class", "small"}});
        if (!d.why.empty()) html.element("p", d.why);
        if (d.figures.empty()) continue;
        const auto figures = html.open("div", {{"class", "chips"}});
        for (const auto& [name, value] : d.figures)
            html.element("span", cat(name, " ", trimmed(record::number_text(value))), {{"class", "chip"}});
    }
}

}  // namespace hone::report
