// SPDX-License-Identifier: Apache-2.0
// Steps to a given loss: every optimiser on three networks over Fashion-MNIST, each at the best rate of one grid, against plain
// SGD. Every run goes to the same number of steps and is kept in a journal, so that what was stopped goes on where it was.
// scripts/convergence calls it: convergence OUT [NETWORK...] writes OUT/convergence.jsonl, .md and .svg.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "data/open.h"
#include "record/journal.h"
#include "report/curve_panels.h"
#include "train/loop.h"
#include "zoo/zoo.h"

using namespace hone;

namespace {

constexpr int64_t kBatch = 64, kWindow = 20;
constexpr double kRates[] = {10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001};
constexpr uint64_t kChoosing = 1;  ///< the seed that chooses the rate is none of those that are counted
constexpr uint64_t kSeeds[] = {2, 3, 4};

struct Task {
    std::string name, architecture;
    zoo::Request request;
    int64_t steps;
    double loss;  ///< the training loss to reach, as a mean over the last kWindow steps
};
std::vector<Task> tasks() {
    return {{"LeNet-5", "lenet", {.input = {1, 28, 28}, .classes = 10}, 400, 0.6},
            {"ResNet-20, a quarter as wide", "resnet", {.input = {1, 28, 28}, .classes = 10, .width = 0.25, .depth = 20}, 150, 0.9},
            {"LSTM, 2 x 32, over rows", "lstm", {.input = {1, 28, 28}, .classes = 10, .width = 0.25}, 300, 0.9}};
}

struct Rule {
    std::string name, optimizer;
    train::HyperValues hyper;
};
std::vector<Rule> rules() {
    return {{"sgd", "sgd", {}},         {"momentum 0.9", "sgd", {{"momentum", 0.9}}}, {"nesterov 0.9", "sgd", {{"momentum", 0.9}, {"nesterov", 1}}},
            {"adagrad", "adagrad", {}}, {"rmsprop", "rmsprop", {}},                   {"adam", "adam", {}},
            {"adamw", "adamw", {}}};
}

struct Enough {};

/// The loss of every step, fewer where it was no longer finite.
std::vector<double> losses(const Task& t, const Rule& r, double rate, uint64_t seed, const DatasetPtr& data) {
    zoo::Request request = t.request;
    request.seed = seed;
    const zoo::Network network = std::move(zoo::make_networks(t.architecture, request).at(0));
    train::LoopOptions o;
    o.step.update.optimizer = r.optimizer;
    o.step.update.hyper = r.hyper;
    o.rate = rate;
    o.batch = kBatch;
    o.epochs = (t.steps * kBatch + data->size() - 1) / data->size() + 1;
    o.seed = seed;
    std::vector<double> out;
    train::LoopHooks hooks;
    hooks.step = [&](const train::StepInfo& s) {
        out.push_back(s.loss);
        if (s.step == t.steps) throw Enough();
    };
    try {
        train::train(network.graph, data, nullptr, o, hooks);
    } catch (const Enough&) {
    } catch (const Error& e) {
        if (e.id != "train.diverged") throw;
    }
    return out;
}

/// Means over the last kWindow steps; NaN before there are so many.
std::vector<double> smooth(const std::vector<double>& v) {
    std::vector<double> out(v.size(), std::numeric_limits<double>::quiet_NaN());
    for (size_t i = kWindow; i <= v.size(); ++i) {
        double sum = 0;
        for (size_t k = i - kWindow; k < i; ++k) sum += v[k];
        out[i - 1] = sum / kWindow;
    }
    return out;
}
/// Infinite where it is never reached.
double steps_to(double loss, const std::vector<double>& v) {
    const std::vector<double> s = smooth(v);
    const auto found = std::find_if(s.begin(), s.end(), [&](double x) { return x <= loss; });
    return found == s.end() ? std::numeric_limits<double>::infinity() : static_cast<double>(found - s.begin() + 1);
}
/// For choosing among rates that never reach it: the lowest mean.
double lowest(const std::vector<double>& v) {
    double low = std::numeric_limits<double>::infinity();
    for (const double x : smooth(v))
        if (x < low) low = x;
    return low;
}

struct Outcome {
    double rate = 0, steps = 0, least = 0, most = 0;  ///< the median over the seeds, and their range
    std::vector<double> curve;                        ///< of the first seed
};

class Study {
  public:
    Study(const std::string& out, DatasetPtr data) : data_(std::move(data)), journal_(record::Journal::open(out + "/convergence.jsonl", record::machine_key())) {}

