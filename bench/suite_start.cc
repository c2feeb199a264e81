// SPDX-License-Identifier: Apache-2.0
// Session start: from the files to a session that is ready to run, each time in a fresh process, hone from a plan file
// (the model's hash included) beside onnxruntime's creation of an InferenceSession, taking turns.
#include "suite/start.h"

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
#include "suite/suites.h"

namespace hone::suite {
namespace {

struct Start {
    double start_ms = 0, first_run_ms = 0, again_ms = 0;
};

std::string plan_path(const std::string& model, int threads) { return cat(model, ".", threads, ".plan"); }

std::vector<Dims> dims_of_model(const std::string& model) { return eval::synthetic_dims(read_model(model), 1); }

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
    std::vector<Dims> all(1);
    std::string number;
    for (char c : text) {
        if (c == ',') all.back().push_back(std::atoll(number.c_str())), number.clear();
        else if (c == ';') all.emplace_back();
        else number += c;
    }
    all.pop_back();
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

/// The last three numbers of a child's only line.
Start start_from(const ProcessResult& r, std::string* version) {
    Start s;
    std::istringstream in(r.out);
    if (r.exit_code != 0 || !(in >> *version >> s.start_ms >> s.first_run_ms >> s.again_ms))
        fail(ErrorKind::io, "bench.child", cat("a timing process ended with ", r.exit_code, ": ", r.err.substr(0, 300)));
    return s;
}

/// How far the plan from the file answers from the plan made anew: 0, or 1 when a bit differs.
double answers_differ(const std::string& model, const std::vector<Dims>& dims, int threads) {
    const Graph g = read_model(model);
    ThreadPool pool(threads);
    const std::vector<Tensor> x = eval::synthetic_inputs(g, 1);
    const auto a = Session(make_plan(g, dims, {.threads = threads}), &pool).run(x), b = Session(plan_from_file(model, dims, threads), &pool).run(x);
    for (size_t i = 0; i < a.size(); ++i)
        if (!a[i].same_bits(b[i])) return 1;
    return 0;
}

}  // namespace

void add_session_start(Result& result, const Args& a, const std::string& network, const std::string& model, int threads) {
    const PlanOptions o{.threads = threads};
    const std::vector<Dims> dims = dims_of_model(model);
    std::string why;
    if (!save_plan(*make_plan(read_model(model), dims, o), plan_path(model, threads), plan_key(files_hash({model}), dims, o), &why))
        fail(ErrorKind::unsupported, "bench.plan", cat("no plan file for ", network, ": ", why));
    const bool peer = eval::Peer::present(a.root);
    std::vector<Seen> seen(2);
    seen[0].error = answers_differ(model, dims, threads);
    if (!peer) seen[1].trouble = "missing";
    std::vector<Start> ours, theirs;
    std::string version;
    std::vector<std::vector<double>> ms(2);
    for (int round = 0; round < std::min(a.rounds, 15); ++round) {
        ours.push_back(start_from(run_process({this_program(), "start", "--raw", model, dims_text(dims), "--threads", std::to_string(threads)}), &version));
        ms[0].push_back(ours.back().start_ms);
        if (!peer) continue;
        theirs.push_back(start_from(run_process({a.root + "/.venv/peers/bin/python", a.root + "/bench/peer_start.py", model, std::to_string(threads)}), &seen[1].version));
        ms[1].push_back(theirs.back().start_ms);
    }
    for (size_t i = 0; i < 2; ++i)
        if (!ms[i].empty()) seen[i].ms.push_back(ms[i]);
    auto medians = [](const std::vector<Start>& all) {
        std::vector<double> first, again;
        for (const Start& s : all) first.push_back(s.first_run_ms), again.push_back(s.again_ms);
        return cat(median(first), " and ", median(again));
    };
    result.add(seen, {.ours = 0, .theirs = 1, .network = network, .precision = "session start", .threads = threads, .peer = "onnxruntime session creation",
                      .note = cat("fresh processes; first run and second creation ", medians(ours), " ms", peer ? ", peer's " + medians(theirs) + " ms" : "")});
}

int start(const Args& a) {
    if (!a.raw || a.words.size() != 2) fail(ErrorKind::usage, "args.words", "the suite `start` is the timed process of `inference`", usage_text);
    const Start s = start_once(a.words[0], dims_from(a.words[1]), a.threads.at(0));
    std::printf("hone %.6f %.6f %.6f\n", s.start_ms, s.first_run_ms, s.again_ms);
    return 0;
}

}  // namespace hone::suite
