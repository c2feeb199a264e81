// SPDX-License-Identifier: Apache-2.0
#include "suite/rows.h"

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/thread_pool.h"
#include "record/table.h"

namespace hone::suite {
namespace {

/// The greater of 2 * MACs over the rate of the best direct kernel and of the weights' bytes over the bandwidth.
double floor_ms(RowContext& c, eval::RateKind kind, int64_t batch) {
    const double bytes = c.network.weights * (kind == eval::RateKind::fp32 ? 4 : kind == eval::RateKind::bf16 ? 2 : 1);
    const double rate = c.probe().gops(kind, c.threads), bandwidth = c.probe().gbs(bytes, c.threads);
    if (rate <= 0 || bandwidth <= 0) return 0;
    return std::max(2 * c.network.macs * static_cast<double>(batch) / rate, bytes / bandwidth) * 1e-6;
}

std::vector<std::string> child_words(const RowContext& c, const std::string& kind, int64_t batch) {
    return {"inference",  "--raw",
            "--rows",     kind,
            "--batches",  std::to_string(batch),
            "--networks", c.network.name,
            "--threads",  std::to_string(c.threads),
            "--runs",     std::to_string(c.args.rounds),
            "--seconds",  std::to_string(static_cast<int>(c.args.seconds)),
            "--out",      c.args.out,
            "--root",     c.args.root};
}

std::string rate_text(const Seen& s, int64_t batch) {
    return s.timed() ? record::number_text(static_cast<double>(batch) * 1e3 / median(s.values())) : "none";
}

/// Of a row of batches, and of one that ended before all its turns.
std::string note_of(const Contest& contest, const Against& c, const std::vector<Seen>& seen, int rounds) {
    std::vector<std::string> notes;
    if (contest.row.starts_with("throughput"))
        notes.push_back(cat("samples a second: hone ", rate_text(seen[c.ours], contest.batch), ", peer ",
                            rate_text(seen[c.theirs], contest.batch)));
    if (seen[c.ours].timed() && seen[c.ours].series[0].size() < static_cast<size_t>(rounds))
        notes.push_back(cat(seen[c.ours].series[0].size(), " turns"));
    return join(notes, "; ");
}

}  // namespace

const eval::Probe& RowContext::probe() {
    if (!probe_) probe_ = eval::probe_machine({threads, 2});
    return *probe_;
}

ContestOptions contest_options(const Args& a, int threads, const Contest& contest) {
    ContestOptions o{
        .threads = threads, .rounds = a.rounds, .root = a.root, .batch = contest.batch, .busy = contest.busy};
    if (contest.batch > 1) o.seconds = a.seconds;
    return o;
}

void run_contest(RowContext& c, const std::string& kind, const Contest& contest) {
    if (contest.busy && (c.threads < 2 || available_cores() < 2)) {
        c.result.remark(cat(c.network.name, ": no row ", contest.row, ", which takes 2 threads and 2 cores."));
        return;
    }
    std::fprintf(stderr, "%s, %s, %d threads: %d rounds of %zu engines\n", c.network.name.c_str(), contest.row.c_str(),
                 c.threads, c.args.rounds, contest.entries.size());
    if (contest.floors) c.probe();
    const std::vector<Seen> seen =
        c.args.processes > 1
            ? measure_in_processes(c.args.program, child_words(c, kind, contest.batch), c.args.processes)
            : measure(contest.entries, contest_options(c.args, c.threads, contest));
    c.result.saw(contest.entries, seen);
    if (contest.busy) {
        c.result.count_busy_loop();
        c.result.remark("Beside a busy loop: the note has how much of its core the loop got in each engine's turns.");
    }
    for (const Against& a : contest.comparisons)
        c.result.add(seen, {.ours = a.ours,
                            .theirs = a.theirs,
                            .network = c.network.name,
                            .precision = a.precision,
                            .threads = c.threads,
                            .peer = a.peer,
                            .floor_ms = contest.floors ? floor_ms(c, a.kind, contest.batch) : 0,
                            .note = note_of(contest, a, seen, c.args.rounds),
                            .row = contest.row,
                            .batch = contest.batch});
}

const std::vector<RowKind>& row_kinds() {
    static const std::vector<RowKind> kinds{
        {"latency", "one sample: fp32, bf16, int8 and tuned plans beside onnxruntime and openvino", {1}, true,
         latency_contest, nullptr},
        {"throughput", "samples a second at batch sizes, beside onnxruntime", {1, 8, 32}, false, throughput_contest,
         nullptr},
        {"busy", "one sample while another process keeps one core busy", {1}, false, busy_contest, nullptr},
        {"memory", "the most memory of a fresh process that loads and runs the model", {1, 32}, false, nullptr,
         add_peak_memory},
        {"start", "from the files to a session, hone from a plan file", {1}, true, nullptr, add_session_start},
    };
    return kinds;
}

std::vector<std::string> row_names() {
    std::vector<std::string> names;
    for (const RowKind& k : row_kinds()) names.emplace_back(k.name);
    return names;
}

const RowKind& find_row_kind(const std::string& name) {
    for (const RowKind& k : row_kinds())
        if (name == k.name) return k;
    fail(ErrorKind::usage, "bench.rows", cat("unknown kind of rows '", name, "'"),
         cat("Known: ", join(row_names(), ", "), "."));
}

void add_rows(RowContext& c, const RowKind& kind) {
    const bool many = kind.batches.size() > 1 && !c.args.batches.empty();
    for (const int64_t batch : many ? c.args.batches : kind.batches) {
        if (kind.contest)
            run_contest(c, kind.name, kind.contest(c.network, batch));
        else
            kind.add(c, batch);
    }
}

}  // namespace hone::suite
