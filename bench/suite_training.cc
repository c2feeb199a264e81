// SPDX-License-Identifier: Apache-2.0
// The training step beside PyTorch's: both begin with the same weights and see the same batches, their losses are
// compared, their turns are interleaved in one run. Peak memory is of fresh processes that take a few steps.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "base/usage.h"
#include "data/open.h"
#include "onnx/reader.h"
#include "suite/result.h"
#include "suite/suites.h"
#include "suite/torch.h"
#include "train/loop.h"

namespace hone::suite {
namespace {

constexpr int compared_steps = 4, memory_steps = 3;
constexpr double fp32_bound = 1e-3, bf16_bound = 0.05;  ///< on the losses of the first steps, relative to theirs in fp32

/// A side of the contest: ours where `variant` is empty.
struct Side {
    const char *name, *precision, *variant;
    bool recompute = false;
};
const Side sides[] = {{"hone fp32", "fp32", ""}, {"hone bf16", "bf16", ""}, {"torch fp32 channels-last", "fp32", "fp32_last"},
                      {"torch fp32", "fp32", "fp32"}, {"torch bf16 channels-last", "bf16", "bf16_last"},
                      {"hone fp32, recomputed", "fp32", "", true}, {"hone bf16, recomputed", "bf16", "", true}};
constexpr std::pair<size_t, size_t> pairs[] = {{0, 2}, {0, 3}, {1, 2}, {1, 3}, {1, 4}, {5, 2}, {6, 4}};
constexpr size_t epoch_sides[] = {1, 3};

std::vector<Entry> entries() {
    std::vector<Entry> all;
    for (const Side& s : sides) all.push_back({.engine = *s.variant ? "torch" : "hone", .path = "", .precision = s.precision});
    return all;
}

class Bench {
  public:
    Bench(const Args& a, std::string network, Result& r) : args_(a), network_(std::move(network)), result_(r), threads_(a.threads.back()) {
        write_training_files(network_, folder(), batch(), 1);
    }

    void steps() {
        std::fprintf(stderr, "%s, training step, batch %d, %d threads\n", network_.c_str(), static_cast<int>(batch()), threads_);
        ThreadPool pool(threads_);
        std::vector<std::unique_ptr<OwnTrainer>> own(std::size(sides));
        std::unique_ptr<Torch> torch;
        std::vector<Seen> seen(std::size(sides));
        std::vector<std::vector<double>> losses(std::size(sides));
        const auto turn = [&](size_t i, int n) {
            if (!seen[i].trouble.empty()) return TrainedSteps{};
            try {
                if (!*sides[i].variant) {
                    if (!own[i]) own[i] = std::make_unique<OwnTrainer>(folder(), network_, batch(), precision(i), sides[i].recompute, pool);
                    return own[i]->run(n);
                }
                if (!torch) torch = std::make_unique<Torch>(torch_options());
                seen[i].version = torch->version();
                return torch->run(network_, sides[i].variant, n);
            } catch (const Error& e) {
                seen[i].trouble = trouble_of(e);
                return TrainedSteps{};
            }
        };
        double slowest = 0, fastest = 1e9;
        for (size_t i = 0; i < seen.size(); ++i) {
            const TrainedSteps t = turn(i, compared_steps);
            losses[i] = t.losses;
            if (t.ms.empty()) continue;
            slowest = std::max(slowest, minimum(t.ms)), fastest = std::min(fastest, minimum(t.ms));
        }
        judge_losses(losses, seen);
        const int each = static_cast<int>(std::clamp(20 / fastest, 1.0, 50.0)), untimed = slowest < 200 ? 1 : 0;
        const double start = now_seconds();
        for (int round = 0; round < args_.rounds && (round < 10 || now_seconds() - start < args_.seconds); ++round)
            for (size_t i = 0; i < seen.size(); ++i) {
                check_interrupt();
                const TrainedSteps t = turn(i, untimed + each);
                if (t.ms.empty()) continue;
                seen[i].series.resize(1);
                seen[i].series[0].push_back(median({t.ms.begin() + untimed, t.ms.end()}));
            }
        result_.saw(entries(), seen);
        add(seen, "training step");
    }

    void memory() {
        std::fprintf(stderr, "%s, peak memory of a training step\n", network_.c_str());
        std::vector<Seen> seen(std::size(sides));
        std::vector<record::SuiteMemory> held(std::size(sides));
        for (size_t i = 0; i < seen.size(); ++i) {
            try {
                held[i] = *sides[i].variant ? torch_memory(sides[i].variant) : own_memory(sides[i]);
                seen[i].series = {{static_cast<double>(held[i].peak_bytes - held[i].start_bytes)}};
            } catch (const Error& e) {
                seen[i].trouble = trouble_of(e);
            }
        }
        add(seen, "training memory", &held);
        result_.remark("Training memory: of fresh processes that take 3 steps, without what each held before the network was made.");
    }

