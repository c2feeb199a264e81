// SPDX-License-Identifier: Apache-2.0
#include "eval/usage.h"

#include <cstdio>
#include <sstream>

#include "base/interrupt.h"
#include "base/limits.h"
#include "base/process.h"
#include "base/usage.h"

namespace hone::eval {

double Usage::throughput() const { return ms.empty() ? 0 : batch * 1e3 / median(ms); }

std::string usage_process(const StartModel& start_model, const TimedModel& m, const TimingOptions& o) {
    const int64_t start_bytes = resident_bytes();
    ThreadPool pool(o.threads);
    const double start = now_seconds();
    PlanOptions po;
    po.threads = o.threads;
    po.precision = m.precision;
    const auto session = std::make_unique<Session>(start_model(m, o.batch, po), &pool);
    const double load_ms = (now_seconds() - start) * 1e3;
    const std::vector<Tensor> inputs = synthetic_inputs(session->plan());
    for (int i = 0; i < 3; ++i) session->execute(inputs);
    std::vector<double> ms;
    const EnergyMeter meter;
    const double cpu = cpu_seconds(), begin = now_seconds();
    for (double spent = 0;;) {
        check_interrupt();
        const double before = now_seconds();
        session->execute(inputs);
        const double after = now_seconds();
        ms.push_back((after - before) * 1e3);
        spent = after - begin;
        if (static_cast<int>(ms.size()) >= o.runs && spent >= o.min_seconds) break;
        if (ms.size() >= 5 && spent >= o.max_seconds) break;
    }
    const double samples = static_cast<double>(ms.size()) * o.batch;
    const double cpu_each = (cpu_seconds() - cpu) / samples;
    const auto joules = meter.joules();
    std::ostringstream out;
    out.precision(9);
    out << "load " << load_ms << "\nstart " << start_bytes << "\npeak " << peak_resident_bytes() << "\nplan "
        << session->plan().memory_bytes() << "\ncpu " << cpu_each << "\n";
    if (joules) out << "joules " << *joules / samples << "\n";
    for (const double t : ms) out << "run " << t << "\n";
    return out.str();
}

Usage measure_usage(const TimedModel& m, const TimingOptions& o) {
    std::vector<std::string> argv = {o.program.empty() ? this_program() : o.program, "usage", m.path, "--precision", precision_name(m.precision),
                                     "--threads", std::to_string(o.threads), "--batch", std::to_string(o.batch), "--runs",
                                     std::to_string(o.runs), "--seconds", std::to_string(o.min_seconds), "--max-memory",
                                     std::to_string(limits().memory_bytes)};
    if (!m.plan_file.empty()) argv.insert(argv.end(), {"--plan", m.plan_file});
    const ProcessResult r = run_process(argv);
    if (r.exit_code != 0) {
        const ErrorKind kind =
            r.exit_code >= 2 && r.exit_code <= 7 ? static_cast<ErrorKind>(r.exit_code) : ErrorKind::internal;
        fail(kind, "bench.process", cat("a measuring process ended with exit code ", r.exit_code, ": ", r.err));
    }
    Usage u;
    u.batch = o.batch;
    std::istringstream in(r.out);
    std::string word;
    for (double v; in >> word >> v;) {
        if (word == "load") u.load_ms = v;
        if (word == "start") u.start_bytes = static_cast<int64_t>(v);
        if (word == "peak") u.peak_bytes = static_cast<int64_t>(v);
        if (word == "plan") u.plan_bytes = static_cast<int64_t>(v);
        if (word == "cpu") u.cpu_seconds = v;
        if (word == "joules") u.joules = v;
        if (word == "run") u.ms.push_back(v);
    }
    HONE_CHECK(!u.ms.empty(), "a measuring process printed no runs: ", r.out.substr(0, 200));
    return u;
}

}  // namespace hone::eval
