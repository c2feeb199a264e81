// SPDX-License-Identifier: Apache-2.0
// The kinds of rows of the suite `inference`: what is measured of a network. Most are contests of engines in one
// interleaved run; memory and session start are seen in fresh processes. To add a kind: a line in rows.cc.
//
//   for (const RowKind& kind : row_kinds()) add_rows(context, kind);
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "eval/probe.h"
#include "suite/networks.h"
#include "suite/result.h"

namespace hone::suite {

/// A network at a number of threads, and where its rows go.
class RowContext {
  public:
    RowContext(Result& r, const Args& a, const Network& n, int t) : result(r), args(a), network(n), threads(t) {}
    Result& result;
    const Args& args;
    const Network& network;
    const int threads;
    const eval::Probe& probe();  ///< of this machine, made at the first call: 2 s

  private:
    std::optional<eval::Probe> probe_;
};

// On answer_error: fp32 differs in the order of its sums; bf16 rounds each of some 50 layers to 8 bits (seen: 0.007);
// in an int8 file a step of rounding that falls the other way travels on (seen: 0.012 between engines). An int8 file
// itself is held against the fp32 one on one picture (seen: 0.025); of 32 there is one beyond the calibrated ranges
// (seen: 0.14), which is no engine's fault. Answers to two pictures differ by 0.16 and more.
constexpr double fp32_bound = 1e-3, bf16_bound = 0.01, int8_bound = 0.05;

/// Two entries of a contest.
struct Against {
    size_t ours, theirs;
    const char *precision, *peer;
    eval::RateKind kind;  ///< of the floor
};

struct Contest {
    std::string row;  ///< its name in the result
    std::vector<Entry> entries;
    std::vector<Against> comparisons;
    int64_t batch = 1;
    bool busy = false;   ///< beside a busy loop
    bool floors = true;  ///< not where the machine is not ours alone
};

Contest latency_contest(const Network& n, int64_t batch);
Contest throughput_contest(const Network& n, int64_t batch);
Contest busy_contest(const Network& n, int64_t batch);
/// Runs it and adds a row a comparison. `kind` is what a fresh process is asked for.
void run_contest(RowContext& c, const std::string& kind, const Contest& contest);
ContestOptions contest_options(const Args& a, int threads, const Contest& contest);

/// The high-water mark of fresh processes that load and run the model, hone and onnxruntime taking turns.
void add_peak_memory(RowContext& c, int64_t batch);
/// From the files to a session that can run, in fresh processes, hone from a plan file.
void add_session_start(RowContext& c, int64_t batch);

struct RowKind {
    const char *name, *summary;
    std::vector<int64_t> batches;
    bool each_threads;                               ///< else only at the greatest number of threads
    Contest (*contest)(const Network&, int64_t);     ///< or
    void (*add)(RowContext&, int64_t);
};
const std::vector<RowKind>& row_kinds();
std::vector<std::string> row_names();
/// Throws usage "bench.rows".
const RowKind& find_row_kind(const std::string& name);
/// All rows of a kind: at each of its batch sizes.
void add_rows(RowContext& c, const RowKind& kind);

}  // namespace hone::suite
