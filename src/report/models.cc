// SPDX-License-Identifier: Apache-2.0
#include "report/models.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "record/models.h"
#include "record/table.h"
#include "report/html.h"
#include "report/plots.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {
using record::ModelRow;
using Value = std::function<double(const ModelRow&)>;

struct Axis {
    Value of;  ///< NaN: the model has no such value
    Label label;
    bool log = false;
    double low = 0, high = 1;

    double at(double v) const { return log ? std::log10(v) : v; }
    double share(double v) const { return std::clamp((at(v) - low) / (high - low), 0.0, 1.0); }
    bool shows(const ModelRow& m) const {
        const double v = of(m);
        return std::isfinite(v) && (!log || v > 0);
    }
    void fit(const std::vector<ModelRow>& models) {
        low = INFINITY, high = -INFINITY;
        for (const ModelRow& m : models)
            if (shows(m)) low = std::min(low, at(of(m))), high = std::max(high, at(of(m)));
        const double pad = std::max(0.06 * (high - low), log ? 0.1 : 0.005);
        low -= pad, high += pad;
    }
    /// Powers of ten where they are enough, else round numbers.
    std::vector<double> marks() const {
        if (!log) return ticks(low, high);
        std::vector<double> out;
        for (int k = static_cast<int>(std::ceil(low)); k <= high; ++k) out.push_back(std::pow(10, k));
        if (out.size() < 2)
            for (int k = static_cast<int>(std::floor(low)); k <= high; ++k)
                for (const double f : {2.0, 5.0})
                    if (const double v = f * std::pow(10, k); at(v) >= low && at(v) <= high) out.push_back(v);
        return out;
    }
};

std::string percent(double share) { return fixed(100 * share, 2) + "%"; }

void scatter(Html& html, const record::InspectModels& all, Axis x, Axis y, const std::string& above,
             const std::string& beside) {
    x.fit(all.models);
    y.fit(all.models);
    const auto top = [&](double v) { return percent(1 - y.share(v)); };
    const auto figure = html.open("div", {{"class", "scatter"}});
    html.element("div", "↑ " + above, {{"class", "caption"}});
    {
        const auto frame = html.open("div", {{"class", "field tall"}});
        {
            const auto svg = html.open("svg", {{"class", "plot"}, {"aria-hidden", "true"}});
            for (const double v : y.marks())
                html.shape("line", {{"class", "grid"}, {"x1", "0"}, {"x2", "100%"}, {"y1", top(v)}, {"y2", top(v)}});
            for (const double v : x.marks())
                html.shape("line", {{"class", "grid"},
                                    {"x1", percent(x.share(v))},
                                    {"x2", percent(x.share(v))},
                                    {"y1", "0"},
                                    {"y2", "100%"}});
            for (const ModelRow& m : all.models)
                if (x.shows(m) && y.shows(m))
                    html.shape("circle", {{"class", "dot kept"},
                                          {"cx", percent(x.share(x.of(m)))},
                                          {"cy", top(y.of(m))},
                                          {"r", "5"}});
        }
        for (const double v : y.marks())
            html.element("span", trimmed(y.label(v)), {{"class", "side"}, {"style", "top:" + top(v)}});
        for (size_t i = 0; i < all.models.size(); ++i) {
            const ModelRow& m = all.models[i];
            if (!x.shows(m) || !y.shows(m)) continue;
            html.element("span", cat(i + 1),
                         {{"class", "tag"}, {"style", cat("left:", percent(x.share(x.of(m))), ";top:", top(y.of(m)))}});
        }
    }
    {
        const auto row = html.open("div", {{"class", "axis"}});
        for (const double v : x.marks())
            html.element("span", trimmed(x.label(v)), {{"class", x.share(v) > 0.95 ? "last" : x.share(v) < 0.05 ? "first" : ""},
                                                       {"style", "left:" + percent(x.share(v))}});
    }
    const auto key = html.open("div", {{"class", "key"}});
    html.element("span", beside + " →", {{"class", "right"}});
}

