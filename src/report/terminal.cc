// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "record/run.h"
#include "record/table.h"
#include "report/report.h"
#include "report/words.h"

namespace hone::report {
namespace {

std::string figures(const record::Run& run) {
    std::vector<std::string> heads{"", "before"};
    std::vector<const record::Side*> sides{&run.before};
    if (run.before_best) heads.push_back("before, best"), sides.push_back(&*run.before_best);
    if (run.after) heads.push_back("after"), sides.push_back(&*run.after);
    record::Table table(heads);
    const auto line = [&](std::string name, auto text) {
        std::vector<std::string> cells{std::move(name)};
        for (const record::Side* s : sides) cells.push_back(text(*s));
        table.add(cells);
    };
    line(run.metric, [&](const record::Side& s) { return metric_text(run.metric, s.metric); });
    line("latency p50", [](const record::Side& s) { return ms_text(s.latency_ms.p50); });
    line("latency p99", [](const record::Side& s) { return ms_text(s.latency_ms.p99); });
    line("load", [](const record::Side& s) { return ms_text(s.load_ms); });
    line("size", [](const record::Side& s) { return bytes_text(double(s.bytes)); });
    return table.text() + "\n";
}

std::string precisions(const record::Run& run) {
    const auto of = [](const record::Side& s) { return cat(s.precision, s.runtime.empty() ? "" : " in " + s.runtime); };
    std::vector<std::string> parts{of(run.before)};
    if (run.before_best) parts.push_back(of(*run.before_best));
    if (run.after) parts.push_back(of(*run.after));
    return join(parts, " → ");
}

std::string drop_line(const record::Run& run) {
    const record::Drop& d = *run.drop;
    const auto bare = [&](double v) { return points_text(run.metric, v, true); };
    std::string text =
        cat(points_text(run.metric, d.estimate), run.metric == "top1" ? "" : cat(" of ", spoken_metric(run.metric)), ", between ", bare(d.low), " and ", bare(d.high), " (each end ",
            percent_text(d.confidence, 0), " sure, ", record::count_text(d.samples), " samples)");
    if (run.goal.max_drop)
        text += cat(d.high <= *run.goal.max_drop ? "; within"
                    : d.low > *run.goal.max_drop ? "; beyond"
                                                 : "; undecided against",
                    " the bound of ", bare(*run.goal.max_drop));
    return text;
}

}  // namespace

std::string terminal_report(const record::Run& run) {
    std::string out = cat(run.accepted ? "Accepted: " : "Not accepted: ", headline(run), "\n");
    if (!run.reason.empty()) out += record::printable(run.reason) + "\n";
    out += "\n" + figures(run);
    std::vector<std::pair<std::string, std::string>> lines{{"precision", precisions(run)}};
    if (run.drop) lines.emplace_back(is_error(run.metric) ? "growth" : "drop", drop_line(run));
    if (run.speedup)
        lines.emplace_back("speed-up", cat(times_text(run.speedup->estimate), ", between ",
                                           times_text(run.speedup->low), " and ", times_text(run.speedup->high)));
    if (const std::string robust = robustness_sentence(run); !robust.empty()) lines.emplace_back("robustness", robust);
    if (run.best_rejected)
        lines.emplace_back("rejected", cat(is_error(run.metric) ? "the best added " : "the best lost ", points_text(run.metric, run.best_rejected->drop), " at ",
                                           times_text(run.best_rejected->speedup), " ", run.best_rejected->file));
    for (const record::Finding& f : run.findings) lines.emplace_back("found", cat(f.title, ": ", f.evidence, ". ", f.advice));
    for (const std::string& w : run.warnings) lines.emplace_back("warning", w);
    lines.emplace_back("model", run.model);
    for (const std::string& file : run.files)
        if (file != run.model) lines.emplace_back("written", file);
    for (const std::string& step : next_steps(run)) lines.emplace_back("next", step);
    for (const auto& [name, text] : lines)
        out += name + std::string(12 - name.size(), ' ') + record::printable(text) + "\n";
    return out;
}

}  // namespace hone::report
