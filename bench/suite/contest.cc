// SPDX-License-Identifier: Apache-2.0
#include "suite/contest.h"

#include <algorithm>
#include <cmath>

#include "base/interrupt.h"
#include "eval/speedup.h"
#include "onnx/reader.h"
#include "suite/answer.h"
#include "suite/busy.h"
#include "suite/runner.h"

namespace hone::suite {
namespace {

constexpr double least_turn_ms = 2, long_run_ms = 200, warm_seconds = 1;
constexpr int most_runs_a_turn = 50, warm_turns = 3, least_rounds = 10;

struct Contestant {
    std::unique_ptr<Runner> runner;
    int untimed = 1, runs = 1;               ///< of a turn
    double loop_seconds = 0, wall_seconds = 0;  ///< what the busy loop got in our turns
    double turn() {
        const std::vector<double> ms = runner->run(untimed + runs);
        return median({ms.begin() + untimed, ms.end()});
    }
};

/// Calls f; what goes wrong in it is this entry's trouble, and ends its part.
template <class F>
void attempt(Contestant& c, Seen& seen, const F& f) {
    try {
        f();
    } catch (const Error& error) {
        seen.trouble = trouble_of(error);
        c.runner.reset();
    }
}

/// Returns the answer.
std::vector<Tensor> prepare(Contestant& c, const Entry& e, const ContestOptions& o, ThreadPool& pool,
                            const std::vector<Tensor>& inputs, Seen& seen) {
    c.runner = make_runner(e, o, pool, inputs);
    seen.version = c.runner->version();
    std::vector<double> warm;
    const double start = now_seconds();
    do warm.push_back(c.turn());
    while (warm.size() < warm_turns && now_seconds() - start < warm_seconds);
    c.runs = static_cast<int>(std::clamp(least_turn_ms / minimum(warm), 1.0, double{most_runs_a_turn}));
    c.untimed = minimum(warm) >= long_run_ms ? 0 : 1;
    c.runner->rest();
    return c.runner->outputs();
}

void take_turn(Contestant& c, const BusyLoop* busy, Seen& seen) {
    const double start = now_seconds(), loop = busy ? busy->seconds() : 0;
    seen.series[0].push_back(c.turn());
    c.wall_seconds += now_seconds() - start;
    if (busy) c.loop_seconds += busy->seconds() - loop;
    c.runner->rest();
}

}  // namespace

std::string trouble_of(const Error& error) {
    check_interrupt();
    return error.id == "peer.absent" ? "missing" : cat("refused: ", error.message);
}

void judge(const std::vector<Entry>& entries, const std::vector<std::vector<Tensor>>& answers,
           std::vector<Seen>& seen) {
    for (size_t i = 0; i < entries.size(); ++i)
        for (const size_t j : entries[i].judges) {
            if (j == i || answers[i].empty() || answers[j].empty()) continue;
            seen[i].error = answer_error(answers[i], answers[j]);
            if (!(*seen[i].error <= entries[i].bound))
                seen[i].trouble =
                    cat("wrong: off by ", *seen[i].error, " of the greatest output, bound ", entries[i].bound);
            break;
        }
}

std::vector<double> Seen::values() const {
    std::vector<double> all;
    for (const auto& one : series) all.insert(all.end(), one.begin(), one.end());
    return all;
}

std::vector<Seen> measure(const std::vector<Entry>& entries, const ContestOptions& o) {
    HONE_CHECK(!entries.empty() && o.rounds > 0);
    std::optional<BusyLoop> busy;
    if (o.busy) busy.emplace();
    ThreadPool pool(o.threads);
    const std::vector<Tensor> inputs = picture_inputs(read_model(entries[0].path), o.batch);
    std::vector<Seen> seen(entries.size());
    std::vector<Contestant> all(entries.size());
    {
        std::vector<std::vector<Tensor>> answers(entries.size());
        for (size_t i = 0; i < entries.size(); ++i)
            attempt(all[i], seen[i], [&] { answers[i] = prepare(all[i], entries[i], o, pool, inputs, seen[i]); });
        judge(entries, answers, seen);
    }
    if (busy) busy->start();
    Progress progress("rounds", o.rounds);
    const double start = now_seconds();
    for (int round = 0; round < o.rounds; ++round) {
        check_interrupt();
        if (round >= least_rounds && now_seconds() - start > o.seconds) break;
        for (size_t i = 0; i < all.size(); ++i) {
            if (!all[i].runner || !seen[i].trouble.empty()) continue;
            seen[i].series.resize(1);
            attempt(all[i], seen[i], [&] { take_turn(all[i], busy ? &*busy : nullptr, seen[i]); });
        }
        progress.update(round + 1);
    }
    for (size_t i = 0; busy && i < all.size(); ++i)
        if (seen[i].timed())
            seen[i].note = cat("loop at ", std::lround(100 * all[i].loop_seconds / all[i].wall_seconds), " %");
    return seen;
}

std::optional<record::Interval> ratio(const std::vector<Seen>& seen, size_t a, size_t b) {
    if (!seen[a].timed() || !seen[b].timed()) return std::nullopt;
    const size_t first = std::min(a, b), second = std::max(a, b);
    std::vector<eval::TimedBlock> blocks;
    for (size_t p = 0; p < std::min(seen[a].series.size(), seen[b].series.size()); ++p)
        blocks.push_back({seen[first].series[p], seen[second].series[p]});
    const eval::Speedup s = eval::paired_speedup(blocks);
    if (first == a) return record::Interval{s.estimate, s.low, s.high};
    return record::Interval{1 / s.estimate, 1 / s.high, 1 / s.low};
}

}  // namespace hone::suite
