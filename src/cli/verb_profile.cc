// SPDX-License-Identifier: Apache-2.0
// `hone profile`: where the time of whole runs goes, kernel by kernel, as a table and as a trace.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/layers.h"
#include "eval/latency.h"
#include "eval/roofline.h"
#include "onnx/reader.h"
#include "record/json.h"
#include "record/profile.h"
#include "record/table.h"
#include "run/profile.h"

namespace hone::cli {

namespace {
struct ProfileArgs {
    std::string model, precision = "fp32", trace;
    int64_t batch = 1;
    int runs = 30, traced = 10;
    double seconds = 1;
};

std::string kernel_of(const Step& s) {
    if (s.kernel) return s.kernel->implementation();
    return s.kind == StepKind::view ? "view" : s.kind == StepKind::reference ? "reference" : "reference, shape unknown";
}

record::ProfileStep row_of(const Plan& plan, const Step& s, const Layers& layers, int row, const eval::Roofline& line) {
    record::ProfileStep r;
    r.op = s.op;
    r.name = row < 0 ? s.op : layers.rows[static_cast<size_t>(row)].name;
    if (s.origins.empty()) r.name = cat(s.op, row < 0 ? "" : " for ", row < 0 ? "" : r.name);
    for (const std::string& o : s.origins)
        if (o != r.name) r.fused.push_back(o);
    r.kernel = kernel_of(s);
    if (!s.out.empty() && s.out[0] >= 0) {
        const Slot& out = plan.slots[static_cast<size_t>(s.out[0])];
        r.output = to_text(out.type);
        r.layout = out.layout == Layout::channels_last ? "channels last" : "plain";
    }
    r.bound = line.bound();
    r.floor_ms = line.floor_ms();
    return r;
}

record::Trace trace_of(const record::Profile& p, const Profile& seen) {
    record::Trace t;
    t.about = {{"model", p.model},
               {"cpu", p.machine.cpu},
               {"precision", p.precision},
               {"threads", cat(p.threads)},
               {"batch", cat(p.batch)},
               {"hone", "the caller's thread; each run begins 1 us after the last"}};
    double at = 0;
    for (size_t k = 0; k < seen.traced.size(); ++k) {
        const std::vector<double>& marks = seen.traced[k];
        t.events.push_back({cat("run ", k + 1), "run", at, marks.back() * 1e6, {}});
        for (size_t i = 0; i + 1 < marks.size(); ++i) {
            const record::ProfileStep& s = p.steps[i];
            t.events.push_back({s.name,
                                s.op,
                                at + marks[i] * 1e6,
                                (marks[i + 1] - marks[i]) * 1e6,
                                {{"kernel", s.kernel},
                                 {"output", s.output},
                                 {"layout", s.layout},
                                 {"bound", s.bound},
                                 {"fused", join(s.fused, ", ")}}});
        }
        at += marks.back() * 1e6 + 1;
    }
    return t;
}

std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", share * 100);
    return text;
}

/// One row an operator, the costliest first.
std::string by_operator(const record::Profile& p) {
    struct Sum {
        std::string op;
        int64_t calls = 0;
        double ms = 0;
    };
    std::vector<Sum> sums;
    for (const record::ProfileStep& s : p.steps) {
        auto at = std::find_if(sums.begin(), sums.end(), [&](const Sum& x) { return x.op == s.op; });
        if (at == sums.end()) at = sums.insert(sums.end(), {s.op, 0, 0});
        ++at->calls;
        at->ms += s.time_ms;
    }
    std::stable_sort(sums.begin(), sums.end(), [](const Sum& a, const Sum& b) { return a.ms > b.ms; });
    record::Table t({"operator", "calls", "ms", "share"});
    for (const Sum& s : sums)
        t.add({record::printable(s.op), record::count_text(s.calls), record::number_text(s.ms), percent(s.ms / p.steps_ms)});
    return t.text();
}

std::string human(const record::Profile& p) {
    record::Table t({"layer", "op", "output", "median ms", "share", "Gop/s", "bound", "floor ms", "layout", "kernel"});
    for (const record::ProfileStep& s : p.steps)
        t.add({record::printable(s.fused.empty() ? s.name : cat(s.name, " +", s.fused.size())), record::printable(s.op),
               record::printable(s.output), record::number_text(s.median_ms), percent(s.share),
               s.gops ? record::number_text(*s.gops) : "", s.bound, record::number_text(s.floor_ms), s.layout,
               record::printable(s.kernel)});
    return t.text(34) + "\n" + by_operator(p) +
           cat("\nsteps: ", record::number_text(p.steps_ms), " ms, ", record::number_text(100 * p.steps_ms / p.whole_ms),
               " % of the whole; whole: ", record::number_text(p.whole_ms), " ms without timers, ",
               record::number_text(p.timed_ms), " with (middle half of ", p.runs, " runs each); ", p.precision, ", ",
               p.threads, " threads, batch ", p.batch, "; ", record::printable(p.machine.cpu), ", load ",
               record::number_text(p.machine.load.back()),
               "\n+N: layers done within this one; bound and floor: the roofline of this machine\n");
}

int profile(const ProfileArgs& a, Call& call) {
    const Graph as_read = read_model(a.model);
    const Precision precision = choose_precision(a.precision, as_read);
    const std::vector<Dims> dims = eval::synthetic_dims(as_read, a.batch);
    Graph portable = as_read;
    run_passes(portable, Stage::portable);
    PlanOptions po;
    po.threads = call.common.threads;
    po.precision = precision;
    const auto plan = make_plan(portable, dims, po);
    ThreadPool pool(po.threads);
    Session session(plan, &pool);

    record::Profile p;
    p.machine = this_machine(po.threads);
    ProfileOptions o;
    o.least_runs = a.runs;
    o.seconds = a.seconds;
    o.traced = a.traced;
    const Profile seen = profile_runs(session, eval::synthetic_inputs(portable, a.batch, call.common.seed + 1), o);
    p.machine.load.push_back(load_average());
    p.model = absolute_path(a.model);
    p.precision = eval::precision_name(precision);
    p.batch = a.batch;
    p.threads = po.threads;
    p.runs = seen.runs;
    p.whole_ms = seen.whole_ms;
    p.timed_ms = seen.timed_ms;
    p.steps_ms = seen.steps_ms();
    const Layers layers(as_read, dims);
    const std::vector<int> rows = layers.rows_of_steps(*plan);
    const eval::Probe& probe = eval::known_machine(po.threads);
    for (size_t i = 0; i < plan->steps.size(); ++i) {
        const Step& s = plan->steps[i];
        record::ProfileStep r = row_of(*plan, s, layers, rows[i], eval::roofline(*plan, s, probe, po.threads));
        r.time_ms = seen.step_ms[i];
        r.median_ms = seen.step_median_ms[i];
        r.share = p.steps_ms > 0 ? r.time_ms / p.steps_ms : 0;
        if (s.cost.macs > 0 && r.median_ms > 0) r.gops = 2 * s.cost.macs / r.median_ms * 1e-6;
        p.steps.push_back(std::move(r));
    }
    const std::string& folder = call.common.out;
    const std::string trace = !a.trace.empty() ? a.trace : folder.empty() ? "" : folder + "/trace.json";
    if (!trace.empty()) {
        if (a.trace.empty()) make_directories(folder);
        write_file_atomic(trace, record::to_json(trace_of(p, seen)));
        call.say(cat("trace of ", seen.traced.size(), " runs: ", trace));
    }
    p.warnings = call.warnings;
    call.emit(record::to_json(p), human(p), "profile.json");
    return 0;
}
}  // namespace

Verb profile_verb() {
    auto a = std::make_shared<ProfileArgs>();
    Verb v;
    v.name = "profile";
    v.summary = "where the time of a run goes: each kernel's time, share and rate; a trace to look at";
    v.examples = {{"hone profile net.onnx", "a table of the kernels in the order in which they run, and one by operator"},
                  {"hone profile net.onnx --threads 2 --trace trace.json", "ten runs for Chrome's or Perfetto's viewer"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        o.add("batch", "N", a->batch, "samples a run").at_least(1).at_most(1 << 20);
        add_precision(o, a->precision);
        o.add("runs", "N", a->runs, "whole runs with timers, at least; as many without alternate with them").at_least(3);
        o.seconds("seconds", a->seconds, "goes on for at least this long");
        o.add("trace", "FILE", a->trace, "Chrome trace events (JSON); with --out also trace.json there");
        o.add("traced", "N", a->traced, "runs in the trace").at_least(1).at_most(1000);
    };
    v.run = [a](Call& call) { return profile(*a, call); };
    return v;
}

}  // namespace hone::cli
