// SPDX-License-Identifier: Apache-2.0
#include "suite/contest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "eval/latency.h"
#include "eval/peer.h"
#include "onnx/reader.h"
#include "run/tune.h"
#include "suite/picture_data.h"

namespace hone::suite {
namespace {

constexpr double least_turn_ms = 2;
constexpr int most_runs_a_turn = 50, warm_turns = 3;
constexpr auto spinning_stops = std::chrono::milliseconds(20);

class Runner {
  public:
    virtual ~Runner() = default;
    virtual std::vector<double> run(int n) = 0;  ///< ms
    virtual std::vector<Tensor> outputs() = 0;
    virtual std::string version() const { return {}; }
};

class HoneRunner : public Runner {
  public:
    HoneRunner(const Entry& e, ThreadPool& pool, std::vector<Tensor> inputs) : inputs_(std::move(inputs)) {
        PlanOptions o;
        o.threads = pool.threads();
        o.precision = eval::precision_from_name(e.precision);
        std::vector<Dims> dims;
        for (const Tensor& t : inputs_) dims.push_back(t.dims());
        const Graph g = read_model(e.path);
        if (!e.tuned) {
            session_ = std::make_unique<Session>(make_plan(g, dims, o), &pool);
            return;
        }
        record::Journal journal = record::Journal::open(e.path + ".tune.jsonl", record::machine_key());
        session_ = std::make_unique<Session>(tune_plan(g, dims, o, &pool, journal).plan, &pool);
    }
    std::vector<double> run(int n) override {
        std::vector<double> ms;
        for (int i = 0; i < n; ++i) {
            const double start = now_seconds();
            session_->execute(inputs_);
            ms.push_back((now_seconds() - start) * 1e3);
        }
        return ms;
    }
    std::vector<Tensor> outputs() override { return session_->run(inputs_); }

  private:
    std::vector<Tensor> inputs_;
    std::unique_ptr<Session> session_;
};

class PeerRunner : public Runner {
  public:
    PeerRunner(const Entry& e, const ContestOptions& o, const std::vector<Tensor>& inputs)
        : peer_({.engine = e.engine,
                 .model = e.path,
                 .threads = o.threads,
                 .precision = e.precision == "bf16" ? "bf16" : "f32",
                 .spin = e.spin,
                 .root = o.root}),
          spins_(e.spin && o.threads > 1) {
        if (peer_.inputs().size() != inputs.size())
            fail(ErrorKind::model, "bench.inputs",
                 cat(peer_.inputs().size(), " inputs where the first model has ", inputs.size()));
        for (size_t i = 0; i < inputs.size(); ++i) peer_.set_input(peer_.inputs()[i].name, inputs[i]);
    }
    std::vector<double> run(int n) override {
        std::vector<double> ms = peer_.run(n);
        if (spins_) std::this_thread::sleep_for(spinning_stops);
        return ms;
    }
    std::vector<Tensor> outputs() override { return peer_.outputs(); }
    std::string version() const override { return peer_.version(); }

