// SPDX-License-Identifier: Apache-2.0
// `hone tune`: measures how each step of a model runs fastest here and keeps the plan for the next start.
#include <cmath>
#include <memory>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "optimize/start.h"
#include "plan/plan_file.h"
#include "record/json.h"
#include "record/table.h"
#include "record/tune.h"
#include "run/session.h"
#include "run/tune.h"

namespace hone::cli {

namespace {
struct TuneArgs {
    std::string model, plan, journal, precision = "fp32";
    int batch = 1;
    double time = 45;
};

/// Where measured times are kept for all models of this machine; empty (with a warning) where that cannot be.
std::string machine_journal(Call& call) {
    const std::string folder = cache_folder();
    if (folder.empty()) return {};
    try {
        make_directories(folder);
        return folder + "/journal.jsonl";
    } catch (const Error& e) {
        call.warn(cat("times are not kept: ", e.message));
        return {};
    }
}

record::Journal open_journal(TuneArgs& a, Call& call) {
    const bool given = !a.journal.empty();
    if (!given) a.journal = machine_journal(call);
    if (a.journal.empty()) return {};
    try {
        record::Journal j = record::Journal::open(a.journal, record::machine_key());
        for (const std::string& w : j.words()) call.warn(w);
        return j;
    } catch (const Error& e) {
        if (given) throw;
        call.warn(cat("times are not kept: ", e.message));
        a.journal.clear();
        return {};
    }
}

record::TuneStep record_of(const TunedStep& s) {
    record::TuneStep r{.key = s.key, .count = s.count, .origins = s.origins};
    for (size_t i = 0; i < s.alternatives.size(); ++i) {
        const Alternative& a = s.alternatives[i];
        r.ways.push_back({a.implementation, a.choice.layout == Layout::plain ? "plain" : "channels last", a.choice.threads, a.ms, a.wrong, i == s.chosen});
    }
    return r;
}

double start_ms(const StartRequest& r, ThreadPool& pool) {
    std::vector<double> ms;
    for (int i = 0; i < 3; ++i) {
        const double begin = now_seconds();
        const Session session(start_plan(r).plan, &pool);
        ms.push_back((now_seconds() - begin) * 1e3);
    }
    return median(ms);
}

std::string human(const record::Tune& t, const TunedPlan& p) {
    std::string s;
    for (const TunedStep& step : p.tuning.steps)
        if (step.chosen != 0) {
            const Alternative &was = step.alternatives[0], &is = step.alternatives[step.chosen];
            s += cat("  ", step.count, " x ", step.origins.empty() ? step.key : record::printable(step.origins[0]), ": ", was.implementation, " ", record::number_text(was.ms), " ms -> ", is.implementation, " ", record::number_text(is.ms), " ms\n");
        }
    for (const std::string& w : t.wrong) s += cat("  dropped, its answers are wrong: ", record::printable(w), "\n");
    s += cat(static_cast<unsigned long>(t.steps.size()), " kinds of steps with more than one way, ", record::number_text(t.seconds), " s\n");
    if (t.tuned) s += cat("whole runs by turns: ", record::number_text(t.fixed_ms), " ms -> ", record::number_text(t.tuned_ms), " ms; the tuned plan is kept\n");
    else if (t.tuned_ms > 0) s += cat("whole runs by turns: ", record::number_text(t.fixed_ms), " ms, tuned ", record::number_text(t.tuned_ms), " ms; not measurably faster, the fixed plan is kept\n");
    else s += "the fixed plan is the fastest\n";
    if (!t.plan_file.empty())
        s += cat("plan: ", record::printable(t.plan_file), "; a session starts in ", record::number_text(t.start_from_file_ms), " ms from it, in ", record::number_text(t.start_ms), " ms from the model\n");
    return s;
}

int tune(TuneArgs& a, Call& call) {
    const Graph g = load_model(a.model);
    record::Tune t;
    t.model = absolute_path(a.model);
    t.batch = a.batch;
    t.machine = this_machine(call.common.threads);
    StartRequest start{a.model, a.plan.empty() ? default_plan_file(a.model) : a.plan, a.batch, {}};
    start.options.threads = call.common.threads;
    start.options.precision = choose_precision(a.precision, g);
    t.precision = eval::precision_name(start.options.precision);
    ThreadPool pool(call.common.threads);
    record::Journal journal = open_journal(a, call);
    t.journal = a.journal;
    TunerOptions options;
    options.max_seconds = a.time;
    const double begin = now_seconds();
    const TunedPlan p = tune_plan(g, eval::synthetic_dims(g, a.batch), start.options, &pool, journal, options);
    t.seconds = now_seconds() - begin;
    t.tuned = p.tuned;
    t.fixed_ms = p.fixed_ms;
    t.tuned_ms = p.tuned_ms;
    t.wrong = p.tuning.wrong;
    for (const TunedStep& s : p.tuning.steps) t.steps.push_back(record_of(s));
    std::string why;
    if (save_plan(*p.plan, start.plan_file, model_plan_key(start), &why)) {
        t.plan_file = absolute_path(start.plan_file);
        t.start_from_file_ms = start_ms(start, pool);
        t.start_ms = start_ms({a.model, "", a.batch, start.options}, pool);
    } else {
        call.warn(cat("no plan file: ", why));
    }
    t.machine.load.push_back(load_average());
    t.warnings = call.warnings;
    call.emit(record::to_json(t), human(t, p), "tune.json");
    return 0;
}
}  // namespace

Verb tune_verb() {
    auto a = std::make_shared<TuneArgs>();
    Verb v;
    v.name = "tune";
    v.summary = "measures how each step runs fastest here and keeps the plan for the next start";
    v.examples = {{"hone tune net.onnx", "checks kernels against the reference, times them, writes net.plan"},
                  {"hone tune net.onnx --journal times.jsonl --json", "the same journal gives the same plan"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("plan", "FILE", a->plan, "where the plan goes (beside the model, .plan)");
        o.add("journal", "FILE", a->journal, "times measured before, and from now on (this machine's cache)");
        o.add("batch", "N", a->batch, "samples a run").at_least(1).at_most(1 << 20);
        o.seconds("time", a->time, "after which the remaining steps stay as they are");
        add_precision(o, a->precision);
    };
    v.run = [a](Call& call) {
        a->precision = a->precision.empty() ? "fp32" : a->precision;
        return tune(*a, call);
    };
    return v;
}

}  // namespace hone::cli