    /// Where our own step's time goes: the least of a few runs, kernel by kernel, the longest first, and summed by operator.
    void profile(size_t side) {
        ThreadPool pool(threads_);
        OwnTrainer own(folder(), network_, batch(), precision(side), sides[side].recompute, pool);
        own.run(1);
        Session& session = own.runner().session();
        session.profile(true);
        const std::vector<Step>& steps = own.plan().steps;
        std::vector<double> least(steps.size(), 1e9);
        for (int k = 0; k < 5; ++k) {
            own.run(1);
            for (size_t i = 0; i < steps.size(); ++i) least[i] = std::min(least[i], seconds_between(session.marks()[i], session.marks()[i + 1]) * 1e3);
        }
        std::map<std::string, std::pair<int, double>> by_op;
        std::vector<std::pair<double, std::string>> rows;
        double all = 0;
        for (size_t i = 0; i < steps.size(); ++i) {
            const Step& s = steps[i];
            const std::string kernel = s.kernel ? s.kernel->implementation() : s.kind == StepKind::view ? "view" : "reference";
            auto& sum = by_op[cat(s.op, " [", kernel, "]")];
            sum.first += 1, sum.second += least[i], all += least[i];
            std::string shapes;
            for (const std::vector<int>* slots : {&s.in, &s.out})
                for (int v : *slots)
                    if (v >= 0) shapes += cat(slots == &s.out ? " -> " : " ", to_text(own.plan().slots[static_cast<size_t>(v)].type), own.plan().slots[static_cast<size_t>(v)].layout == Layout::channels_last ? "*" : "");
            rows.emplace_back(least[i], cat(s.op, " [", kernel, "]", shapes, " # ", join(s.origins, "+").substr(0, 60)));
        }
        std::printf("%s %s: %zu steps, %.2f ms, arena %.1f MB, scratch %.1f MB (* channels last)\n", network_.c_str(), sides[side].name, steps.size(), all,
                    static_cast<double>(own.plan().arena_bytes) * 1e-6, static_cast<double>(own.plan().scratch_bytes) * 1e-6);
        std::vector<std::pair<double, std::string>> sums;
        for (const auto& [op, sum] : by_op) sums.emplace_back(sum.second, cat(sum.first, " x ", op));
        for (auto* list : {&sums, &rows}) {
            std::stable_sort(list->begin(), list->end(), [](const auto& a, const auto& b) { return a.first > b.first; });
            for (const auto& [ms, text] : *list) std::printf("%9.3f  %s\n", ms, text.c_str());
            std::printf("\n");
        }
    }

    /// Wall time of whole epochs, evaluation included, tensors in memory.
    void epochs_on(const std::string& data, int epochs) {
        std::vector<Seen> seen(std::size(sides));
        for (const size_t i : epoch_sides) {
            std::fprintf(stderr, "%s, %d epochs: %s\n", network_.c_str(), epochs, sides[i].name);
            try {
                if (*sides[i].variant) {
                    const auto [seconds, accuracy] = Torch(torch_options()).epochs(network_, sides[i].variant, idx_folder(), epochs, images());
                    seen[i].series = {{seconds * 1e3}};
                    seen[i].note = cat("accuracy ", accuracy);
                } else {
                    own_epochs(data, epochs, precision(i), seen[i]);
                }
                std::fprintf(stderr, "  %.0f s, %s\n", seen[i].series[0][0] * 1e-3, seen[i].note.c_str());
            } catch (const Error& e) {
                seen[i].trouble = trouble_of(e);
            }
        }
        add(seen, cat(epochs, epochs > 1 ? " epochs" : " epoch"));
    }

  private:
    int64_t batch() const { return args_.batches.empty() ? 64 : args_.batches[0]; }
    std::string folder() const { return args_.out + "/training"; }
    static Precision precision(size_t side) { return std::string(sides[side].precision) == "bf16" ? Precision::bf16 : Precision::fp32; }
    static std::string idx_folder() { return "/usr/share/datasets/fashion-mnist"; }
    static int64_t images() { return 55000; }  // what the known data set's training part has
    Torch::Options torch_options() const { return {args_.root + "/bench/training_torch.py", folder(), threads_, batch()}; }

