// SPDX-License-Identifier: Apache-2.0
// `hone bench`: latency of a model, or of two interleaved, in fresh processes.
#include <algorithm>
#include <memory>
#include <sstream>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "eval/usage.h"
#include "onnx/reader.h"
#include "record/bench.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::cli {

namespace {
struct BenchArgs {
    std::string first, second, precision = "fp32";
    std::vector<int> batches;
    bool no_plan = false;
    eval::TimingOptions timing;
};

std::vector<int> batches_from(const std::string& text) {
    std::vector<int> out;
    std::istringstream in(text);
    for (std::string word; std::getline(in, word, ',');) {
        int v = 0;
        Options one;
        one.add("batches", "N,...", v, "").at_least(1).at_most(1 << 20).set(word);
        out.push_back(v);
    }
    return out;
}

record::BenchBatch row_of(const eval::Usage& u) {
    record::BenchBatch r;
    r.batch = u.batch;
    r.latency_ms = latency_of(u.ms);
    r.throughput = u.throughput();
    r.peak_bytes = u.peak_bytes;
    r.energy_joules = u.joules;
    r.cpu_seconds = u.cpu_seconds;
    r.runs = static_cast<int64_t>(u.ms.size());
    return r;
}

/// Fresh processes of its own: a second model beside it would be in its memory.
void add_usage(record::BenchModel& r, const eval::TimedModel& m, const BenchArgs& a) {
    eval::TimingOptions o = a.timing;
    const eval::Usage u = eval::measure_usage(m, o);
    r.peak_bytes = u.peak_bytes;
    r.start_bytes = u.start_bytes;
    r.plan_bytes = u.plan_bytes;
    r.energy_joules = u.joules;
    r.cpu_seconds = u.cpu_seconds;
    Progress progress("batch sizes", static_cast<double>(a.batches.size()));
    for (const int batch : a.batches) {
        o.batch = batch;
        o.runs = std::min(a.timing.runs, 20);
        r.batches.push_back(row_of(eval::measure_usage(m, o)));
        progress.add(1);
    }
}

record::BenchModel row_of(const eval::TimedModel& m, const eval::ProcessTiming& t, int batch) {
    record::BenchModel r;
    r.model = absolute_path(m.path);
    r.precision = eval::precision_name(m.precision);
    r.runtime = "hone";
    r.plan_file = m.plan_file;
    r.latency_ms = latency_of(t.ms);
    r.throughput = r.latency_ms.p50 > 0 ? batch * 1e3 / r.latency_ms.p50 : 0;
    r.load_ms = t.load_ms;
    r.runs = static_cast<int64_t>(t.ms.size());
    return r;
}

/// Energy where it can be read, else processor time, said which.
std::string cost_text(const std::optional<double>& joules, double cpu_seconds) {
    return joules ? cat(record::number_text(*joules * 1e3), " mJ") : cat(record::number_text(cpu_seconds * 1e3), " CPU-ms");
}

std::string human(const record::Bench& b, int processes) {
    record::Table table({"model", "precision", "min ms", "p50 ms", "p99 ms", "samples/s", "load ms", "peak memory",
                         "of it the program", "plan", "a sample"});
    record::Table batches({"model", "batch", "p50 ms", "p99 ms", "samples/s", "peak memory", "a sample"});
    for (const record::BenchModel& m : b.models) {
        const std::string name = record::printable(base_name(m.model));
        table.add({name, m.precision, record::number_text(m.latency_ms.min), record::number_text(m.latency_ms.p50),
                   record::number_text(m.latency_ms.p99), record::number_text(m.throughput),
                   record::number_text(m.load_ms), human_bytes(static_cast<double>(m.peak_bytes)),
                   human_bytes(static_cast<double>(m.start_bytes)), human_bytes(static_cast<double>(m.plan_bytes)),
                   cost_text(m.energy_joules, m.cpu_seconds)});
        for (const record::BenchBatch& r : m.batches)
            batches.add({name, record::count_text(r.batch), record::number_text(r.latency_ms.p50),
                         record::number_text(r.latency_ms.p99), record::number_text(r.throughput),
                         human_bytes(static_cast<double>(r.peak_bytes)), cost_text(r.energy_joules, r.cpu_seconds)});
    }
    std::string s = table.text();
    if (!batches.empty()) s += "\n" + batches.text();
    if (b.ratio)
        s += cat("second over first: ", record::number_text(b.ratio->estimate), " (", record::number_text(b.ratio->low),
                 " to ", record::number_text(b.ratio->high), "; below 1 the second is faster)\n");
    s += cat("measured in hone, ", b.threads, " threads, batch ", b.batch, ", ", b.models[0].runs,
             " runs a model over ", processes, " processes; ", b.machine.cpu, ", load ",
             record::number_text(b.machine.load.back()), "\n");
    for (const record::BenchModel& m : b.models)
        if (!m.plan_file.empty()) s += cat(record::printable(base_name(m.model)), " started from ", record::printable(base_name(m.plan_file)), "\n");
    return s + (b.models[0].energy_joules
                    ? "a sample: energy of the whole processor (RAPL) by the samples that ran meanwhile\n"
                    : "a sample: processor time of all threads; energy cannot be read on this machine (no RAPL)\n");
}

int bench(BenchArgs& a, Call& call) {
    a.timing.threads = call.common.threads;
    auto timed = [&](const std::string& path) {
        const Graph g = read_model(path);
        eval::TimedModel m{path, choose_precision(a.precision, g)};
        StartRequest r{path, {}, a.timing.batch, {}};
        r.options.threads = a.timing.threads;
        r.options.precision = m.precision;
        if (!a.no_plan) m.plan_file = plan_file_beside(r, call);
        return m;
    };
    const eval::TimedModel first = timed(a.first);
    std::optional<eval::TimedModel> second;
    if (!a.second.empty()) second = timed(a.second);
    record::Bench b;
    b.threads = a.timing.threads;
    b.batch = a.timing.batch;
    b.machine = this_machine(a.timing.threads);
    const eval::PairTiming t = eval::time_pair(first, second ? &*second : nullptr, a.timing);
    b.models.push_back(row_of(first, t.first, a.timing.batch));
    add_usage(b.models.back(), first, a);
    if (second) {
        b.models.push_back(row_of(*second, t.second, a.timing.batch));
        add_usage(b.models.back(), *second, a);
        const eval::Speedup s = eval::paired_speedup(t.blocks);
        b.ratio = record::Interval{1 / s.estimate, 1 / s.high, 1 / s.low};
    }
    b.machine.load.push_back(load_average());
    b.warnings = call.warnings;
    call.emit(record::to_json(b), human(b, a.timing.processes), "bench.json");
    return 0;
}
}  // namespace

