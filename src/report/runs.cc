// SPDX-License-Identifier: Apache-2.0
// Several runs side by side: a page and a table of the same columns.
#include "record/runs.h"

#include "base/error.h"
#include "base/file.h"
#include "record/table.h"
#include "report/report.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

const std::vector<std::string> kColumns = {"Run",     "Metric",    "Before",       "After",        "Drop",  "Speed-up",
                                           "Latency", "Was",       "Size",         "Was",          "Precision"};

std::string range(const std::string& estimate, const std::string& low, const std::string& high) {
    return cat(estimate, " (", low, " to ", high, ")");
}

/// One a column; the first is the run's name.
std::vector<std::string> cells(const record::RunSummary& r) {
    const auto points = [&](double v) { return points_text(r.metric, v, true); };
    const record::Side& now = r.after ? *r.after : r.before;
    return {base_name(parent_directory(r.file)),
            r.metric,
            metric_text(r.metric, r.before.metric),
            r.after ? metric_text(r.metric, now.metric) : "–",
            r.drop ? range(points(r.drop->estimate), points(r.drop->low), points(r.drop->high)) : "–",
            r.speedup ? range(times_text(r.speedup->estimate), times_text(r.speedup->low), times_text(r.speedup->high))
                      : "–",
            r.after ? ms_text(now.latency_ms.p50) : "–",
            ms_text(r.before.latency_ms.p50),
            r.after ? bytes_text(double(now.bytes)) : "–",
            bytes_text(double(r.before.bytes)),
            now.precision};
}

void row(Html& html, const record::RunSummary& r) {
    const std::vector<std::string> texts = cells(r);
    const auto line = html.open("tr", {{"class", r.accepted ? "picked" : ""}});
    html.element("td", texts[0], {{"class", "layer"}});
    for (size_t i = 1; i < texts.size(); ++i)
        html.element("td", texts[i], {{"class", "n"}, {"data-label", kColumns[i]}});
    {
        const auto cell = html.open("td", {{"data-label", "outcome"}});
        html.element("span", r.accepted ? "accepted" : "refused", {{"class", r.accepted ? "chip on" : "chip"}});
    }
    html.element("td", r.reason, {{"class", "why"}, {"data-label", "why"}});
}

}  // namespace

std::string runs_page(const record::Runs& runs) {
    Html html;
    html.raw("<!DOCTYPE html>\n");
    {
        const auto page = html.open("html", {{"lang", "en"}});
        page_head(html, cat(runs.runs.size(), " runs of hone optimize"));
        const auto body = html.open("body");
        const auto main = html.open("main");
        html.element("h1", cat(runs.runs.size(), " runs, side by side"));
        for (const std::string& w : runs.warnings) html.element("p", "Note: " + w);
        html.element("p",
                     "The drop is of the metric, in points where that is a share, with its one-sided limits; the "
                     "speed-up is the original's time over the result's, with its interval.");
        {
            const auto frame = html.open("div", {{"class", "scroll"}});
            const auto table = html.open("table", {{"class", "stack"}});
            {
                const auto head = html.open("thead");
                const auto line = html.open("tr");
                for (size_t i = 0; i < kColumns.size(); ++i)
                    html.element("th", kColumns[i], {{"class", i == 0 ? "" : "n"}});
                html.element("th", "");
                html.element("th", "Why");
            }
            const auto rows = html.open("tbody");
            for (const record::RunSummary& r : runs.runs) row(html, r);
        }
        html.element("h2", "Where they ran");
        const auto list = html.open("ul");
        for (const record::RunSummary& r : runs.runs)
            html.element("li", cat(r.file, ": ", r.original, " on ", r.machine.cpu, ", ", r.machine.threads,
                                   " threads, finished ", r.finished));
    }
    return html.str();
}

std::string runs_table(const record::Runs& runs) {
    std::vector<std::string> heads = kColumns;
    heads.insert(heads.begin() + 1, "Outcome");
    record::Table table(heads);
    for (const record::RunSummary& r : runs.runs) {
        std::vector<std::string> texts = cells(r);
        texts.insert(texts.begin() + 1, r.accepted ? "accepted" : "refused");
        for (std::string& t : texts) t = record::printable(t);
        table.add(texts);
    }
    return table.text();
}

}  // namespace hone::report