    Outcome outcome(const Task& t, const Rule& r) {
        Outcome o;
        std::pair<double, double> best{std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
        for (const double rate : kRates) {
            const std::vector<double> v = run(t, r, rate, kChoosing);
            const std::pair<double, double> here{steps_to(t.loss, v), lowest(v)};
            if (o.rate == 0 || here < best) o.rate = rate, best = here;
        }
        std::vector<double> steps;
        for (const uint64_t seed : kSeeds) steps.push_back(steps_to(t.loss, run(t, r, o.rate, seed)));
        std::sort(steps.begin(), steps.end());
        o.steps = steps[steps.size() / 2], o.least = steps.front(), o.most = steps.back();
        o.curve = smooth(run(t, r, o.rate, kSeeds[0]));
        return o;
    }

  private:
    std::vector<double> run(const Task& t, const Rule& r, double rate, uint64_t seed) {
        const std::string key = cat(t.name, "|", t.steps, "|", kBatch, "|", r.name, "|", rate, "|", seed);
        return journal_.numbers(key, [&] {
            const double start = now_seconds();
            std::vector<double> v = losses(t, r, rate, seed, data_);
            std::fprintf(stderr, "%s: lowest %.4f, %.1f s\n", key.c_str(), lowest(v), now_seconds() - start);
            return v;
        });
    }
    DatasetPtr data_;
    record::Journal journal_;
};

std::string steps_text(const Outcome& o, const Task& t) {
    const auto one = [&](double v) { return std::isfinite(v) ? cat(static_cast<int64_t>(v)) : cat("> ", t.steps); };
    return o.least == o.most ? one(o.steps) : cat(one(o.steps), " (", one(o.least), " to ", one(o.most), ")");
}
std::string ratio_text(const Outcome& o, const Outcome& sgd) {
    if (!std::isfinite(o.steps) || !std::isfinite(sgd.steps)) return "";
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", o.steps / sgd.steps);
    return text;
}
std::string rate_text(double rate) {
    const bool edge = rate == *std::begin(kRates) || rate == *(std::end(kRates) - 1);
    return cat(rate, edge ? " (the grid's edge)" : "");
}

int study(const std::string& out, const std::vector<std::string>& only) {
    make_directories(out);
    ThreadPool pool(1);
    ThreadPool::Use use(&pool);
    DataOptions options;
    options.channels = 1, options.height = options.width = 28;
    options.preprocess.mean = {0.286}, options.preprocess.std = {0.353};
    Study study(out, open_data("fashion-mnist", options).training);
    std::string table = "| network | loss | optimiser | rate | steps | of plain SGD's |\n|---|---|---|---|---|---|\n";
    std::vector<report::CurvePanel> panels;
    for (const Task& t : tasks()) {
        if (!only.empty() && std::find(only.begin(), only.end(), t.architecture) == only.end()) continue;
        report::CurvePanel panel{cat(t.name), {}, t.loss};
        Outcome sgd;
        for (const Rule& r : rules()) {
            const Outcome o = study.outcome(t, r);
            if (panel.curves.empty()) sgd = o;
            table += cat("| ", panel.curves.empty() ? t.name : "", " | ", panel.curves.empty() ? cat(t.loss) : "", " | ", r.name, " | ", rate_text(o.rate), " | ", steps_text(o, t), " | ", ratio_text(o, sgd), " |\n");
            panel.curves.push_back({r.name, o.curve});
        }
        panels.push_back(std::move(panel));
    }
    std::vector<std::string> rates;
    for (const double r : kRates) rates.push_back(cat(r));
    const std::string text = cat("# Steps to a given loss\n\nFashion-MNIST, batches of ", kBatch, ", constant rate, no augmentation, fp32. The loss to reach is one that plain SGD reaches: the training loss as a mean over the last ", kWindow,
                                 " steps. Each optimiser runs\nat every rate of one grid (", join(rates, ", "), ") with one seed; the rate that gets there first then runs with three others (weights and order): the median and,\nwhere they differ, the range. `scripts/convergence` makes this page.\n\n",
                                 table, "\n![loss over steps](convergence.svg)\n\nThe curves are of the first seed at the best rate; the dashed line is the loss to reach.\n");
    write_file_atomic(out + "/convergence.md", text);
    write_file_atomic(out + "/convergence.svg", report::curves_svg(panels, "step", "loss"));
    std::fputs(table.c_str(), stdout);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: convergence OUT [lenet resnet lstm]\n", stderr);
        return 2;
    }
    try {
        return study(argv[1], {argv + 2, argv + argc});
    } catch (const Error& e) {
        std::fprintf(stderr, "error: %s [%s]\n  %s\n", e.message.c_str(), e.id.c_str(), e.hint.c_str());
        return 1;
    }
}