  private:
    eval::Peer peer_;
    bool spins_;
};

double error_of(const std::vector<Tensor>& y, const std::vector<Tensor>& r) {
    if (y.size() != r.size()) return INFINITY;
    double worst = 0;
    for (size_t k = 0; k < y.size(); ++k) {
        if (y[k].dims() != r[k].dims()) return INFINITY;
        double peak = 1e-30, off = 0;
        for (int64_t i = 0; i < r[k].count(); ++i) {
            const double d = std::abs(y[k].at(i) - r[k].at(i));
            peak = std::max(peak, std::abs(r[k].at(i)));
            off = std::isfinite(d) ? std::max(off, d) : INFINITY;
        }
        worst = std::max(worst, off / peak);
    }
    return worst;
}

/// Pictures where an input looks like one, normal values elsewhere.
std::vector<Tensor> inputs_of(const Graph& g) {
    std::vector<Tensor> inputs = eval::synthetic_inputs(g, 1);
    for (size_t i = 0; i < inputs.size(); ++i) {
        Tensor& t = inputs[i];
        if (t.rank() == 4 && t.dim(0) == 1 && t.dtype() == DType::f32)
            draw_picture({t.dim(1), t.dim(2), t.dim(3)}, 1, i, t.data<float>());
    }
    return inputs;
}

struct Contestant {
    std::unique_ptr<Runner> runner;
    std::vector<Tensor> answer;
    int runs = 1;  ///< timed ones of a turn
    double turn() {
        const std::vector<double> ms = runner->run(1 + runs);
        return median({ms.begin() + 1, ms.end()});
    }
};

/// Calls f; what goes wrong in it is this entry's trouble, and ends its part.
template <class F>
void attempt(Contestant& c, Seen& seen, const F& f) {
    try {
        f();
    } catch (const Error& error) {
        check_interrupt();
        seen.trouble = error.id == "peer.absent" ? "missing" : cat("refused: ", error.message);
        c.runner.reset();
    }
}

void prepare(Contestant& c, const Entry& e, const ContestOptions& o, ThreadPool& pool,
             const std::vector<Tensor>& inputs, Seen& seen) {
    if (e.precision == "bf16" && usable_isa() < Isa::avx512_bf16)  // OpenVINO would run fp32 without a word
        fail(ErrorKind::unsupported, "bench.bf16", "this processor has no bf16");
    if (e.engine == "hone")
        c.runner = std::make_unique<HoneRunner>(e, pool, inputs);
    else
        c.runner = std::make_unique<PeerRunner>(e, o, inputs);
    seen.version = c.runner->version();
    std::vector<double> warm;
    for (int k = 0; k < warm_turns; ++k) warm.push_back(c.turn());
    c.runs = static_cast<int>(std::clamp(least_turn_ms / minimum(warm), 1.0, double{most_runs_a_turn}));
    c.answer = c.runner->outputs();
}

void judge(const std::vector<Entry>& entries, const std::vector<Contestant>& all, std::vector<Seen>& seen) {
    for (size_t i = 0; i < entries.size(); ++i)
        for (const size_t j : entries[i].judges) {
            if (j == i || !all[i].runner || !all[j].runner) continue;
            seen[i].error = error_of(all[i].answer, all[j].answer);
            if (!(*seen[i].error <= entries[i].bound))
                seen[i].trouble =
                    cat("wrong: off by ", *seen[i].error, " of the greatest output, bound ", entries[i].bound);
            break;
        }
}

}  // namespace

std::vector<double> Seen::all_ms() const {
    std::vector<double> all;
    for (const auto& series : ms) all.insert(all.end(), series.begin(), series.end());
    return all;
}

std::vector<Seen> measure(const std::vector<Entry>& entries, const ContestOptions& o) {
    HONE_CHECK(!entries.empty() && o.rounds > 0);
    ThreadPool pool(o.threads);
    const std::vector<Tensor> inputs = inputs_of(read_model(entries[0].path));
    std::vector<Seen> seen(entries.size());
    std::vector<Contestant> all(entries.size());
    for (size_t i = 0; i < entries.size(); ++i)
        attempt(all[i], seen[i], [&] { prepare(all[i], entries[i], o, pool, inputs, seen[i]); });
    judge(entries, all, seen);
    Progress progress("rounds", o.rounds);
    for (int round = 0; round < o.rounds; ++round) {
        check_interrupt();
        for (size_t i = 0; i < all.size(); ++i) {
            if (!all[i].runner || !seen[i].trouble.empty()) continue;
            seen[i].ms.resize(1);
            attempt(all[i], seen[i], [&] { seen[i].ms[0].push_back(all[i].turn()); });
        }
        progress.update(round + 1);
    }
    return seen;
}

std::optional<record::Interval> ratio(const std::vector<Seen>& seen, size_t a, size_t b) {
    if (!seen[a].timed() || !seen[b].timed()) return std::nullopt;
    const size_t first = std::min(a, b), second = std::max(a, b);
    std::vector<eval::TimedBlock> blocks;
    for (size_t p = 0; p < std::min(seen[a].ms.size(), seen[b].ms.size()); ++p)
        blocks.push_back({seen[first].ms[p], seen[second].ms[p]});
    const eval::Speedup s = eval::paired_speedup(blocks);
    if (first == a) return record::Interval{s.estimate, s.low, s.high};
    return record::Interval{1 / s.estimate, 1 / s.high, 1 / s.low};
}

}  // namespace hone::suite
