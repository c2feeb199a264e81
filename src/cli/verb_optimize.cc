// SPDX-License-Identifier: Apache-2.0
// `hone optimize`: the main job.
#include <functional>
#include <memory>
#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "cli/common.h"
#include "cli/dry_run.h"
#include "optimize/forecast.h"
#include "optimize/optimize.h"
#include "record/json.h"
#include "report/report.h"

namespace hone::cli {

namespace {
struct OptimizeArgs {
    std::string model, precision = "auto", runtime = "hone", replay;
    double max_drop = 0.01, time_budget = 0;
    std::optional<Bound> max_latency, max_size;
    std::string latency_text, size_text;  ///< as given, for the recipe
    std::string metric;
    bool resume = false, robustness = false;
    int batch = 1, processes = 5;
    int64_t samples = 512;
    bool dry_run = false;
    DataArgs data;
};

std::string default_out(const std::string& model) {
    const std::string name = base_name(model);
    return name.substr(0, name.rfind(".onnx")) + "_hone";
}

/// "50%", or an amount that `amount` reads.
Bound bound_of(const std::string& s, const std::function<double(const std::string&)>& amount) {
    if (!s.ends_with('%')) return {amount(s), false};
    Options one;
    double share = 0;
    one.fraction("a share of the original's", share, "").at_least(0.0001).at_most(1).set(s);
    return {share, true};
}

void add_goal(Options& o, OptimizeArgs& a) {
    o.group("Goal");
    o.fraction("max-drop", a.max_drop, "the most accuracy that may be lost, absolute: 0.5% is half a point; without it 1%, or any with --max-latency")
        .at_least(0)
        .at_most(1);
    o.custom(
        "max-latency", "T", "the most accurate model that takes at most this long: 0.5ms, or 50% of the original's time",
        [&a](const std::string& s) {
            a.max_latency = bound_of(s, [](const std::string& text) {
                Options one;
                double seconds = 0;
                const bool ms = text.ends_with("ms"), bare = !text.empty() && text.back() != 's';
                one.seconds("max-latency", seconds, "").set(ms ? text.substr(0, text.size() - 2) : text);
                if (!(seconds > 0)) fail(ErrorKind::usage, "option.value", cat("--max-latency must be more than 0; got '", text, "'"));
                return ms || bare ? seconds : seconds * 1e3;
            });
            a.latency_text = s;
        },
        [&a] { return a.latency_text; });
    o.custom(
        "max-size", "S", "the file takes at most this: 4M, or 30% of the original's",
        [&a](const std::string& s) {
            a.max_size = bound_of(s, [](const std::string& text) {
                Options one;
                size_t bytes = 0;
                one.bytes("max-size", bytes, "").set(text);
                return static_cast<double>(bytes);
            });
            a.size_text = s;
        },
        [&a] { return a.size_text; });
    std::vector<std::string> metrics;
    for (const eval::MetricInfo& m : eval::metric_list()) metrics.emplace_back(m.name);
    o.add("metric", "M", a.metric, "that --max-drop bounds, in the search as in the verdict: top1 unless given, of numbers to predict mse; the bound on mse and mae is a share of the original's")
        .one_of(metrics);
    o.add("runtime", "R", a.runtime, "the engine that times and judges: hone, onnxruntime, openvino").one_of({"hone", "onnxruntime", "openvino"});
}

eval::Metric metric_for(const OptimizeArgs& a, const DataParts& parts) {
    if (!a.metric.empty()) return eval::parse_metric(a.metric);
    return parts.test && parts.test->regression() ? eval::Metric::mse : eval::Metric::top1;
}

int run_optimize(const OptimizeArgs& a, Call& call) {
    const Graph g = load_model(a.model);
    if (g.outputs.size() > 1)
        call.warn(cat("the model has ", static_cast<unsigned long>(g.outputs.size()), " outputs and is judged by the first, `", g.value(g.outputs[0]).name, "`: what the others lose is not measured"));
    const DataParts parts = open_for(g, a.data, call);
    OptimizeRequest r;
    r.model = a.model;
    if (!a.max_latency || call.options.given("max-drop")) r.goal.max_drop = a.max_drop;
    r.goal.max_latency = a.max_latency;
    r.goal.max_size = a.max_size;
    r.metric = metric_for(a, parts);
    r.robustness = a.robustness;
    r.runtime = a.runtime;
    r.resume = a.resume;
    r.replay = a.replay;
    r.threads = call.common.threads;
    r.batch = a.batch;
    r.precision = a.precision == "fp32"   ? PrecisionPolicy::fp32
                  : a.precision == "bf16" ? PrecisionPolicy::bf16
                                          : PrecisionPolicy::automatic;
    r.out = call.common.out.empty() ? default_out(a.model) : call.common.out;
    r.seed = call.common.seed;
    r.calibration_samples = a.samples;
    r.processes = a.processes;
    r.time_budget = a.time_budget;
    r.data = a.data.data;
    r.command = call.command;
    for (const auto& [k, v] : call.options.resolved())
        if (k != "max-drop" || r.goal.max_drop) r.recipe.emplace_back(k, v);  // given, it would be a bound
    if (a.metric.empty()) r.recipe.emplace_back("metric", eval::info_of(r.metric).name);
    r.log = [&call](const std::string& line) { call.say(line); };
    if (a.dry_run) {
        record::Forecast f = forecast(g, parts, r);
        f.model = absolute_path(r.model);
        f.out = r.out;
        f.recipe = r.recipe;
        for (const std::string& w : f.warnings) call.warn(w);
        f.warnings = call.warnings;
        call.emit(record::to_json(f), dry_run_text(f), "");
        return 0;
    }
    record::Run run = optimize(r, parts);
    run.warnings.insert(run.warnings.begin(), call.warnings.begin(), call.warnings.end());
    run.files.push_back(absolute_path(r.out) + "/report.html");
    run.files.push_back(absolute_path(r.out) + "/run.json");
    write_file_atomic(r.out + "/report.html", report::html_report(run));
    const std::string json = record::to_json(run);
    write_file_atomic(r.out + "/run.json", json);
    call.emit(json, report::terminal_report(run), "");
    return run.accepted ? 0 : 1;
}
}  // namespace

Verb optimize_verb() {
    auto a = std::make_shared<OptimizeArgs>();
    Verb v;
    v.name = "optimize";
    v.summary =
        "the fastest model within an accuracy bound, proven on data that the search never saw; or the original and the "
        "reason";
    v.examples = {{"hone optimize net.onnx --data fashion-mnist --mean 0.286 --std 0.353 --max-drop 0.5%",
                   "at most half a point of accuracy lost"},
                  {"hone optimize net.onnx --data photos/ --max-drop 1% --out small --json=run.json",
                   "a folder of pictures by class"},
                  {"hone optimize net.onnx --data photos/ --metric f1_macro --max-drop 1%",
                   "classes of few pictures count as much as the others"},
                  {"hone optimize net.onnx --data photos/ --max-latency 50% --runtime onnxruntime",
                   "the most accurate model in half the time, in the runtime that you use"}};
    v.declare = [a](Options& o) {
        o.positional("MODEL", a->model, "the network, an ONNX file").required();
        add_goal(o, *a);
        o.group("Options");
        o.add("precision", "P", a->precision, "of the float parts: fp32; bf16, an error where there is none; or auto: bf16 where it is faster within the goal").one_of({"fp32", "bf16", "auto"});
        o.add("batch", "N", a->batch, "samples a run at which latency counts").at_least(1);
        o.add("samples", "N", a->samples, "training samples that ranges are calibrated on").at_least(1);
        o.add("processes", "N", a->processes, "fresh processes behind each stated speed-up").at_least(2);
        o.seconds("time-budget", a->time_budget, "the search ends in time for the verdict; 0: no limit");
        o.flag("robustness", a->robustness, "both models on corrupted pictures in the report, whatever it costs, at three severities; else at one where it takes seconds");
        o.flag("resume", a->resume, "go on with the journal in --out of a run that was stopped; else it is kept as journal.jsonl.old");
        o.add("replay", "RUN", a->replay, "decide by the journal of this run.json: the same model, byte for byte");
        o.flag("dry-run", a->dry_run, "say what would be done");
        add_data(o, a->data, false);
    };
    v.run = [a](Call& call) { return run_optimize(*a, call); };
    return v;
}

}  // namespace hone::cli
