// SPDX-License-Identifier: Apache-2.0
#include "eval/latency.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/process.h"
#include "base/rng.h"

namespace hone::eval {

Precision precision_from_name(const std::string& name) {
    if (name == "fp32") return Precision::fp32;
    if (name == "bf16") return Precision::bf16;
    fail(ErrorKind::usage, "precision.unknown", cat("unknown precision '", name, "'"), "Known: fp32, bf16.");
}
std::string precision_name(Precision p) { return p == Precision::bf16 ? "bf16" : p == Precision::fp16 ? "fp16" : "fp32"; }

std::vector<Dims> synthetic_dims(const Graph& g, int64_t batch) {
    std::vector<Dims> all;
    for (ValueId v : g.inputs) {
        const TypeInfo& t = g.value(v).type;
        if (!t.rank_known) fail(ErrorKind::model, "bench.shape", cat("the rank of input '", g.value(v).name, "' is unknown"));
        Dims d;
        for (size_t i = 0; i < t.shape.size(); ++i) d.push_back(t.shape[i].known() ? t.shape[i].value : i == 0 ? batch : 1);
        all.push_back(d);
    }
    return all;
}

namespace {
Tensor synthetic_input(DType type, const Dims& dims, uint64_t seed, size_t index) {
    Tensor t = Tensor::zeros(type, dims);
    Rng rng(seed, index);
    if (is_float(type))
        for (int64_t k = 0; k < t.count(); ++k) t.set(k, rng.normal());
    return t;
}
}  // namespace

std::vector<Tensor> synthetic_inputs(const Graph& g, int64_t batch, uint64_t seed) {
    std::vector<Tensor> out;
    const std::vector<Dims> dims = synthetic_dims(g, batch);
    for (size_t i = 0; i < dims.size(); ++i) out.push_back(synthetic_input(g.value(g.inputs[i]).type.dtype, dims[i], seed, i));
    return out;
}

std::vector<Tensor> synthetic_inputs(const Plan& plan, uint64_t seed) {
    std::vector<Tensor> out;
    for (size_t i = 0; i < plan.input_dims.size(); ++i) out.push_back(synthetic_input(plan.input_types[i], plan.input_dims[i], seed, i));
    return out;
}

void time_interleaved(Session& a, const std::vector<Tensor>& xa, Session* b, const std::vector<Tensor>& xb,
                      const TimingOptions& o, TimedBlock& block) {
    auto once = [](Session& s, const std::vector<Tensor>& x) {
        const double start = now_seconds();
        s.execute(x);
        return (now_seconds() - start) * 1e3;
    };
    const double warm = now_seconds();
    for (int i = 0; i < 3 || (now_seconds() - warm < 0.05 && i < 200); ++i) {
        once(a, xa);
        if (b) once(*b, xb);
    }
    const double start = now_seconds();
    for (int i = 0;; ++i) {
        const double seconds = now_seconds() - start;
        if ((i >= o.runs && seconds >= o.min_seconds) || (i >= 5 && seconds >= o.max_seconds)) break;
        check_interrupt();
        block.before.push_back(once(a, xa));
        if (b) block.after.push_back(once(*b, xb));
    }
}

std::string timing_process(const StartModel& start_model, const TimedModel& a, const TimedModel* b, const TimingOptions& o) {
    ThreadPool pool(o.threads);
    struct Loaded {
        std::unique_ptr<Session> session;
        std::vector<Tensor> inputs;
        double load_ms;
    };
    auto load = [&](const TimedModel& m) {
        const double start = now_seconds();
        PlanOptions po;
        po.threads = o.threads;
        po.precision = m.precision;
        auto session = std::make_unique<Session>(start_model(m, o.batch, po), &pool);
        const double load_ms = (now_seconds() - start) * 1e3;
        std::vector<Tensor> x = synthetic_inputs(session->plan());
        return Loaded{std::move(session), std::move(x), load_ms};
    };
    Loaded first = load(a), second{};
    if (b) second = load(*b);
    TimedBlock block;
    time_interleaved(*first.session, first.inputs, second.session.get(), second.inputs, o, block);
    auto number = [](double v) {
        char text[40];
        std::snprintf(text, sizeof text, "%.9g", v);
        return std::string(text);
    };
    std::string out = "load " + number(first.load_ms) + " " + number(second.load_ms) + "\n";
    out += "peak " + number(static_cast<double>(first.session->plan().memory_bytes())) + " " +
           number(b ? static_cast<double>(second.session->plan().memory_bytes()) : 0) + "\n";
    for (size_t i = 0; i < block.before.size(); ++i) out += "run " + number(block.before[i]) + " " + number(b ? block.after[i] : 0) + "\n";
    return out;
}

PairTiming time_pair(const TimedModel& a, const TimedModel* b, const TimingOptions& o) {
    PairTiming timing;
    std::vector<double> load_a, load_b;
    Progress progress("timing", o.processes);
    for (int p = 0; p < o.processes; ++p) {
        progress.update(p);
        std::vector<std::string> argv = {o.program.empty() ? this_program() : o.program, "time-pair", a.path, "--precision-a", precision_name(a.precision),
                                         "--threads", std::to_string(o.threads), "--batch", std::to_string(o.batch), "--runs", std::to_string(o.runs),
                                         "--max-memory", std::to_string(limits().memory_bytes)};
        if (!a.plan_file.empty()) argv.insert(argv.end(), {"--plan-a", a.plan_file});
        if (b) argv.insert(argv.end(), {"--second", b->path, "--precision-b", precision_name(b->precision)});
        if (b && !b->plan_file.empty()) argv.insert(argv.end(), {"--plan-b", b->plan_file});
        const ProcessResult r = run_process(argv);
        if (r.exit_code != 0) {
            const ErrorKind kind = r.exit_code >= 2 && r.exit_code <= 7 ? static_cast<ErrorKind>(r.exit_code) : ErrorKind::internal;
            fail(kind, "bench.process", cat("a timing process ended with exit code ", r.exit_code, ": ", r.err));
        }
        TimedBlock block;
        const char* at = r.out.c_str();
        while (*at) {
            char word[8];
            double x = 0, y = 0;
            int used = 0;
            if (std::sscanf(at, "%7s %lf %lf %n", word, &x, &y, &used) != 3) break;
            at += used;
            const std::string w = word;
            if (w == "load") {
                load_a.push_back(x);
                load_b.push_back(y);
            } else if (w == "peak") {
                timing.first.peak_bytes = static_cast<int64_t>(x);
                timing.second.peak_bytes = static_cast<int64_t>(y);
            } else if (w == "run") {
                block.before.push_back(x);
                if (b) block.after.push_back(y);
            }
        }
        HONE_CHECK(!block.before.empty(), "a timing process printed no runs: ", r.out.substr(0, 200));
        timing.first.ms.insert(timing.first.ms.end(), block.before.begin(), block.before.end());
        timing.second.ms.insert(timing.second.ms.end(), block.after.begin(), block.after.end());
        timing.blocks.push_back(std::move(block));
    }
    timing.first.load_ms = median(load_a);
    timing.second.load_ms = median(load_b);
    return timing;
}

}  // namespace hone::eval
