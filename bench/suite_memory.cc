// SPDX-License-Identifier: Apache-2.0
// Peak memory: the most that is resident of a fresh process that loads a model and runs it, hone beside onnxruntime,
// taking turns. A process of Python has more in it before the model is opened than one of ours, so the row has the
// whole and what was there at the start of both, and the values it shows and its ratio are the differences. Both read
// the same input from a file and their answers are compared.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "base/usage.h"
#include "eval/latency.h"
#include "eval/peer.h"
#include "onnx/reader.h"
#include "run/session.h"
#include "suite/answer.h"
#include "suite/rows.h"
#include "suite/suites.h"

namespace hone::suite {
namespace {

constexpr int most_rounds = 3, runs = 3;  // the figures hardly differ from process to process

struct Held {
    record::SuiteMemory memory;
    std::vector<Tensor> answer;
    double grown() const { return static_cast<double>(memory.peak_bytes - memory.start_bytes); }
};

std::string bytes_of(const Tensor& t) { return {static_cast<const char*>(t.raw()), t.bytes()}; }

/// In a fresh process of hone.
Held hone_memory(const RowContext& c, const std::string& model, const Tensor& x) {
    const std::string in = c.args.out + "/memory.in", out = c.args.out + "/memory.out";
    write_file_atomic(in, bytes_of(x));
    const ProcessResult r = run_process({c.args.program, "memory", "--raw", model, in, out, "--threads",
                                         std::to_string(c.threads), "--batches", std::to_string(x.dim(0))});
    Held h;
    std::istringstream numbers(r.out);
    if (r.exit_code != 0 || !(numbers >> h.memory.start_bytes >> h.memory.peak_bytes))
        fail(ErrorKind::io, "bench.child",
             cat("a process whose memory was measured ended with ", r.exit_code, ": ", r.err.substr(0, 300)));
    Dims dims;
    for (int64_t d; numbers >> d;) dims.push_back(d);
    Tensor y = Tensor::zeros(DType::f32, dims);
    const std::string bytes = read_file(out);
    HONE_CHECK(bytes.size() == y.bytes(), "an answer of ", to_text(dims), " in ", bytes.size(), " bytes");
    std::memcpy(y.raw_mut(), bytes.data(), bytes.size());
    h.answer = {y};
    return h;
}

Held peer_memory(const RowContext& c, const std::string& model, const Tensor& x, std::string* version) {
    eval::Peer peer({.engine = "onnxruntime", .model = model, .threads = c.threads, .root = c.args.root});
    *version = peer.version();
    peer.set_input(peer.inputs().at(0).name, x);
    peer.run(runs);
    const eval::Peer::Memory m = peer.memory();
    return {{.peak_bytes = m.peak_bytes, .start_bytes = m.start_bytes}, peer.outputs()};
}

std::string start_text(const Held& h) { return human_bytes(static_cast<double>(h.memory.start_bytes)); }

void add_row(RowContext& c, const std::string& model, double bound, const char* precision, int64_t batch) {
    const Tensor x = picture_inputs(read_model(model), batch).at(0);
    const std::vector<Entry> entries{{.engine = "hone", .path = model, .judges = {1}, .bound = bound},
                                     {.engine = "onnxruntime", .path = model}};
    std::vector<Seen> seen(2);
    std::vector<Held> held(2);
    for (int round = 0; round < std::min(c.args.rounds, most_rounds); ++round) {
        held[0] = hone_memory(c, model, x);
        seen[0].series.push_back({held[0].grown()});
        if (!seen[1].trouble.empty()) continue;
        try {
            held[1] = peer_memory(c, model, x, &seen[1].version);
            seen[1].series.push_back({held[1].grown()});
        } catch (const Error& e) {
            seen[1].trouble = trouble_of(e);
        }
    }
    judge(entries, {held[0].answer, held[1].answer}, seen);
    Comparison row{.ours = 0,
                   .theirs = 1,
                   .network = c.network.name,
                   .precision = precision,
                   .threads = c.threads,
                   .peer = cat("onnxruntime ", precision),
                   .note = cat("without the start's: hone ", start_text(held[0])),
                   .row = cat("peak memory batch ", batch),
                   .batch = batch,
                   .our_memory = held[0].memory};
    if (seen[1].timed()) {
        row.note += cat(", peer ", start_text(held[1]));
        row.their_memory = held[1].memory;
    }
    c.result.saw(entries, seen);
    c.result.add(seen, row);
    c.result.remark(
        "Peak memory: of fresh processes, without what each held before the model was opened (the peer's Python and\n"
        "library; noted); the JSON has the whole and that start.");
}

}  // namespace

void add_peak_memory(RowContext& c, int64_t batch) {
    std::fprintf(stderr, "%s, peak memory batch %d, %d threads\n", c.network.name.c_str(), static_cast<int>(batch),
                 c.threads);
    add_row(c, c.network.fp32, fp32_bound, "fp32", batch);
    add_row(c, c.network.int8, int8_bound, "int8", batch);
}

/// MODEL IN OUT: runs the model on the input's bytes and writes the answer's; prints the bytes at the start, at most,
/// and the answer's dims.
int memory(const Args& a) {
    if (!a.raw || a.words.size() != 3 || a.batches.size() != 1)
        fail(ErrorKind::usage, "args.words", "the suite `memory` is a process of `inference`", usage_text());
    const int64_t start_bytes = resident_bytes();
    ThreadPool pool(a.threads.at(0));
    std::unique_ptr<Session> session;
    Tensor x;
    {
        const Graph g = read_model(a.words[0]);
        const std::vector<Dims> dims = eval::synthetic_dims(g, a.batches[0]);
        session = std::make_unique<Session>(make_plan(g, dims, {.threads = pool.threads()}), &pool);
        const MappedFile in = map_file(a.words[1]);
        x = Tensor::view(DType::f32, dims.at(0), in.data, in.owner);
        HONE_CHECK(x.bytes() == in.size, "an input of ", in.size, " bytes");
    }
    for (int i = 0; i < runs; ++i) session->execute({x});
    std::printf("%lld %lld", static_cast<long long>(start_bytes), static_cast<long long>(peak_resident_bytes()));
    const Tensor y = session->output(0);
    for (const int64_t d : y.dims()) std::printf(" %lld", static_cast<long long>(d));
    write_file_atomic(a.words[2], bytes_of(y));
    return 0;
}

}  // namespace hone::suite
