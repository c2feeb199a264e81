// SPDX-License-Identifier: Apache-2.0
// Networks of the zoo, batch 1: hone beside onnxruntime and OpenVINO at fp32, bf16 and int8, all on the same files and
// inputs in one interleaved run. Weights are random: good for latency, never for accuracy.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "compress/quantize.h"
#include "eval/probe.h"
#include "onnx/writer.h"
#include "suite/picture_data.h"
#include "suite/result.h"
#include "suite/start.h"
#include "suite/suites.h"
#include "zoo/resnet.h"

namespace hone::suite {
namespace {

// Off by so much of the greatest output: fp32 differs in the order of its sums; bf16 rounds each of some 50 layers to 8
// bits; int8 rounds weights and activations, and a step of rounding that falls the other way travels on (seen: 0.003
// and 0.02).
constexpr double fp32_bound = 1e-3, bf16_bound = 0.01, int8_bound = 0.05;
constexpr int64_t side = 224, classes = 1000, calibration_samples = 4;

struct Network {
    std::string name, fp32, int8;  ///< paths
    double macs = 0, weights = 0;
};

int depth_of(const std::string& name) {
    if (name == "resnet18") return 18;
    if (name == "resnet50") return 50;
    fail(ErrorKind::usage, "bench.network", cat("unknown network '", name, "'"), "Known: resnet18, resnet50.");
}

Network paths_of(const std::string& name, const std::string& folder) {
    return {name, cat(folder, "/", name, "_fp32.onnx"), cat(folder, "/", name, "_int8.onnx")};
}

Network make_network(const std::string& name, const std::string& folder, int threads) {
    std::fprintf(stderr, "%s: making the fp32 and int8 files\n", name.c_str());
    Network n = paths_of(name, folder);
    const Dims image{3, side, side};
    Graph g = zoo::resnet(depth_of(name), image, classes, 1);
    make_directories(folder);
    write_model(g, n.fp32);
    const Graph fixed = specialise(g, {{1, 3, side, side}});
    for (NodeId id : fixed.order()) n.macs += cost_of(fixed, id).macs;
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (g.value(v).is_constant()) n.weights += static_cast<double>(g.value(v).constant.count());
    run_passes(g, Stage::portable);
    eval::EvalOptions o;
    o.threads = threads;
    const compress::Calibration c = compress::calibrate(g, PictureData(image, calibration_samples, 2), {}, o);
    write_model(compress::quantize(g, c, {}), n.int8);
    return n;
}

double floor_ms(const Network& n, const eval::Probe& p, eval::RateKind kind, int threads) {
    const double bytes = n.weights * (kind == eval::RateKind::fp32 ? 4 : kind == eval::RateKind::bf16 ? 2 : 1);
    const double rate = p.gops(kind, threads), bandwidth = p.gbs(bytes, threads);
    if (rate <= 0 || bandwidth <= 0) return 0;
    return std::max(2 * n.macs / rate, bytes / bandwidth) * 1e-6;
}

enum Place : size_t {
    hone_fp32,
    hone_bf16,
    hone_int8,
    ort_fp32,
    ov_fp32,
    ov_bf16,
    ort_int8,
    ov_int8,
    ort_default,
    ort_int8_default,
    tuned_fp32,
    tuned_int8
};

std::vector<Entry> entries_of(const Network& n) {
    const std::vector<size_t> judges{ort_fp32, ov_fp32, hone_fp32};
    auto entry = [&](const char* engine, bool int8, const char* precision, bool spin = false) {
        const double bound = int8 ? int8_bound : std::string(precision) == "bf16" ? bf16_bound : fp32_bound;
        return Entry{engine, int8 ? n.int8 : n.fp32, precision, spin, judges, bound};
    };
    auto tuned = [](Entry e) {
        e.tuned = true;
        return e;
    };
    return {entry("hone", false, "fp32"),
            entry("hone", false, "bf16"),
            entry("hone", true, "fp32"),
            entry("onnxruntime", false, "fp32"),
            entry("openvino", false, "fp32"),
            entry("openvino", false, "bf16"),
            entry("onnxruntime", true, "fp32"),
            entry("openvino", true, "fp32"),
            entry("onnxruntime", false, "fp32", true),
            entry("onnxruntime", true, "fp32", true),
            tuned(entry("hone", false, "fp32")),
            tuned(entry("hone", true, "fp32"))};
}

struct Against {
    Place ours, theirs;
    const char *precision, *peer;
    eval::RateKind kind;
};
constexpr Against comparisons[] = {
    {hone_fp32, ort_fp32, "fp32", "onnxruntime fp32", eval::RateKind::fp32},
    {hone_fp32, ort_default, "fp32", "onnxruntime fp32, spinning", eval::RateKind::fp32},
    {hone_fp32, ov_fp32, "fp32", "openvino fp32", eval::RateKind::fp32},
    {hone_bf16, ov_bf16, "bf16", "openvino bf16", eval::RateKind::bf16},
    {hone_bf16, ort_fp32, "bf16", "onnxruntime fp32", eval::RateKind::bf16},
    {hone_int8, ort_int8, "int8", "onnxruntime int8", eval::RateKind::int8},
    {hone_int8, ort_int8_default, "int8", "onnxruntime int8, spinning", eval::RateKind::int8},
    {hone_int8, ov_int8, "int8", "openvino int8", eval::RateKind::int8},
    {hone_int8, ort_fp32, "int8", "onnxruntime fp32", eval::RateKind::int8},
    {tuned_fp32, ort_fp32, "fp32 tuned", "onnxruntime fp32", eval::RateKind::fp32},
    {tuned_fp32, ov_fp32, "fp32 tuned", "openvino fp32", eval::RateKind::fp32},
    {tuned_int8, ort_int8, "int8 tuned", "onnxruntime int8", eval::RateKind::int8},
    {tuned_int8, ov_int8, "int8 tuned", "openvino int8", eval::RateKind::int8},
};

std::vector<std::string> child_words(const Args& a, const std::string& network, int threads) {
    return {"inference",  "--raw",
            "--networks", network,
            "--threads",  std::to_string(threads),
            "--runs",     std::to_string(a.rounds),
            "--out",      a.out,
            "--root",     a.root};
}

}  // namespace

int inference(const Args& a) {
    if (!a.words.empty()) fail(ErrorKind::usage, "args.words", cat("what is '", a.words[0], "'?"), usage_text);
    for (const std::string& name : a.networks) depth_of(name);
    if (a.raw) {
        const auto seen = measure(entries_of(paths_of(a.networks.at(0), a.out)), {a.threads.at(0), a.rounds, a.root});
        std::fputs(raw_text(seen).c_str(), stdout);
        return 0;
    }
    Result result;
    const int most = *std::max_element(a.threads.begin(), a.threads.end());
    for (const std::string& name : a.networks) {
        const Network n = make_network(name, a.out, most);
        const std::vector<Entry> entries = entries_of(n);
        for (const int threads : a.threads) {
            std::fprintf(stderr, "%s, %d threads: a probe of 2 s, then %d rounds of %zu engines\n", name.c_str(),
                         threads, a.rounds, entries.size());
            const eval::Probe probe = eval::probe_machine({threads, 2});
            const std::vector<Seen> seen = a.processes > 1
                                               ? measure_in_processes(child_words(a, name, threads), a.processes)
                                               : measure(entries, {threads, a.rounds, a.root});
            result.saw(entries, seen);
            for (const Against& c : comparisons)
                result.add(seen, {c.ours,
                                  c.theirs,
                                  name,
                                  c.precision,
                                  threads,
                                  c.peer,
                                  false,
                                  floor_ms(n, probe, c.kind, threads),
                                  {}});
            add_session_start(result, a, name, n.fp32, threads);
        }
    }
    result.remark(
        "Answers: fp32 within 1e-3, bf16 within 0.01, int8 within 0.05 of the greatest output of onnxruntime in fp32.");
    result.print(a);
    return 0;
}

}  // namespace hone::suite
