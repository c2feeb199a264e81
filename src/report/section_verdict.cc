// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "record/table.h"
#include "report/plots.h"
#include "report/sections.h"
#include "report/words.h"

namespace hone::report {
namespace {

struct Figure {
    std::string name, before, after, change;
    double share = 1;  // after / before, for the bar
    bool good = true;
    bool bars = false;
};

void card(Html& html, const Figure& f) {
    const auto box = html.open("div", {{"class", "card"}});
    html.element("h3", f.name);
    {
        const auto row = html.open("div", {{"class", "pair"}});
        {
            const auto old = html.open("div");
            html.element("span", "before", {{"class", "small"}});
            html.element("span", f.before, {{"class", "old"}});
        }
        if (!f.after.empty()) {
            const auto fresh = html.open("div");
            html.element("span", "after", {{"class", "small"}});
            html.element("span", f.after, {{"class", "new"}});
        }
    }
    if (f.bars) {
        const auto bars = html.open("div", {{"class", "bars"}});
        bar(html, std::min(1.0, 1 / std::max(f.share, 1e-9)), "before");
        bar(html, std::min(1.0, f.share), "after");
    }
    if (!f.change.empty()) html.element("p", f.change, {{"class", f.good ? "change good" : "change"}});
}

/// On which machine, in which runtime.
std::string where_sentence(const record::Run& run) {
    if (run.machine.cpu.empty()) return "";
    const std::string runtime = run.before.runtime.empty() ? "hone's own engine" : run.before.runtime == "hone" ? "hone's own engine" : run.before.runtime;
    return cat("Measured in ", runtime, " on ", run.machine.cpu, run.machine.threads > 0 ? cat(" with ", run.machine.threads, run.machine.threads == 1 ? " thread" : " threads") : "", ".");
}

std::string bound_text(const record::Run& run) {
    std::vector<std::string> asked;
    const std::string of = run.metric == "top1" ? "" : cat(" of ", spoken_metric(run.metric));
    if (run.goal.max_drop) asked.push_back(cat(is_error(run.metric) ? "add at most " : "lose at most ", points_text(run.metric, *run.goal.max_drop), of));
    if (run.goal.max_latency_ms) asked.push_back(cat("answer within ", ms_text(*run.goal.max_latency_ms)));
    if (run.goal.max_bytes) asked.push_back(cat("take at most ", bytes_text(double(*run.goal.max_bytes))));
    return asked.empty() ? "" : "The goal: " + join(asked, ", ") + ".";
}

Figure accuracy_figure(const record::Run& run) {
    Figure f{.name = metric_name(run.metric),
             .before = metric_text(run.metric, run.before.metric),
             .after = {},
             .change = {}};
    if (!run.after) return f;
    f.after = metric_text(run.metric, run.after->metric);
    const bool error = is_error(run.metric);
    const double drop = run.drop ? run.drop->estimate : (run.before.metric - run.after->metric) * (error ? -1 : 1);
    f.change = drop > 0   ? points_text(run.metric, drop) + (error ? " more" : " lost")
               : drop < 0 ? points_text(run.metric, -drop) + (error ? " less" : " gained")
                          : "unchanged";
    f.good = drop <= 0;
    return f;
}

Figure ratio_figure(std::string name, double before, double after, std::string (*text)(double), const char* better) {
    Figure f{.name = std::move(name), .before = text(before), .after = {}, .change = {}};
    f.after = text(after);
    if (!(before > 0) || !(after > 0)) return f;
    f.bars = true;
    f.share = after / before;
    f.good = f.share < 0.995;
    const double change = 100 * std::fabs(1 - f.share);
    f.change = f.share < 0.995   ? fixed(change, change < 10 ? 1 : 0) + " % " + better
               : f.share > 1.005 ? fixed(change, change < 10 ? 1 : 0) + " % more"
                                 : "unchanged";
    return f;
}

void cards(Html& html, const record::Run& run) {
    const auto grid = html.open("div", {{"class", "cards"}});
    card(html, accuracy_figure(run));
    if (!run.after) {
        card(html,
             {.name = "Latency, median", .before = ms_text(run.before.latency_ms.p50), .after = {}, .change = {}});
        card(html, {.name = "File size", .before = bytes_text(double(run.before.bytes)), .after = {}, .change = {}});
        return;
    }
    card(html, ratio_figure("Latency, median", run.before.latency_ms.p50, run.after->latency_ms.p50, ms_text, "less"));
    card(html, ratio_figure("File size", double(run.before.bytes), double(run.after->bytes), bytes_text, "smaller"));
}

void all_figures(Html& html, const record::Run& run) {
    struct Column {
        std::string name;
        const record::Side* side;
    };
    std::vector<Column> columns{{"before", &run.before}};
    if (run.before_best) columns.push_back({"before, best precision", &*run.before_best});
    if (run.after) columns.push_back({"after", &*run.after});
    const auto fold = html.open("details");
    html.element("summary", "All figures side by side");
    const auto frame = html.open("div", {{"class", "scroll"}});
    const auto table = html.open("table");
    {
        const auto head = html.open("thead");
        const auto row = html.open("tr");
        html.element("th", "");
        for (const Column& c : columns) html.element("th", c.name, {{"class", "n"}});
    }
    const auto body = html.open("tbody");
    const auto line = [&](const std::string& name, auto text) {
        const auto row = html.open("tr");
        html.element("td", name);
        for (const Column& c : columns) html.element("td", text(*c.side), {{"class", "n"}});
    };
    const auto count = [](int64_t v) { return v > 0 ? record::si_text(double(v)) : std::string("–"); };
    line(metric_name(run.metric), [&](const record::Side& s) { return metric_text(run.metric, s.metric); });
    line("Precision", [](const record::Side& s) { return s.precision.empty() ? "–" : s.precision; });
    line("Runtime", [](const record::Side& s) { return s.runtime.empty() ? "hone" : s.runtime; });
    line("Latency, best", [](const record::Side& s) { return ms_text(s.latency_ms.min); });
    line("Latency, median", [](const record::Side& s) { return ms_text(s.latency_ms.p50); });
    line("Latency, 99 % below", [](const record::Side& s) { return ms_text(s.latency_ms.p99); });
    line("Loading", [](const record::Side& s) { return ms_text(s.load_ms); });
    line("File size", [](const record::Side& s) { return bytes_text(double(s.bytes)); });
    line("Parameters", [&](const record::Side& s) { return count(s.parameters); });
    line("Multiply-adds", [&](const record::Side& s) { return count(s.macs); });
}

}  // namespace

void verdict_section(Html& html, const record::Run& run) {
    const std::string& given = run.original.empty() ? run.model : run.original;
    {
        const auto top = html.open("header");
        {
            const auto row = html.open("p", {{"class", "eyebrow"}});
            html.element("span", run.accepted ? "Accepted" : "Not accepted",
                         {{"class", run.accepted ? "badge good" : "badge bad"}});
            html.text(base_name(given) + (run.finished.empty() ? "" : " · " + run.finished));
        }
        html.element("h1", unbroken(headline(run)));
        if (!run.reason.empty()) html.element("p", run.reason, {{"class", "lead"}});
        if (const std::string done = done_sentence(run); !done.empty()) html.element("p", done, {{"class", "quiet"}});
        if (const std::string where = where_sentence(run); !where.empty()) html.element("p", where, {{"class", "quiet"}});
        if (const std::string goal = bound_text(run); !goal.empty()) html.element("p", goal, {{"class", "quiet"}});
    }
    cards(html, run);
    if (run.best_rejected) {
        const auto note = html.open("div", {{"class", "note"}});
        html.element("strong", "The best that was rejected: ");
        html.text(cat(times_text(run.best_rejected->speedup), " as fast at a drop of ",
                      points_text(run.metric, run.best_rejected->drop), ". "));
        html.text(run.best_rejected->reason);
        if (!run.best_rejected->file.empty()) html.element("code", run.best_rejected->file, {{"class", "path"}});
    }
    for (const std::string& warning : run.warnings) {
        const auto note = html.open("div", {{"class", "note warn"}});
        html.element("strong", "Warning: ");
        html.text(warning);
    }
    if (const auto steps = next_steps(run); !run.accepted && !steps.empty()) {
        const auto note = html.open("div", {{"class", "note"}});
        html.element("strong", "What you can do");
        const auto list = html.open("ul");
        for (const std::string& step : steps) html.element("li", step);
    }
    all_figures(html, run);
}

void accuracy_section(Html& html, const record::Run& run) {
    if (!run.drop) return;
    const record::Drop& d = *run.drop;
    const auto section = html.open("section");
    html.element("h2", "Is it as accurate?");
    html.element("p", drop_sentence(run));
    const bool good = !run.goal.max_drop || d.high <= *run.goal.max_drop;
    interval_plot(html,
                  {.low = d.low,
                   .high = d.high,
                   .estimate = d.estimate,
                   .origin_label = "no loss",
                   .limit = run.goal.max_drop,
                   .limit_label = "bound",
                   .good = good},
                  [&](double v) { return points_text(run.metric, v, true); });
    html.element("p",
                 cat(is_error(run.metric) ? "Growth of " : "Drop in ", is_share(run.metric) ? "percentage points" : spoken_metric(run.metric),
                     d.method == "bootstrap" ? ", by the paired bootstrap" : "", "; the dot is what was seen, the bar reaches as far as the true value may lie (each end with ",
                     percent_text(d.confidence, 0), " confidence)."),
                 {{"class", "caption"}});
    if (d.lost == 0 && d.gained == 0) return;
    const auto list = html.open("div", {{"class", "facts"}});
    const auto fact = [&](const std::string& figure, const std::string& what) {
        const auto box = html.open("div");
        html.element("b", figure);
        html.element("span", what);
    };
    fact(record::count_text(d.lost), "right before, wrong after");
    fact(record::count_text(d.gained), "wrong before, right after");
    const bool counted = d.lost >= 0 && d.gained >= 0 && d.lost <= d.samples && d.gained <= d.samples - d.lost;  // a stranger's run.json may not
    if (counted) fact(record::count_text(d.samples - d.lost - d.gained), "as right or wrong as before");
    if (d.mcnemar_p) fact(fixed(*d.mcnemar_p, 3), "p of McNemar's exact test");
}

void speed_section(Html& html, const record::Run& run) {
    const bool samples = !run.latency_samples.before.empty() || !run.latency_samples.after.empty();
    if (!run.speedup && !samples) return;
    const auto section = html.open("section");
    html.element("h2", "Is it faster?");
    if (run.speedup) {
        html.element("p", speed_sentence(run));
        interval_plot(html,
                      {.low = run.speedup->low,
                       .high = run.speedup->high,
                       .estimate = run.speedup->estimate,
                       .origin = 1,
                       .origin_label = "as before",
                       .good = run.speedup->low > 1},
                      times_text);
        html.element("p", "How many times as fast; the bar is the range in which a repeated measurement falls, with 95 % confidence.",
                     {{"class", "caption"}});
    }
    if (!samples) return;
    html.element("h3", "Every timed run");
    distribution_plot(html, run.latency_samples, ms_text);
    html.element("p",
                 "Time of one answer; further left is faster, narrower is steadier. The rightmost column gathers what "
                 "took longer.",
                 {{"class", "caption"}});
}

}  // namespace hone::report
