// SPDX-License-Identifier: Apache-2.0
// Engines on models in one interleaved run: in every round each takes its turn, hone in this process, peers in theirs.
// A turn is one run untimed (caches, the spinning of whoever went before; where a run takes 200 ms that no longer
// counts, and there is none) and then timed ones: one, or where a run takes less than 2 ms as many as fit there, of
// which the median counts. Answers are compared. Called by the suites.
//
//   const std::vector<Seen> seen = measure(entries, {.threads = 2, .rounds = 40});
//   const std::optional<record::Interval> r = ratio(seen, 0, 1);      // time of entry 0 over time of entry 1
#pragma once
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"
#include "record/bench.h"

namespace hone::suite {

/// An engine on a model at a precision.
struct Entry {
    std::string engine;  ///< "hone", "onnxruntime", "openvino"
    std::string path;
    std::string precision = "fp32";  ///< of the float parts: "fp32" or "bf16"
    bool spin = false;               ///< onnxruntime's default
    std::vector<size_t> judges{};    ///< entries whose answer this one must give; the first that runs counts
    double bound = 1e-3;             ///< on answer_error
    bool tuned = false;              ///< hone by a measured plan; its times stand beside the model, .tune.jsonl
};

struct ContestOptions {
    int threads = 1;
    int rounds = 40;
    std::string root = ".";  ///< the repository, for peers
    int64_t batch = 1;
    bool busy = false;  ///< beside a loop that keeps one core busy, from the first round on
    double seconds = std::numeric_limits<double>::infinity();  ///< then no further round begins, but for the first 10
};

struct Seen {
    std::string version;          ///< of a peer
    std::string trouble;          ///< "missing", "wrong: ...", "refused: ..."; then there is no time
    std::optional<double> error;  ///< as Entry::bound; empty where no judge ran
    std::string note;             ///< what else was seen
    std::vector<std::vector<double>> series;  ///< one a process: ms, or bytes where the row is about memory
    bool timed() const { return trouble.empty() && !series.empty(); }
    std::vector<double> values() const;  ///< of all series
};

std::vector<Seen> measure(const std::vector<Entry>& entries, const ContestOptions& options);

/// Runs `program` with `argv` in `processes` fresh processes; each calls measure and prints raw_text.
std::vector<Seen> measure_in_processes(const std::string& program, const std::vector<std::string>& argv, int processes);
std::string raw_text(const std::vector<Seen>& seen);
std::vector<Seen> seen_from_raw(const std::string& text);

/// What an engine's error means in a row. Throws where it is an interrupt.
std::string trouble_of(const Error& error);
/// Holds every answer against that of its first judge that has one; those too far off are trouble.
void judge(const std::vector<Entry>& entries, const std::vector<std::vector<Tensor>>& answers, std::vector<Seen>& seen);

/// What entry a took over what entry b took, in the order of measuring; empty where one was not measured.
std::optional<record::Interval> ratio(const std::vector<Seen>& seen, size_t a, size_t b);

}  // namespace hone::suite
