// SPDX-License-Identifier: Apache-2.0
// `hone optimize --json` and run.json: hone.run/1: what was asked, what came out, and every figure and decision on the
// way, enough to replay it. Made by `optimize`; read by `report` (src/report) and by a replay.
//
//   record::Run run = record::run_from_json(read_file("out/run.json"));
//   run.drop->high <= *run.goal.max_drop;
//   write_file_atomic("out/report.html", report::html_report(run));
#pragma once
#include "record/common.h"
#include "record/finding.h"
#include "record/journal.h"
#include "record/robustness.h"

namespace hone::record {

/// What was asked for; null where it was not.
struct Goal {
    std::optional<double> max_drop{};  ///< in the metric's unit: of accuracies a fraction, absolute
    std::optional<double> max_latency_ms{};
    std::optional<int64_t> max_bytes{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("max_drop", s.max_drop);
        v("max_latency_ms", s.max_latency_ms);
        v("max_bytes", s.max_bytes);
    }
};

/// One model as it was judged on the test part and timed here.
struct Side {
    double metric = 0;
    std::string precision{}, runtime{};
    Latency latency_ms{};
    double load_ms = 0;
    int64_t bytes = 0, parameters = 0, macs = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("metric", s.metric);
        v("precision", s.precision);
        v("runtime", s.runtime);
        v("latency_ms", s.latency_ms);
        v("load_ms", s.load_ms);
        v("bytes", s.bytes);
        v("parameters", s.parameters);
        v("macs", s.macs);
    }
};

struct Rejected {
    std::string file{}, reason{};
    double drop = 0, speedup = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("file", s.file);
        v("drop", s.drop);
        v("speedup", s.speedup);
        v("reason", s.reason);
    }
};

/// How much worse the metric became. `low` and `high` are one-sided limits of `confidence` each, from paired answers on the
/// test part.
struct Drop {
    double estimate = 0, low = 0, high = 0, confidence = 0.95;
    int64_t samples = 0;
    std::string method = "exact";  ///< or "bootstrap"
    int64_t lost = 0;    ///< right before, wrong after; of an exact verdict
    int64_t gained = 0;  ///< wrong before, right after; likewise
    std::optional<double> mcnemar_p{};
    std::optional<int64_t> samples_needed{};  ///< when there were too few to decide
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("estimate", s.estimate);
        v("low", s.low);
        v("high", s.high);
        v("confidence", s.confidence);
        v("samples", s.samples);
        v("method", s.method);
        v("lost", s.lost);
        v("gained", s.gained);
        v("mcnemar_p", s.mcnemar_p);
        v("samples_needed", s.samples_needed);
    }
};

struct LayerRow {
    std::string name{}, op{};  ///< original names
    std::string decision{};    ///< "int8", "bf16", "kept", "pruned", ...
    std::string reason{};      ///< why, and why not more
    int64_t macs = 0, parameters = 0;
    std::optional<double> sensitivity{};  ///< noise in the scores on validation when only this layer is
                                          ///< changed, as a share of their variance
    std::optional<double> time_before_ms{}, time_after_ms{};
    std::optional<double> sqnr_db{};  ///< of the layer's result when it alone is in int8
    std::string seen{};        ///< what 8 bits see of it: noise, dead channels, saturation, outliers
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("op", s.op);
        v("decision", s.decision);
        v("reason", s.reason);
        v("macs", s.macs);
        v("parameters", s.parameters);
        v("sensitivity", s.sensitivity);
        v("time_before_ms", s.time_before_ms);
        v("time_after_ms", s.time_after_ms);
        v("sqnr_db", s.sqnr_db);
        v("seen", s.seen);
    }
};

struct Decision {
    int64_t step = 0;
    double at_seconds = 0;  ///< since the start
    std::string what{}, why{};
    Numbers figures{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("step", s.step);
        v("at_seconds", s.at_seconds);
        v("what", s.what);
        v("why", s.why);
        v("figures", s.figures);
    }
};

/// A whole model that was tried; judged on the validation part.
struct Candidate {
    std::string name{};
    double metric = 0;
    double drop = 0;
    double latency_ms = 0;  ///< p50
    int64_t bytes = 0;
    std::optional<Interval> speedup{};
    bool kept = false;
    std::string reason{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("metric", s.metric);
        v("drop", s.drop);
        v("latency_ms", s.latency_ms);
        v("bytes", s.bytes);
        v("speedup", s.speedup);
        v("kept", s.kept);
        v("reason", s.reason);
    }
};

struct Part {
    std::string name{};  ///< "training", "validation", "test"
    int64_t samples = 0;
    std::string used_for{}, origin{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("samples", s.samples);
        v("used_for", s.used_for);
        v("origin", s.origin);
    }
};

/// Thinned to what the plots need.
struct LatencySamples {
    std::vector<double> before{}, after{};  ///< ms
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("before", s.before);
        v("after", s.after);
    }
};

struct Run {
    static constexpr const char* schema = "hone.run/1";
    bool accepted = false;
    std::string reason{};
    std::string model{};     ///< absolute path of the answer; after a refusal the original's
    std::string original{};  ///< absolute path of what was given
    std::string metric = "top1";  ///< eval/metric_verdict.h's; the bound is on it
    Goal goal{};
    Side before{};
    std::optional<Side> before_best{}, after{};
    std::optional<Rejected> best_rejected{};
    std::optional<Drop> drop{};
    std::optional<Interval> speedup{};  ///< before over after
    std::optional<Robustness> robustness{};  ///< of an accepted model of pictures; no part of the verdict
    std::vector<Finding> findings{};  ///< what looks wrong, most telling first
    std::vector<LayerRow> layers{};
    std::vector<Candidate> candidates{};
    std::vector<Decision> decisions{};
    LatencySamples latency_samples{};
    std::vector<Part> parts{};
    std::string version{}, command{};
    Texts recipe{};  ///< resolved options
    Texts hashes{};  ///< "model", "data", "result" -> sha256
    int64_t seed = 0;
    Machine machine{};
    std::string started{}, finished{};  ///< ISO 8601, UTC
    double seconds = 0;
    std::vector<std::string> files{};  ///< what was written, absolute
    std::vector<std::string> warnings{};
    std::vector<JournalEntry> journal{};  ///< what was measured; a replay reads it before measuring
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("accepted", s.accepted);
        v("reason", s.reason);
        v("model", s.model);
        v("original", s.original);
        v("metric", s.metric);
        v("goal", s.goal);
        v("before", s.before);
        v("before_best", s.before_best);
        v("after", s.after);
        v("best_rejected", s.best_rejected);
        v("drop", s.drop);
        v("speedup", s.speedup);
        v("robustness", s.robustness);
        v("findings", s.findings);
        v("layers", s.layers);
        v("candidates", s.candidates);
        v("decisions", s.decisions);
        v("latency_samples", s.latency_samples);
        v("parts", s.parts);
        v("version", s.version);
        v("command", s.command);
        v("recipe", s.recipe);
        v("hashes", s.hashes);
        v("seed", s.seed);
        v("machine", s.machine);
        v("started", s.started);
        v("finished", s.finished);
        v("seconds", s.seconds);
        v("files", s.files);
        v("warnings", s.warnings);
        v("journal", s.journal);
    }
};

/// At most `limit` samples that keep the order and span of `samples`.
std::vector<double> thinned(const std::vector<double>& samples, size_t limit = 200);

}  // namespace hone::record