Verb bench_verb() {
    auto a = std::make_shared<BenchArgs>();
    Verb v;
    v.name = "bench";
    v.summary = "latency, throughput, load time, memory and energy of a model, or of two interleaved";
    v.examples = {
        {"hone bench net.onnx", "latency of one sample on all cores, in five fresh processes"},
        {"hone bench net.onnx --batches 1,2,4,8,16,32", "also samples a second at these batch sizes"},
        {"hone bench before.onnx after.onnx --threads 2 --json", "how much faster is the second? With an interval"}};
    v.declare = [a](Options& o) {
        o.positional("A", a->first, "the network, an ONNX file").required();
        o.positional("B", a->second, "a second one, timed against the first");
        o.add("batch", "N", a->timing.batch, "samples a run").at_least(1).at_most(1 << 20);
        o.custom(
            "batches", "N,...", "also throughput, memory and energy at each of these batch sizes",
            [a](const std::string& s) { a->batches = batches_from(s); },
            [a] {
                std::vector<std::string> words;
                for (const int b : a->batches) words.push_back(std::to_string(b));
                return join(words, ",");
            });
        add_precision(o, a->precision);
        add_no_plan(o, a->no_plan);
        o.add("processes", "N", a->timing.processes, "fresh processes").at_least(1).at_most(1000);
        o.add("runs", "N", a->timing.runs, "runs of a model in a process, at least").at_least(5);
    };
    v.run = [a](Call& call) {
        a->precision = a->precision.empty() ? "fp32" : a->precision;
        return bench(*a, call);
    };
    return v;
}

}  // namespace hone::cli
