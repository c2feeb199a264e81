// SPDX-License-Identifier: Apache-2.0
// `hone report`: the page and the summary of a run again, or several runs side by side.
#include "report/report.h"

#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/verb.h"
#include "record/json.h"
#include "record/runs.h"

namespace hone::cli {

namespace {
struct ReportArgs {
    std::vector<std::string> runs;
};

std::string file_of(const std::string& given) { return is_directory(given) ? given + "/run.json" : given; }

record::Run read_run(const std::string& given) {
    const std::string path = file_of(given);
    if (!file_exists(path))
        fail(ErrorKind::io, "file.absent", "no such file",
             "`hone optimize --out DIR` leaves its run.json in DIR; give DIR or the file.", path);
    try {
        return record::run_from_json(read_file(path));
    } catch (const Error& e) {
        const std::string where = e.where.empty() ? path : cat(path, ": ", e.where);
        fail(e.kind, e.id, e.message, e.hint.empty() ? "Give the run.json that `hone optimize` wrote." : e.hint, where);
    }
}

int one(const ReportArgs& a, Call& call) {
    const record::Run run = read_run(a.runs[0]);
    const std::string folder = call.common.out.empty() ? parent_directory(file_of(a.runs[0])) : call.common.out;
    write_file_atomic(folder + "/report.html", report::html_report(run));
    call.say(cat("wrote ", folder, "/report.html"));
    call.emit(record::to_json(run), report::terminal_report(run), "");
    return 0;
}

int several(const ReportArgs& a, Call& call) {
    record::Runs all;
    for (const std::string& given : a.runs)
        all.runs.push_back(record::summary_of(absolute_path(file_of(given)), read_run(given)));
    for (const record::RunSummary& r : all.runs) {
        const record::Machine &first = all.runs[0].machine, &m = r.machine;
        if (m.cpu == first.cpu && m.threads == first.threads) continue;
        call.warn("the runs were not measured on one machine with one number of threads: their times do not compare");
        break;
    }
    all.warnings = call.warnings;
    if (!call.common.out.empty()) {
        write_file_atomic(call.common.out + "/runs.html", report::runs_page(all));
        call.say(cat("wrote ", call.common.out, "/runs.html"));
    }
    call.emit(record::to_json(all), report::runs_table(all), "runs.json");
    return 0;
}
}  // namespace

Verb report_verb() {
    auto a = std::make_shared<ReportArgs>();
    Verb v;
    v.name = "report";
    v.summary = "the page and the summary of a run again; several runs side by side";
    v.examples = {{"hone report net_hone", "report.html again from the run.json in that folder"},
                  {"hone report out/run.json --out pages", "... written elsewhere"},
                  {"hone report small tiny --out both", "two runs in one table, and as both/runs.html"}};
    v.declare = [a](Options& o) {
        o.positional("RUN", a->runs, "a run.json, or the folder where `hone optimize` left it; several are compared")
            .required();
    };
    v.run = [a](Call& call) { return a->runs.size() == 1 ? one(*a, call) : several(*a, call); };
    return v;
}

}  // namespace hone::cli
