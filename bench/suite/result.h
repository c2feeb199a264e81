// SPDX-License-Identifier: Apache-2.0
// Rows of a suite: one engine's time (or memory) over another's, with the interval, the floor and what was wrong.
//
//   Result r;
//   r.add(seen, {.ours = 0, .theirs = 3, .network = "resnet50", .precision = "fp32", .threads = 2, .peer = "them"});
//   r.print(args);
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "record/bench.h"
#include "suite/args.h"
#include "suite/contest.h"

namespace hone::suite {

struct Comparison {
    size_t ours, theirs;  ///< of the entries
    std::string network, precision;
    int threads = 1;
    std::string peer;
    bool peers_only = false;  ///< `ours` is no hone either: its time is no hone_ms
    double floor_ms = 0;      ///< 0: unknown
    std::string note{};
    std::string row = "latency";
    int64_t batch = 1;
    std::optional<record::SuiteMemory> our_memory{}, their_memory{};  ///< given: a row about memory, in bytes
};

class Result {
  public:
    Result();
    void saw(const std::vector<Entry>& entries, const std::vector<Seen>& seen);  ///< peers' versions
    void count_busy_loop() { own_load_ = 1; }  ///< one of ours ran: the load is no neighbour's
    void add(const std::vector<Seen>& seen, const Comparison& c);
    void remark(const std::string& line);  ///< under the table, once
    /// The table, or JSON, as the arguments say.
    void print(const Args& args);
    const record::BenchSuite& suite() const { return suite_; }

  private:
    record::BenchSuite suite_;
    double own_load_ = 0;
    std::vector<std::vector<std::string>> cells_;
    std::vector<std::string> remarks_;
};

}  // namespace hone::suite
