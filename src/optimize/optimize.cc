// SPDX-License-Identifier: Apache-2.0
#include "optimize/optimize.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <tuple>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"
#include "compress/diagnose.h"
#include "eval/diagnose.h"
#include "onnx/reader.h"
#include "optimize/search.h"
#include "record/hash.h"
#include "record/json.h"

namespace hone {

namespace {

std::string utc_now() {
    const std::time_t t = std::time(nullptr);
    std::tm tm{};
    gmtime_r(&t, &tm);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

std::string bound_text(const std::optional<Bound>& b) { return b ? cat(b->value, b->share ? " of the original" : "") : "none"; }

std::string drop_text(const OptimizeRequest& r) {
    const std::string bound = r.goal.max_drop ? cat(*r.goal.max_drop) : "none";
    return r.metric == eval::Metric::top1 ? bound : cat(bound, " of ", eval::info_of(r.metric).name);
}

/// SHA-256 of the model's file and its side files, one after another.
std::string hash_of_model(const std::string& path) {
    record::Sha256 hash;
    for (const std::string& file : model_files(path)) hash.update(map_file(file).text());
    return hash.hex();
}

/// "channels 1, kind image, mean 0.286, ..."
std::string text_of(const std::map<std::string, std::string>& map) {
    std::vector<std::string> pairs;
    for (const auto& [k, v] : map) pairs.push_back(cat(k, " ", v));
    return join(pairs, ", ");
}
std::string short_hash(const std::string& text) { return record::sha256_hex(text).substr(0, 16); }

/// All that decisions and the answer's bytes hang on besides what the journal notes.
record::Texts fingerprint(const OptimizeRequest& r, const DataParts& parts, const record::Run& run) {
    record::Texts t = {{"model", ""}, {"training", ""}, {"validation", ""}, {"test", ""}};
    for (auto& [name, value] : t)
        for (const auto& [key, hash] : run.hashes)
            if (key == name) value = hash;
    const char* policies[] = {"fp32", "bf16", "auto"};
    t.insert(t.end(), {{"preprocessing", text_of(to_map(parts.preprocess))},
                       {"classes", short_hash(join(parts.class_names, "\n"))},
                       {"vocabulary", parts.encoder ? short_hash(text_of(to_map(*parts.encoder))) : "none"},
                       {"seed", cat(r.seed)},
                       {"samples", cat(r.calibration_samples)},
                       {"threads", cat(r.threads)},
                       {"batch", cat(r.batch)},
                       {"precision", policies[static_cast<int>(r.precision)]},
                       {"runtime", r.runtime},
                       {"max-drop", drop_text(r)},
                       {"max-latency", bound_text(r.goal.max_latency)},
                       {"max-size", bound_text(r.goal.max_size)},
                       {"processes", cat(r.processes)},
                       {"time-budget", cat(r.time_budget)},
                       {"version", run.version}});
    return t;
}

std::string text_of(const record::Texts& t) {
    std::vector<std::string> lines;
    for (const auto& [k, v] : t) lines.push_back(k + "=" + v);
    return join(lines, "\n");
}

/// The journal's first entry says which run it is of.
void hold_to_run(record::Journal& journal, const record::Texts& now, const std::string& where) {
    const std::string text = text_of(now), noted = journal.recall("run", [&] { return record::Journal::Noted{{}, text}; }).text;
    if (noted == text) return;
    std::vector<std::string> differences;
    for (const auto& [k, v] : now) {
        const size_t at = ("\n" + noted).find("\n" + k + "=");
        const std::string then = at == std::string::npos ? "nothing" : noted.substr(at + k.size() + 1, noted.find('\n', at) == std::string::npos ? std::string::npos : noted.find('\n', at) - at - k.size() - 1);
        if (then != v) differences.push_back(cat(k, " was ", then, ", now ", v));
    }
    fail(ErrorKind::usage, "optimize.other_run", cat("the journal is of another run: ", join(differences, "; ")), "Give the same model, data and options, or leave out --resume and --replay.", where);
}

record::Journal open_journal(const OptimizeRequest& r) {
    if (!r.replay.empty()) {
        record::Journal j;
        for (const record::JournalEntry& e : record::run_from_json(read_file(r.replay)).journal) j.recall(e.key, [&] { return record::Journal::Noted{e.values, e.text}; });
        return j;
    }
    return record::Journal::open(r.out + "/journal.jsonl", record::machine_key(), !r.resume);
}

void begin_record(Search& s) {
    const OptimizeRequest& r = s.request;
    record::Run& run = s.run;
    run.started = utc_now();
    run.metric = eval::info_of(r.metric).name;
    if (!eval::info_of(r.metric).regression) run.goal.max_drop = r.goal.max_drop;  // of an error it is known with the original's
    run.command = r.command;
    run.recipe = r.recipe;
    run.seed = static_cast<int64_t>(r.seed);
    run.original = absolute_path(r.model);
    run.version = "0.1.0";
    run.machine.cpu = cpu_model();
    run.machine.isa = isa_name(usable_isa());
    run.machine.cores = available_cores();
    run.machine.threads = r.threads;
    run.machine.load = {load_average()};
    run.hashes = {{"model", hash_of_model(r.model)}};
    for (const auto& [name, part, use] : {std::tuple("training", s.parts.training, "calibration"), {"validation", s.parts.validation, "every choice"}, {"test", s.parts.test, "the verdict, once"}}) {
        run.parts.push_back({name, part->size(), use, part->description()});
        run.hashes.emplace_back(name, part->hash());
    }
}

/// Of the file and of how it is fed, before time is spent on the search.
void look_for_faults(Search& s) {
    s.run.findings = compress::diagnose_model(s.original);
    double macs = 1;
    for (const compress::Layer& l : s.layers) macs += l.macs;
    eval::EvalOptions o;
    o.threads = s.request.threads;
    const double affordable = 5.0 /* seconds */ * 40e9 * s.request.threads / macs / 10 /* alternatives */;
    for (record::Finding& f : eval::diagnose_data(s.original, *s.parts.validation, s.parts.preprocess, o, std::clamp<int64_t>(static_cast<int64_t>(affordable), 200, 1000), s.request.seed))
        s.run.findings.push_back(std::move(f));
    for (const record::Finding& f : s.run.findings) s.decide("found: " + f.title, f.evidence + ". " + f.advice);
}
void rank_findings(record::Run& run) {
    const auto rank = [](const record::Finding& f) { return std::llround(f.weight / 0.01); };  // equal gains stay in order
    std::stable_sort(run.findings.begin(), run.findings.end(), [&](const record::Finding& a, const record::Finding& b) { return rank(a) > rank(b); });
}

}  // namespace

void check_request(const OptimizeRequest& request, const DataParts& parts) {
    if (!parts.training || !parts.validation || !parts.test || parts.training->size() == 0 || parts.validation->size() == 0 || parts.test->size() == 0)
        fail(ErrorKind::data, "optimize.parts", "training, validation and test samples are all needed", "Give a data set with training samples; hone splits what has no parts.");
    const eval::MetricInfo& metric = eval::info_of(request.metric);
    const auto classes = static_cast<int64_t>(parts.test->class_names().size());
    const bool all_right = request.metric == eval::Metric::top5 && classes <= 5;
    if (metric.regression == parts.test->regression() && !all_right) return;
    std::vector<std::string> names;
    for (const eval::Metric m : eval::metrics_for(*parts.test))
        if (m != eval::Metric::top5 || classes > 5) names.emplace_back(eval::info_of(m).name);
    fail(ErrorKind::usage, "optimize.metric", cat("the data does not have the metric ", metric.name, ": it holds ", all_right ? "five classes or fewer" : parts.test->regression() ? "numbers to predict" : "classes"),
         cat("Metrics for it: ", join(names, ", "), "."));
}

record::Run optimize(const OptimizeRequest& request, const DataParts& parts) {
    check_request(request, parts);
    Search s(request, parts);
    s.runtime = open_judge(request);
    make_directories(request.out);
    s.original = read_model(request.model);
    run_passes(s.original, Stage::portable);
    s.layers = layers_of(s.original);
    begin_record(s);
    s.original_bytes = model_file_bytes(request.model);
    s.journal = open_journal(request);
    for (const std::string& w : s.journal.words()) s.say(w);
    hold_to_run(s.journal, fingerprint(request, parts, s.run), request.replay.empty() ? request.out + "/journal.jsonl" : request.replay);

    try_original(s);
    s.run.goal.max_bytes = s.max_bytes();
    if (request.goal.max_latency) s.run.goal.max_latency_ms = request.goal.max_latency->of(s.original_ms);
    s.refusal = s.too_few_samples();
    if (s.refusal.empty()) {
        try_precisions(s);
        look_for_faults(s);
        try_int8(s);
    }
    conclude(s);

    record::Run& run = s.run;
    rank_findings(run);
    s.journal.finish();
    run.journal = s.journal.entries();
    run.machine.load.push_back(load_average());
    run.finished = utc_now();
    run.seconds = now_seconds() - s.started;
    return std::move(run);
}

}  // namespace hone