    record::SuiteMemory torch_memory(const char* variant) const {
        Torch torch(torch_options());
        torch.run(network_, variant, memory_steps);
        return torch.memory();
    }
    record::SuiteMemory own_memory(const Side& side) const {
        const ProcessResult r = run_process({args_.program, "training", "--raw", "--networks", network_, "--rows", cat(side.precision, side.recompute ? ",recompute" : ""), "--threads",
                                             std::to_string(threads_), "--batches", std::to_string(batch()), "--out", args_.out});
        record::SuiteMemory m;
        std::istringstream numbers(r.out);
        if (r.exit_code != 0 || !(numbers >> m.start_bytes >> m.peak_bytes))
            fail(ErrorKind::io, "bench.child", cat("a process whose memory was measured ended with ", r.exit_code, ": ", r.err.substr(0, 300)));
        return m;
    }
    void own_epochs(const std::string& data, int epochs, Precision precision, Seen& seen) const {
        DataOptions o;
        o.channels = 1, o.height = o.width = 28;
        o.preprocess.mean = {0.286};
        o.preprocess.std = {0.353};
        const DataParts parts = open_data(data, o);
        train::LoopOptions loop;
        loop.step.update.hyper["momentum"] = training_momentum;
        loop.rate = training_rate, loop.epochs = epochs, loop.batch = batch(), loop.threads = threads_, loop.precision = precision;
        const double start = now_seconds();
        const train::Trained t = train::train(read_model(cat(folder(), "/", network_, ".onnx")), parts.training, parts.test.get(), loop, {});
        seen.series = {{(now_seconds() - start) * 1e3}};
        seen.note = cat("accuracy ", t.history.back().metrics.at("top1"), ", waited for data ", t.waited, " of ", t.seconds, " s");
    }

    /// Against torch's in fp32, or where there is none ours in fp32.
    void judge_losses(const std::vector<std::vector<double>>& losses, std::vector<Seen>& seen) const {
        const std::vector<double>& right = losses[2].empty() ? losses[0] : losses[2];
        for (size_t i = 0; i < seen.size(); ++i) {
            if (losses[i].size() != right.size() || &losses[i] == &right) continue;
            double off = 0;
            for (size_t k = 0; k < right.size(); ++k) off = std::max(off, std::fabs(losses[i][k] - right[k]) / std::fabs(right[k]));
            seen[i].error = off;
            const double bound = precision(i) == Precision::bf16 ? bf16_bound : fp32_bound;
            if (!(off <= bound)) seen[i].trouble = cat("wrong: losses of ", compared_steps, " steps are off by ", off, ", bound ", bound);
        }
    }
    void add(const std::vector<Seen>& seen, const std::string& row, const std::vector<record::SuiteMemory>* held = nullptr) {
        for (const auto& [ours, theirs] : pairs) {
            const auto ran = [&](size_t i) { return !seen[i].series.empty() || !seen[i].trouble.empty(); };
            if (!ran(ours) || !ran(theirs)) continue;
            Comparison c{.ours = ours, .theirs = theirs, .network = network_, .precision = sides[ours].precision, .threads = threads_,
                         .peer = sides[theirs].name, .row = cat(row, sides[ours].recompute ? ", recomputed" : ""), .batch = batch()};
            if (held) c.our_memory = (*held)[ours], c.their_memory = (*held)[theirs];
            result_.add(seen, c);
        }
    }

    const Args& args_;
    std::string network_;
    Result& result_;
    int threads_;
};

/// The fresh process: prints the bytes at the start and at most.
int raw_memory(const Args& a) {
    const int64_t start = resident_bytes();
    ThreadPool pool(a.threads.back());
    const bool recompute = a.rows.size() > 1 && a.rows[1] == "recompute";
    OwnTrainer own(a.out + "/training", a.networks.at(0), a.batches.at(0), a.rows.at(0) == "bf16" ? Precision::bf16 : Precision::fp32, recompute, pool);
    own.run(memory_steps);
    std::printf("%lld %lld\n", static_cast<long long>(start), static_cast<long long>(peak_resident_bytes()));
    return 0;
}

}  // namespace

int training(const Args& a) {
    if (a.raw) return raw_memory(a);
    const std::vector<std::string> networks = a.networks.empty() ? training_networks() : a.networks;
    const std::vector<std::string> rows = a.rows.empty() ? std::vector<std::string>{"step", "memory"} : a.rows;
    for (const std::string& row : rows)
        if (row != "step" && row != "memory" && row != "epoch" && row != "epochs" && row != "profile") fail(ErrorKind::usage, "bench.rows", cat("unknown rows '", row, "'"), "Known: step, memory, epoch, epochs, profile.");
    Result result;
    for (const std::string& network : networks) {
        Bench bench(a, network, result);
        for (const std::string& row : rows) {
            if (row == "step") bench.steps();
            if (row == "memory") bench.memory();
            if (row == "profile") bench.profile(0), bench.profile(1);
            if (row == "epoch" || row == "epochs") bench.epochs_on("fashion-mnist", row == "epoch" ? 1 : 3);
        }
    }
    if (rows != std::vector<std::string>{"profile"}) result.print(a);
    return 0;
}

}  // namespace hone::suite
