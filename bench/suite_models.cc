// SPDX-License-Identifier: Apache-2.0
// Pairs of files, an original and what became of it, batch 1: each in hone, onnxruntime and OpenVINO, all in one
// interleaved run. Says what the new file gains, and how much of it in engines that are not ours.
#include <algorithm>
#include <cstdio>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "onnx/reader.h"
#include "suite/result.h"
#include "suite/suites.h"

namespace hone::suite {
namespace {

// Of the greatest output: engines differ in the order of sums at fp32, in roundings at bf16, and a rounding step of an
// int8 file that falls the other way travels on. A new file is held against other engines on the same file.
constexpr double fp32_bound = 1e-3, bf16_bound = 0.1, int8_bound = 0.3;

enum Place : size_t { hone_old, hone_new, ort_old, ort_new, ov_old, ov_new, ov_new_bf16, hone_old_bf16, ov_old_bf16 };

struct File {
    std::string path, kind, permitted;  ///< "fp32" or "int8"; precision of the float parts in hone
};

File look_at(const std::string& path) {
    const Graph g = read_model(path);
    File f{path, "fp32", "fp32"};
    for (NodeId n : g.order())
        if (g.node(n).is("QuantizeLinear")) f.kind = "int8";
    const auto p = g.metadata.find("hone.precision");
    if (p != g.metadata.end() && p->second == "bf16" && usable_isa() >= Isa::avx512_bf16) f.permitted = "bf16";
    return f;
}

std::vector<Entry> entries_of(const File& before, const File& after) {
    auto entry = [](const char* engine, const File& f, const std::string& precision, std::vector<size_t> judges) {
        const double bound = f.kind == "int8" ? int8_bound : precision == "bf16" ? bf16_bound : fp32_bound;
        return Entry{engine, f.path, precision, false, std::move(judges), bound};
    };
    const std::vector<size_t> old_judges{ort_old, ov_old, hone_old}, new_judges{ort_new, ov_new, hone_new};
    std::vector<Entry> all{
        entry("hone", before, "fp32", old_judges),        entry("hone", after, after.permitted, new_judges),
        entry("onnxruntime", before, "fp32", old_judges), entry("onnxruntime", after, "fp32", new_judges),
        entry("openvino", before, "fp32", old_judges),    entry("openvino", after, "fp32", new_judges),
        entry("openvino", after, "bf16", new_judges)};
    if (usable_isa() >= Isa::avx512_bf16) {
        all.push_back(entry("hone", before, "bf16", old_judges));
        all.push_back(entry("openvino", before, "bf16", old_judges));
    }
    return all;
}

void compare(Result& result, const std::vector<Seen>& seen, const File& before, const File& after, int threads) {
    const std::string network = base_name(before.path), now = cat(after.kind, after.permitted == "bf16" ? "+bf16" : "");
    auto row = [&](size_t ours, size_t theirs, const std::string& precision, const char* peer, const char* note) {
        const bool peers_only = ours != hone_old && ours != hone_new && ours != hone_old_bf16;
        result.add(seen, {ours, theirs, network, precision, threads, peer, peers_only, 0, note});
    };
    row(hone_new, ort_old, now, "onnxruntime(original)", "hone(new)");
    row(hone_new, ort_new, now, "onnxruntime(new)", "hone(new)");
    row(hone_new, ov_new, now, "openvino(new)", "hone(new)");
    row(hone_new, ov_new_bf16, now, "openvino(new) bf16", "hone(new)");
    row(hone_new, hone_old, now, "hone(original)", "hone(new)");
    row(ort_new, ort_old, after.kind, "onnxruntime(original)", "onnxruntime(new)");
    row(ov_new, ov_old, after.kind, "openvino(original)", "openvino(new)");
    row(hone_old, ort_old, before.kind, "onnxruntime(original)", "hone(original)");
    row(hone_old, ov_old, before.kind, "openvino(original)", "hone(original)");
    if (seen.size() > ov_old_bf16)
        row(hone_old_bf16, ov_old_bf16, "bf16", "openvino(original) bf16", "hone(original) bf16");
}

}  // namespace

int models(const Args& a) {
    if (a.words.empty() || a.words.size() % 2 != 0)
        fail(ErrorKind::usage, "args.pairs", cat("models needs pairs of files, got ", a.words.size(), " paths"),
             usage_text());
    Result result;
    for (size_t i = 0; i < a.words.size(); i += 2) {
        const File before = look_at(a.words[i]), after = look_at(a.words[i + 1]);
        const std::vector<Entry> entries = entries_of(before, after);
        for (const int threads : a.threads) {
            const ContestOptions o{threads, a.rounds, a.root};
            if (a.raw) {
                std::fputs(raw_text(measure(entries, o)).c_str(), stdout);
                return 0;
            }
            std::fprintf(stderr, "%s -> %s, %d threads: %d rounds of %zu engines\n", before.path.c_str(),
                         after.path.c_str(), threads, a.rounds, entries.size());
            const std::vector<Seen> seen = a.processes > 1
                                               ? measure_in_processes(
                                                     a.program,
                                                     {"models", before.path, after.path, "--raw", "--threads",
                                                      std::to_string(threads), "--runs", std::to_string(a.rounds),
                                                      "--root", a.root},
                                                     a.processes)
                                               : measure(entries, o);
            result.saw(entries, seen);
            compare(result, seen, before, after, threads);
        }
    }
    result.remark(
        "Answers: on the same file against onnxruntime, within 1e-3 (fp32), 0.1 (bf16), 0.3 (int8) of the greatest "
        "output.");
    result.print(a);
    return 0;
}

}  // namespace hone::suite
