// SPDX-License-Identifier: Apache-2.0
// Session start: from the files to a session that is ready to run, each time in a fresh process, hone from a plan file
// (the model's hash included) beside onnxruntime's creation of an InferenceSession, taking turns.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "base/error.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "eval/latency.h"
#include "eval/peer.h"
#include "onnx/reader.h"
#include "plan/plan_file.h"
#include "run/session.h"
#include "suite/rows.h"
#include "suite/suites.h"

namespace hone::suite {
namespace {

constexpr int most_rounds = 15;

struct Start {
    double start_ms = 0, first_run_ms = 0, again_ms = 0;
};

std::string plan_path(const std::string& model, int threads) { return cat(model, ".", threads, ".plan"); }

/// Dims as text, so that the timed process need not read the model for them.
std::string dims_text(const std::vector<Dims>& all) {
    std::string t;
    for (const Dims& d : all) {
        for (int64_t n : d) t += cat(n, ",");
        t += ";";
    }
    return t;
}
std::vector<Dims> dims_from(const std::string& text) {
    std::vector<Dims> all;
    std::istringstream inputs(text);
    for (std::string input, number; std::getline(inputs, input, ';');) {
        all.emplace_back();
        std::istringstream numbers(input);
        while (std::getline(numbers, number, ',')) all.back().push_back(std::atoll(number.c_str()));
    }
    return all;
}

std::shared_ptr<const Plan> plan_from_file(const std::string& model, const std::vector<Dims>& dims, int threads) {
    const PlanOptions o{.threads = threads};
    std::string why;
    auto plan = load_plan(plan_path(model, threads), plan_key(files_hash({model}), dims, o), o, &why);
    if (!plan) fail(ErrorKind::data, "bench.plan", cat("the plan file was not taken: ", why));
    return plan;
}

Start start_once(const std::string& model, const std::vector<Dims>& dims, int threads) {
    Start s;
    const double begin = now_seconds();
    ThreadPool pool(threads);
    Session session(plan_from_file(model, dims, threads), &pool);
    s.start_ms = (now_seconds() - begin) * 1e3;
    std::vector<Tensor> x;
    for (size_t i = 0; i < dims.size(); ++i) x.push_back(Tensor::zeros(session.plan().input_types[i], dims[i]));
    const double run = now_seconds();
    session.execute(x);
    s.first_run_ms = (now_seconds() - run) * 1e3;
    const double again = now_seconds();
    ThreadPool second_pool(threads);
    const Session second(plan_from_file(model, dims, threads), &second_pool);
    s.again_ms = (now_seconds() - again) * 1e3;
    return s;
}

Start hone_start(const RowContext& c, const std::vector<Dims>& dims) {
    const ProcessResult r = run_process({c.args.program, "start", "--raw", c.network.fp32, dims_text(dims), "--threads",
                                         std::to_string(c.threads)});
    Start s;
    std::istringstream in(r.out);
    if (r.exit_code != 0 || !(in >> s.start_ms >> s.first_run_ms >> s.again_ms))
        fail(ErrorKind::io, "bench.child",
             cat("a timing process ended with ", r.exit_code, ": ", r.err.substr(0, 300)));
    return s;
}

Start peer_start(const RowContext& c, const std::vector<Tensor>& x, std::string* version) {
    eval::Peer peer({.engine = "onnxruntime", .model = c.network.fp32, .threads = c.threads, .root = c.args.root});
    *version = peer.version();
    for (size_t i = 0; i < x.size(); ++i) peer.set_input(peer.inputs().at(i).name, x[i]);
    Start s{.start_ms = peer.load_ms(), .first_run_ms = peer.run(1)[0]};
    s.again_ms = peer.load_again();
    return s;
}

/// How far the plan from the file answers from the plan made anew: 0, or 1 when a bit differs.
double answers_differ(const std::string& model, const std::vector<Dims>& dims, int threads) {
    const Graph g = read_model(model);
    ThreadPool pool(threads);
    const std::vector<Tensor> x = eval::synthetic_inputs(g, 1);
    const auto a = Session(make_plan(g, dims, {.threads = threads}), &pool).run(x);
    const auto b = Session(plan_from_file(model, dims, threads), &pool).run(x);
    for (size_t i = 0; i < a.size(); ++i)
        if (!a[i].same_bits(b[i])) return 1;
    return 0;
}

void write_plan(const RowContext& c, const std::vector<Dims>& dims) {
    const PlanOptions o{.threads = c.threads};
    const std::string& model = c.network.fp32;
    std::string why;
    if (!save_plan(*make_plan(read_model(model), dims, o), plan_path(model, c.threads),
                   plan_key(files_hash({model}), dims, o), &why))
        fail(ErrorKind::unsupported, "bench.plan", cat("no plan file for ", c.network.name, ": ", why));
}

std::string medians(const std::vector<Start>& all) {
    std::vector<double> first, again;
    for (const Start& s : all) first.push_back(s.first_run_ms), again.push_back(s.again_ms);
    return cat(median(first), " and ", median(again));
}

}  // namespace

void add_session_start(RowContext& c, int64_t) {
    const std::string& model = c.network.fp32;
    std::fprintf(stderr, "%s, session start, %d threads\n", c.network.name.c_str(), c.threads);
    const std::vector<Tensor> x = eval::synthetic_inputs(read_model(model), 1);
    std::vector<Dims> dims;
    for (const Tensor& t : x) dims.push_back(t.dims());
    write_plan(c, dims);
    std::vector<Seen> seen(2);
    seen[0].error = answers_differ(model, dims, c.threads);
    if (*seen[0].error != 0) seen[0].trouble = "wrong: the plan from the file answers otherwise than the one made anew";
    std::vector<Start> ours, theirs;
    std::vector<std::vector<double>> ms(2);
    for (int round = 0; round < std::min(c.args.rounds, most_rounds); ++round) {
        ours.push_back(hone_start(c, dims));
        ms[0].push_back(ours.back().start_ms);
        if (!seen[1].trouble.empty()) continue;
        try {
            theirs.push_back(peer_start(c, x, &seen[1].version));
            ms[1].push_back(theirs.back().start_ms);
        } catch (const Error& e) {
            seen[1].trouble = trouble_of(e);
        }
    }
    for (size_t i = 0; i < 2; ++i)
        if (!ms[i].empty()) seen[i].series.push_back(ms[i]);
    c.result.saw({{"hone", model}, {"onnxruntime", model}}, seen);
    c.result.add(seen, {.ours = 0,
                        .theirs = 1,
                        .network = c.network.name,
                        .precision = "fp32",
                        .threads = c.threads,
                        .peer = "onnxruntime session creation",
                        .note = cat("fresh processes; first run and second creation ", medians(ours), " ms",
                                    theirs.empty() ? "" : ", peer's " + medians(theirs) + " ms"),
                        .row = "session start"});
}

int start(const Args& a) {
    if (!a.raw || a.words.size() != 2)
        fail(ErrorKind::usage, "args.words", "the suite `start` is the timed process of `inference`", usage_text());
    const Start s = start_once(a.words[0], dims_from(a.words[1]), a.threads.at(0));
    std::printf("%.6f %.6f %.6f\n", s.start_ms, s.first_run_ms, s.again_ms);
    return 0;
}

}  // namespace hone::suite