void table(Html& html, const record::InspectModels& all) {
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto t = html.open("table");
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "Model");
        for (const char* h : {"FLOPs", "Parameters", "File", "Time", "Floor", "Gop/s", "Accuracy", "Samples"})
            html.element("th", h, {{"class", "n"}});
    }
    const auto body = html.open("tbody");
    for (size_t i = 0; i < all.models.size(); ++i) {
        const ModelRow& m = all.models[i];
        const auto row = html.open("tr");
        {
            const auto cell = html.open("td");
            html.element("b", cat(i + 1, " "));
            html.name(base_name(m.model));
            if (!m.note.empty()) html.element("div", m.note, {{"class", "small quiet"}});
        }
        auto number = [&](const std::string& text) { html.element("td", text, {{"class", "n"}}); };
        number(record::si_text(m.flops));
        number(record::count_text(m.parameters));
        number(bytes_text(static_cast<double>(m.bytes)));
        number(ms_text(m.time_ms));
        number(ms_text(m.floor_ms));
        number(record::number_text(m.gops));
        number(m.top1 ? metric_text("top1", *m.top1) : "–");
        number(m.samples ? record::count_text(m.samples) : "–");
    }
}
}  // namespace

std::string correlation_sentence(const record::InspectModels& all) {
    if (all.models.size() < 3 || !all.flops_time) return {};
    double least = INFINITY, most = 0;
    for (const ModelRow& m : all.models)
        if (m.gops > 0) least = std::min(least, m.gops), most = std::max(most, m.gops);
    return cat("Over these ", all.models.size(), " models the rank correlation (Spearman) of FLOPs and time is ",
               fixed(*all.flops_time, 3),
               most > 0 ? cat("; correlated, not equal: a second does from ", record::number_text(least), " to ",
                              record::number_text(most), " GFLOP, ", fixed(most / least, 1), " times as much.")
                        : ".");
}

std::string models_page(const record::InspectModels& all) {
    Html html;
    html.raw("<!DOCTYPE html>\n");
    {
        const auto page = html.open("html", {{"lang", "en"}});
        {
            const auto head = html.open("head");
            html.raw(
                "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"color-scheme\" content=\"light dark\">\n");
            html.element("title", cat(all.models.size(), " models: FLOPs, time, accuracy"));
            const auto sheet = html.open("style");
            html.raw(style());
            html.raw(
                ".field.tall{height:360px}\n.tag{position:absolute;font-size:12px;font-weight:600;color:var(--ink);"
                "transform:translate(7px,-110%)}\n");
        }
        const auto body = html.open("body");
        const auto main = html.open("main");
        {
            const auto top = html.open("header");
            html.element("h1", "FLOPs, time, accuracy");
            html.element("p", correlation_sentence(all), {{"class", "lead"}});
            html.element("p",
                         cat("Measured in hone, ", all.threads, all.threads == 1 ? " thread" : " threads", ", batch ",
                             all.batch, "; ", all.machine.cpu, ", load ",
                             all.machine.load.empty() ? "unknown" : record::number_text(all.machine.load.back())),
                         {{"class", "quiet"}});
        }
        const Axis flops{[](const ModelRow& m) { return m.flops; }, [](double v) { return record::si_text(v); }, true};
        const Axis time{[](const ModelRow& m) { return m.time_ms; }, ms_text, true};
        const Axis accuracy{[](const ModelRow& m) { return m.top1.value_or(std::nan("")); },
                            [](double v) { return metric_text("top1", v); }};
        {
            const auto section = html.open("section");
            html.element("h2", "Does work tell time?");
            scatter(html, all, flops, time, "time of a run", "FLOPs of a run");
        }
        if (std::count_if(all.models.begin(), all.models.end(), [](const ModelRow& m) { return m.top1.has_value(); }) > 1) {
            const auto section = html.open("section");
            html.element("h2", "What does time buy?");
            html.element("p", "Only models judged on the same data can be compared.", {{"class", "quiet"}});
            scatter(html, all, time, accuracy, "top-1 accuracy", "time of a run");
        }
        const auto section = html.open("section");
        html.element("h2", "The models");
        table(html, all);
    }
    return html.str();
}

}  // namespace hone::report
