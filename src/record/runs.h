// SPDX-License-Identifier: Apache-2.0
// `hone report A B ... --json`: hone.runs/1: what came out of several runs, side by side. Made by the verb `report` from
// their run.json.
//
//   record::Runs all;
//   all.runs.push_back(record::summary_of("out/run.json", run));
//   report::runs_page(all);
#pragma once
#include "record/run.h"

namespace hone::record {

struct RunSummary {
    std::string file{};  ///< the run.json, absolute
    std::string original{}, model{}, reason{}, metric{};
    bool accepted = false;
    Goal goal{};
    Side before{};
    std::optional<Side> after{};
    std::optional<Drop> drop{};
    std::optional<Interval> speedup{};
    Machine machine{};
    std::string finished{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("file", s.file);
        v("original", s.original);
        v("model", s.model);
        v("accepted", s.accepted);
        v("reason", s.reason);
        v("metric", s.metric);
        v("goal", s.goal);
        v("before", s.before);
        v("after", s.after);
        v("drop", s.drop);
        v("speedup", s.speedup);
        v("machine", s.machine);
        v("finished", s.finished);
    }
};

struct Runs {
    static constexpr const char* schema = "hone.runs/1";
    std::vector<RunSummary> runs{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("runs", s.runs);
        v("warnings", s.warnings);
    }
};

RunSummary summary_of(const std::string& file, const Run& run);

}  // namespace hone::record
