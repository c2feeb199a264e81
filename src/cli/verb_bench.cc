// SPDX-License-Identifier: Apache-2.0
// `hone bench`: latency of a model, or of two interleaved, in fresh processes.
#include <memory>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "eval/latency.h"
#include "onnx/reader.h"
#include "record/bench.h"
#include "record/json.h"
#include "record/table.h"

namespace hone::cli {

namespace {
struct BenchArgs {
    std::string first, second, precision = "fp32";
    eval::TimingOptions timing;
};

record::BenchModel row_of(const eval::TimedModel& m, const eval::ProcessTiming& t, int batch) {
    record::BenchModel r;
    r.model = absolute_path(m.path);
    r.precision = eval::precision_name(m.precision);
    r.runtime = "hone";
    r.latency_ms = latency_of(t.ms);
    r.throughput = r.latency_ms.p50 > 0 ? batch * 1e3 / r.latency_ms.p50 : 0;
    r.load_ms = t.load_ms;
    r.peak_bytes = t.peak_bytes;
    r.runs = static_cast<int64_t>(t.ms.size());
    return r;
}

std::string human(const record::Bench& b, int processes) {
    record::Table table({"model", "precision", "min ms", "p50 ms", "p99 ms", "samples/s", "load ms", "memory"});
    for (const record::BenchModel& m : b.models)
        table.add({record::printable(base_name(m.model)), m.precision, record::number_text(m.latency_ms.min),
                   record::number_text(m.latency_ms.p50), record::number_text(m.latency_ms.p99),
                   record::number_text(m.throughput), record::number_text(m.load_ms),
                   human_bytes(static_cast<double>(m.peak_bytes))});
    std::string s = table.text();
    if (b.ratio)
        s += cat("second over first: ", record::number_text(b.ratio->estimate), " (", record::number_text(b.ratio->low),
                 " to ", record::number_text(b.ratio->high), "; below 1 the second is faster)\n");
    return s + cat("measured in hone, ", b.threads, " threads, batch ", b.batch, ", ", b.models[0].runs,
                   " runs a model over ", processes, " processes; ", b.machine.cpu, ", load ",
                   record::number_text(b.machine.load.back()), "\n");
}

int bench(BenchArgs& a, Call& call) {
    a.timing.threads = call.common.threads;
    auto timed = [&](const std::string& path) {
        const Graph g = read_model(path);
        return eval::TimedModel{path, choose_precision(a.precision, g)};
    };
    const eval::TimedModel first = timed(a.first);
    std::optional<eval::TimedModel> second;
    if (!a.second.empty()) second = timed(a.second);
    record::Bench b;
    b.threads = a.timing.threads;
    b.batch = a.timing.batch;
    b.machine = this_machine(a.timing.threads);
    const eval::PairTiming t = eval::time_pair(first, second ? &*second : nullptr, a.timing);
    b.machine.load.push_back(load_average());
    b.models.push_back(row_of(first, t.first, a.timing.batch));
    if (second) {
        b.models.push_back(row_of(*second, t.second, a.timing.batch));
        const eval::Speedup s = eval::paired_speedup(t.blocks);
        b.ratio = record::Interval{1 / s.estimate, 1 / s.high, 1 / s.low};
    }
    b.warnings = call.warnings;
    call.emit(record::to_json(b), human(b, a.timing.processes), "bench.json");
    return 0;
}
}  // namespace

Verb bench_verb() {
    auto a = std::make_shared<BenchArgs>();
    Verb v;
    v.name = "bench";
    v.summary = "latency, throughput, load time and memory of a model, or of two interleaved";
    v.examples = {
        {"hone bench net.onnx", "latency of one sample on all cores, in five fresh processes"},
        {"hone bench before.onnx after.onnx --threads 2 --json", "how much faster is the second? With an interval"}};
    v.declare = [a](Options& o) {
        o.positional("A", a->first, "the network, an ONNX file").required();
        o.positional("B", a->second, "a second one, timed against the first");
        o.add("batch", "N", a->timing.batch, "samples a run").at_least(1).at_most(1 << 20);
        add_precision(o, a->precision);
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
