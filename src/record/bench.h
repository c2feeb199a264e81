// SPDX-License-Identifier: Apache-2.0
// `hone bench --json`: hone.bench/1, and `scripts/bench SUITE --json`: hone.benchsuite/1. Made by the verb `bench`.
//
//   record::Bench b;
//   b.models.push_back({.model = path, .latency_ms = latency_of(samples)});
//   std::puts(record::to_json(b).c_str());
#pragma once
#include "record/common.h"

namespace hone::record {

/// Runs one after another at a batch size, in a fresh process.
struct BenchBatch {
    int64_t batch = 1;
    Latency latency_ms{};
    double throughput = 0;  ///< samples a second
    int64_t peak_bytes = 0;
    std::optional<double> energy_joules{};
    double cpu_seconds = 0;
    int64_t runs = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("batch", s.batch);
        v("latency_ms", s.latency_ms);
        v("throughput", s.throughput);
        v("peak_bytes", s.peak_bytes);
        v("energy_joules", s.energy_joules);
        v("cpu_seconds", s.cpu_seconds);
        v("runs", s.runs);
    }
};

struct BenchModel {
    std::string model{}, precision{}, runtime{};
    std::string plan_file{};  ///< that was taken instead of planning; empty: none
    Latency latency_ms{};
    double throughput = 0;  ///< samples per second
    double load_ms = 0;
    int64_t peak_bytes = 0;   ///< the most that was resident in a fresh process, program and mapped file included
    int64_t start_bytes = 0;  ///< of these, what was there before the model was opened
    int64_t plan_bytes = 0;   ///< what the plan counts: arena, scratch, weights
    std::optional<double> energy_joules{};  ///< a sample, of the whole processor, where RAPL can be read
    double cpu_seconds = 0;                 ///< a sample, all threads
    int64_t runs = 0;
    std::vector<BenchBatch> batches{};  ///< where they were asked for
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("precision", s.precision);
        v("runtime", s.runtime);
        v("plan_file", s.plan_file);
        v("latency_ms", s.latency_ms);
        v("throughput", s.throughput);
        v("load_ms", s.load_ms);
        v("peak_bytes", s.peak_bytes);
        v("start_bytes", s.start_bytes);
        v("plan_bytes", s.plan_bytes);
        v("energy_joules", s.energy_joules);
        v("cpu_seconds", s.cpu_seconds);
        v("runs", s.runs);
        v("batches", s.batches);
    }
};

struct Bench {
    static constexpr const char* schema = "hone.bench/1";
    int64_t threads = 0, batch = 1;
    Machine machine{};
    std::vector<BenchModel> models{};
    std::optional<Interval> ratio{};  ///< second over first, interleaved; null with one model
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("threads", s.threads);
        v("batch", s.batch);
        v("machine", s.machine);
        v("models", s.models);
        v("ratio", s.ratio);
        v("warnings", s.warnings);
    }
};

/// Resident memory of a process that loads and runs a model.
struct SuiteMemory {
    int64_t peak_bytes = 0;   ///< the most that was resident, program, libraries and mapped files included
    int64_t start_bytes = 0;  ///< of these, what was there before the model was opened
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("peak_bytes", s.peak_bytes);
        v("start_bytes", s.start_bytes);
    }
};

struct SuiteRow {
    std::string network{};
    std::string row{};  ///< what was measured: "latency", "throughput batch 8", "peak memory batch 1", "session start" ...
    std::string precision{};
    int64_t threads = 0, batch = 1;
    std::optional<double> hone_ms{};  ///< of a whole batch
    std::string peer{};
    std::optional<double> peer_ms{};  ///< null: the peer is missing, or the row is about memory
    std::optional<SuiteMemory> hone_memory{}, peer_memory{};
    std::optional<Interval> ratio{};  ///< hone over peer: of the times, or of the peaks above what was there at the start
    std::optional<double> floor_ms{};
    std::string note{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("network", s.network);
        v("row", s.row);
        v("precision", s.precision);
        v("threads", s.threads);
        v("batch", s.batch);
        v("hone_ms", s.hone_ms);
        v("peer", s.peer);
        v("peer_ms", s.peer_ms);
        v("hone_memory", s.hone_memory);
        v("peer_memory", s.peer_memory);
        v("ratio", s.ratio);
        v("floor_ms", s.floor_ms);
        v("note", s.note);
    }
};

struct BenchSuite {
    static constexpr const char* schema = "hone.benchsuite/1";
    std::string cpu{};
    Texts peers{};  ///< name -> version, or "missing"
    std::vector<double> load{};
    std::vector<SuiteRow> rows{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("cpu", s.cpu);
        v("peers", s.peers);
        v("load", s.load);
        v("rows", s.rows);
    }
};

}  // namespace hone::record
