// SPDX-License-Identifier: Apache-2.0
#include "optimize/optimize.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <map>
#include <numeric>

#include "base/cpu.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/timing.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
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

std::string points(double fraction) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f points", fraction * 100);
    return text;
}
std::string percent(double fraction) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f %%", fraction * 100);
    return text;
}
std::string milliseconds(double ms) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f ms", ms);
    return text;
}
std::string times(double ratio) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f times", ratio);
    return text;
}

bool bf16_permitted(const OptimizeRequest& r) {
    return r.precision != PrecisionPolicy::fp32 && usable_isa() >= Isa::avx512_bf16;
}

int64_t file_bytes(const std::string& path) { return static_cast<int64_t>(map_file(path).size); }

/// The drop that validation must promise so that the verdict on the test part can be expected to hold.
bool promising(const Trial& t, const Search& s) { return t.expected_high(s.parts.test->size()) <= s.request.max_drop; }

std::string base_of(const std::string& path) {
    std::string name = base_name(path);
    const size_t dot = name.rfind(".onnx");
    return dot == std::string::npos ? name : name.substr(0, dot);
}

/// The original at its best permitted precision.
struct Baseline {
    Precision precision = Precision::fp32;
    double ms_fp32 = 0, ms_best = 0;
    std::optional<Trial> bf16;
};

Baseline find_baseline(Search& s) {
    Baseline b;
    if (!bf16_permitted(s.request)) {
        s.decide("floats stay fp32", s.request.precision == PrecisionPolicy::fp32 ? "as asked" : "this processor has no bf16 arithmetic");
        b.ms_fp32 = b.ms_best = s.quick_times(s.original, Precision::fp32, s.original, Precision::fp32).first;
        return b;
    }
    Trial t = s.judge_on_validation("the original in bf16", s.original, Precision::bf16);
    const auto [fp32, bf16] = s.quick_times(s.original, Precision::fp32, s.original, Precision::bf16);
    b.ms_fp32 = b.ms_best = fp32;
    t.latency_ms = bf16;
    const bool fast = bf16 < 0.97 * fp32, right = promising(t, s);
    if (fast && right) {
        b.precision = Precision::bf16;
        b.ms_best = bf16;
    }
    s.add_candidate(t, fast && right, !right ? cat("loses ", points(t.drop()), " on validation") : !fast ? "not faster than fp32 here" : "faster than fp32 at hardly any loss: what int8 has to beat");
    s.decide(fast && right ? "bf16 is the original's best precision" : "fp32 is the original's best precision",
             cat("bf16 takes ", milliseconds(bf16), " against ", milliseconds(fp32), " and drops ", points(t.drop()), " on validation"));
    b.bf16 = std::move(t);
    return b;
}

/// Layers return to float, most sensitive first, until validation promises the bound: binary search over how many.
Trial return_layers(Search& s, Trial trial, Precision p) {
    if (s.sensitivity.empty()) s.measure_sensitivity(trial.range);
    const size_t n = s.sensitivity.size();
    auto with = [&](size_t count) {
        std::set<std::string> keep = trial.keep_float;
        for (size_t i = 0; i < count; ++i) keep.insert(s.sensitivity[i].layer);
        return keep;
    };
    size_t low = 0, high = n;  // low fails; high (nothing in int8) holds
    Trial best = trial;
    bool found = false;
    while (high - low > 1) {
        if (found && s.seconds_left() < 0.3 * s.request.time_budget) break;
        const size_t middle = low + std::max<size_t>(1, (high - low) / (found ? 2 : 4));
        if (middle >= n) break;
        Trial t = s.quantized_trial(with(middle), trial.range, p);
        const bool good = promising(t, s);
        s.decide(cat("tried ", static_cast<unsigned long>(middle), " of ", static_cast<unsigned long>(n), " layers in float"),
                 cat("drop on validation ", points(t.drop()), good ? ", which promises the bound" : ", still too much"));
        s.add_candidate(t, false, good ? "promises the bound" : "drops too much");
        if (good) {
            high = middle;
            best = std::move(t);
            found = true;
        } else {
            low = middle;
        }
    }
    return best;
}

/// Layers that are not faster in int8 (depthwise, tiny, between float operators) return to float when that is faster.
Trial drop_slow_layers(Search& s, Trial trial, Precision p) {
    s.fp32_layer_ms = s.layer_times(s.original, Precision::fp32);
    s.int8_layer_ms = s.layer_times(trial.graph, trial.precision);
    std::set<std::string> keep = trial.keep_float;
    for (size_t i = 0; i < s.layers.size(); ++i)
        if (s.int8_layer_ms[i] > s.fp32_layer_ms[i]) keep.insert(s.layers[i].name);
    if (keep == trial.keep_float || keep.size() == s.layers.size()) return trial;
    Trial t = s.quantized_trial(keep, trial.range, p);
    const auto [before, after] = s.quick_times(trial.graph, trial.precision, t.graph, t.precision);
    t.latency_ms = after;
    trial.latency_ms = before;
    const bool better = after < 0.98 * before && (promising(t, s) || t.drop() <= trial.drop());
    s.decide(cat(better ? "returned " : "considered returning ", static_cast<unsigned long>(keep.size() - trial.keep_float.size()), " layers to float that are slower in int8"),
             cat(milliseconds(after), " against ", milliseconds(before), ", drop ", points(t.drop()), " against ", points(trial.drop())));
    s.add_candidate(better ? trial : t, false, "the other is faster");
    return better ? std::move(t) : std::move(trial);
}

/// With multiply-accumulates, which need every dim known.
std::vector<compress::Layer> layers_at_batch_1(const Graph& g) {
    std::vector<compress::Layer> layers = compress::quantizable_layers(g);
    Graph fixed = specialise(g, eval::synthetic_dims(g, 1));
    run_passes(fixed, Stage::portable, {.disabled = {"fuse_conv_bn", "fuse_pad", "merge_duplicates"}});
    std::map<std::string, double> macs;
    for (const compress::Layer& l : compress::quantizable_layers(fixed)) macs[l.name] = l.macs;
    for (compress::Layer& l : layers) l.macs = macs[l.name];
    return layers;
}

std::optional<Trial> find_int8(Search& s, const Baseline& base) {
    s.layers = layers_at_batch_1(s.original);
    if (s.layers.empty()) {
        s.decide("no int8", "the model has no convolution or matrix product with constant weights");
        return std::nullopt;
    }
    if (usable_isa() < Isa::avx512_vnni) {
        s.decide("no int8", "this processor has no VNNI, and exact int8 kernels without it are not among ours yet");
        return std::nullopt;
    }
    std::vector<int64_t> samples = Rng(s.request.seed, 1).permutation(s.parts.training->size());
    samples.resize(static_cast<size_t>(std::min<int64_t>(s.request.calibration_samples, s.parts.training->size())));
    std::sort(samples.begin(), samples.end());
    s.calibration = compress::calibrate(s.original, *s.parts.training, samples, s.eval_options(Precision::fp32));
    s.decide("calibrated", cat("ranges of ", static_cast<unsigned long>(s.calibration.size()), " values over ", static_cast<unsigned long>(samples.size()), " training samples"));

    Trial best = s.quantized_trial({}, compress::Range::min_max, Precision::fp32);
    Trial other = s.quantized_trial({}, compress::Range::percentile, Precision::fp32);
    const bool second = other.drop() < best.drop();
    s.add_candidate(second ? best : other, false, "the other way of choosing ranges loses less");
    if (second) std::swap(best, other);
    s.decide(cat("chose ", best.range == compress::Range::min_max ? "min-max" : "percentile", " ranges"),
             cat("drop on validation ", points(best.drop()), " against ", points(other.drop())));
    if (s.seconds_left() > 30 || !promising(best, s)) s.measure_sensitivity(best.range);
    if (!promising(best, s)) {
        s.add_candidate(best, false, "drops too much on validation");
        best = return_layers(s, std::move(best), Precision::fp32);
    }
    best = drop_slow_layers(s, std::move(best), Precision::fp32);
    if (bf16_permitted(s.request) && !best.keep_float.empty()) {  // what stayed float may go in bf16
        Trial t = s.quantized_trial(best.keep_float, best.range, Precision::bf16);
        const auto [fp32, bf16] = s.quick_times(best.graph, Precision::fp32, t.graph, Precision::bf16);
        const bool better = bf16 < 0.97 * fp32 && promising(t, s);
        s.decide(better ? "the float rest runs in bf16" : "the float rest stays fp32", cat(milliseconds(bf16), " against ", milliseconds(fp32), ", drop ", points(t.drop())));
        if (better) best = std::move(t);
    }
    best.latency_ms = s.quick_times(s.original, base.precision, best.graph, best.precision).second;
    return best;
}

record::Side side_of(const Graph& g, double metric, Precision p, const eval::ProcessTiming& t, int64_t bytes) {
    record::Side side;
    side.metric = metric;
    side.precision = eval::precision_name(p);
    side.runtime = "hone";
    if (!t.ms.empty()) side.latency_ms = latency_of(t.ms);
    side.load_ms = t.load_ms;
    side.bytes = bytes;
    for (const compress::Layer& l : compress::quantizable_layers(g)) side.parameters += l.parameters;
    return side;
}

/// Times both in fresh processes; where noise leaves open which is faster, in twice as many again.
eval::Speedup timed_pair(Search& s, const eval::TimedModel& a, const eval::TimedModel& b, const eval::TimingOptions& o, eval::PairTiming& timing) {
    timing = eval::time_pair(a, &b, o);
    eval::Speedup speedup = eval::paired_speedup(timing.blocks);
    if (speedup.faster() || speedup.slower()) return speedup;
    s.decide("timed again in more processes", cat("between ", times(speedup.low), " and ", times(speedup.high), " as fast: noise leaves it open"));
    eval::TimingOptions more = o;
    more.processes *= 2;
    eval::PairTiming again = eval::time_pair(a, &b, more);
    timing.blocks.insert(timing.blocks.end(), again.blocks.begin(), again.blocks.end());
    timing.first.ms.insert(timing.first.ms.end(), again.first.ms.begin(), again.first.ms.end());
    timing.second.ms.insert(timing.second.ms.end(), again.second.ms.begin(), again.second.ms.end());
    return eval::paired_speedup(timing.blocks);
}

void fill_layers(Search& s, const Trial* answer, bool accepted) {
    for (size_t i = 0; i < s.layers.size(); ++i) {
        const compress::Layer& l = s.layers[i];
        record::LayerRow row;
        row.name = l.name;
        row.op = l.op;
        row.macs = static_cast<int64_t>(l.macs);
        row.parameters = l.parameters;
        for (const compress::Sensitivity& k : s.sensitivity)
            if (k.layer == l.name) row.sensitivity = k.noise;
        const bool timed = i < s.fp32_layer_ms.size() && i < s.int8_layer_ms.size();
        if (timed) {
            row.time_before_ms = s.fp32_layer_ms[i];
            row.time_after_ms = s.int8_layer_ms[i];
        }
        const bool in_int8 = answer && answer->quantized && !answer->keep_float.contains(l.name);
        if (in_int8 && accepted) {
            row.decision = "int8";
            row.reason = "weights s8 per channel, input u8; below 8 bits is not among the methods yet";
        } else if (in_int8) {
            row.decision = "kept";
            row.reason = "int8 was tried; the whole model was rejected";
        } else if (answer && answer->quantized && accepted) {
            row.decision = answer->precision == Precision::bf16 ? "bf16" : "kept";
            row.reason = timed && s.int8_layer_ms[i] > s.fp32_layer_ms[i] ? "slower in int8 here" : "too sensitive: int8 cost more accuracy than the bound leaves";
        } else {
            row.decision = answer && answer->precision == Precision::bf16 && accepted ? "bf16" : "kept";
            row.reason = "the original's weights";
        }
        s.run.layers.push_back(std::move(row));
    }
}

void write_answer(const Trial& t, const Search& s, const std::string& path) {
    Graph g = t.graph;
    set_metadata(g, s.parts, eval::precision_name(t.precision));
    write_model(g, path);
}

}  // namespace

record::Run optimize(const OptimizeRequest& request, const DataParts& parts) {
    if (!parts.training || !parts.validation || !parts.test)
        fail(ErrorKind::data, "optimize.parts", "training, validation and test samples are all needed", "Give a data set with training samples; hone splits what has no parts.");
    make_directories(request.out);
    Search s(request, parts);
    record::Run& run = s.run;
    run.started = utc_now();
    run.goal.max_drop = request.max_drop;
    run.command = request.command;
    run.recipe = request.recipe;
    run.seed = static_cast<int64_t>(request.seed);
    run.original = absolute_path(request.model);
    run.version = "0.1.0";
    run.machine.cpu = cpu_model();
    run.machine.isa = isa_name(usable_isa());
    run.machine.cores = available_cores();
    run.machine.threads = request.threads;
    run.machine.load = {load_average()};
    run.hashes = {{"model", record::sha256_hex(map_file(request.model).text())}};
    for (const auto& [name, part, use] : {std::tuple("training", parts.training, "calibration"), {"validation", parts.validation, "every choice"}, {"test", parts.test, "the verdict, once"}}) {
        run.parts.push_back({name, part->size(), use, part->description()});
        run.hashes.emplace_back(name, part->hash());
    }
    s.original = read_model(request.model);
    run_passes(s.original, Stage::portable);
    const int64_t original_bytes = file_bytes(request.model);

    s.reference = eval::evaluate(s.original, *parts.validation, s.eval_options(Precision::fp32));
    s.decide("judged the original", cat("top-1 ", percent(s.reference.top1()), " on ", parts.validation->size(), " validation samples"));
    const Baseline base = find_baseline(s);
    std::optional<Trial> answer = find_int8(s, base);

    // What competes: int8 when validation promises it, else the original in bf16 when that is faster.
    std::string rejected_reason;
    std::optional<Trial> rejected;
    if (answer && !promising(*answer, s)) {
        rejected_reason = cat("drops ", points(answer->drop()), " on validation; the bound is ", points(request.max_drop));
        rejected = std::move(answer);
        answer.reset();
    }
    const std::string candidate_path = request.out + "/" + base_of(request.model) + "_candidate.onnx";
    eval::TimingOptions timing;
    timing.threads = request.threads;
    timing.batch = request.batch;
    timing.processes = request.processes;
    timing.program = request.program;
    timing.min_seconds = 0.5;
    eval::Speedup speedup;
    eval::PairTiming timed;
    if (answer) {
        write_answer(*answer, s, candidate_path);
        const eval::TimedModel candidate{candidate_path, answer->precision};
        speedup = timed_pair(s, {request.model, base.precision}, candidate, timing, timed);
        s.decide("timed the candidate in fresh processes",
                 cat(times(speedup.estimate), " as fast as the original in ", eval::precision_name(base.precision), " (", times(speedup.low), " to ", times(speedup.high), ")"),
                 {{"speedup", speedup.estimate}, {"low", speedup.low}, {"high", speedup.high}});
        if (!speedup.faster()) {
            rejected_reason = cat("not measured faster than the original in ", eval::precision_name(base.precision), ": ", milliseconds(median(timed.second.ms)), " against ", milliseconds(median(timed.first.ms)));
            rejected = std::move(answer);
            answer.reset();
        }
    }
    if (!answer && base.precision == Precision::bf16) {
        answer = *base.bf16;
        write_answer(*answer, s, candidate_path);
        const eval::TimedModel candidate{candidate_path, Precision::bf16};
        speedup = timed_pair(s, {request.model, Precision::fp32}, candidate, timing, timed);
        if (!speedup.faster()) {
            rejected_reason = "not measured faster in bf16";
            rejected = std::move(answer);
            answer.reset();
        } else {
            s.decide("the original's weights in bf16 are the answer so far", "int8 did not beat it", {{"speedup", speedup.estimate}});
        }
    }

    // The verdict: the test part, once.
    const eval::Answers before = eval::evaluate(s.original, *parts.test, s.eval_options(Precision::fp32));
    run.before = side_of(s.original, before.top1(), Precision::fp32, timed.first, original_bytes);
    if (run.before.latency_ms.p50 == 0) run.before.latency_ms = {base.ms_fp32, base.ms_fp32, base.ms_fp32};
    const Trial* judged = answer ? &*answer : rejected ? &*rejected : nullptr;
    if (answer) {
        const eval::Answers after = eval::evaluate(answer->graph, *parts.test, s.eval_options(answer->precision));
        const eval::Verdict v = eval::judge(eval::count_pairs(before.right, after.right), request.max_drop);
        record::Drop d;
        d.estimate = v.estimate;
        d.low = v.low;
        d.high = v.high;
        d.samples = v.counts.samples;
        d.lost = v.counts.lost;
        d.gained = v.counts.gained;
        d.mcnemar_p = v.mcnemar_p;
        if (!v.accepted && v.estimate < request.max_drop) d.samples_needed = eval::samples_needed(request.max_drop, v.discordance(), v.estimate);
        run.drop = d;
        run.accepted = v.accepted;
        const bool against_fp32 = base.precision == Precision::fp32 || !answer->quantized;
        if (!against_fp32) {  // `before` is fp32: time that pair too
            run.before_best = side_of(s.original, base.bf16->validation.top1(), base.precision, timed.first, original_bytes);
            run.before_best->metric = eval::evaluate(s.original, *parts.test, s.eval_options(base.precision)).top1();
            const eval::TimedModel candidate{candidate_path, answer->precision};
            const double candidate_then = median(timed.second.ms);
            speedup = timed_pair(s, {request.model, Precision::fp32}, candidate, timing, timed);
            // Two pairs at two moments: the first one's times are carried to the second by the candidate in both.
            const double carry = median(timed.second.ms) / candidate_then;
            for (double* ms : {&run.before_best->latency_ms.min, &run.before_best->latency_ms.p50, &run.before_best->latency_ms.p99}) *ms *= carry;
            run.before.latency_ms = latency_of(timed.first.ms);
            run.before.load_ms = timed.first.load_ms;
        }
        run.speedup = record::Interval{speedup.estimate, speedup.low, speedup.high};
        run.latency_samples = {record::thinned(timed.first.ms), record::thinned(timed.second.ms)};
        s.add_candidate(*answer, v.accepted, v.accepted ? "accepted" : "rejected by the verdict");
        if (v.accepted) {
            const std::string path = request.out + "/" + base_of(request.model) + "_optimized.onnx";
            write_answer(*answer, s, path);
            ::remove(candidate_path.c_str());
            run.model = absolute_path(path);
            run.after = side_of(answer->graph, after.top1(), answer->precision, timed.second, file_bytes(path));
            for (const compress::Layer& l : s.layers) run.after->macs += static_cast<int64_t>(l.macs);
            run.hashes.emplace_back("result", record::sha256_hex(map_file(path).text()));
            run.files.push_back(run.model);
            run.reason = cat("the drop is at most ", points(v.high), " (95 %), within the bound of ", points(request.max_drop), "; measured ", times(speedup.estimate), " as fast");
        } else {
            run.reason = d.samples_needed ? cat("too few test samples to be sure: the drop may be up to ", points(v.high), "; about ", *d.samples_needed, " samples would decide it")
                                          : cat("the drop may be up to ", points(v.high), ", past the bound of ", points(request.max_drop));
            rejected_reason = run.reason;
            rejected = *answer;
        }
        s.decide(v.accepted ? "accepted" : "rejected", run.reason, {{"drop", v.estimate}, {"low", v.low}, {"high", v.high}});
    } else {
        run.reason = judged ? cat("nothing faster within the bound: the best candidate (", judged->name, ") ", rejected_reason)
                            : cat("nothing to try: ", run.decisions.back().what, ", ", run.decisions.back().why);
        s.decide("kept the original", run.reason);
    }
    if (rejected) {
        write_answer(*rejected, s, candidate_path);
        record::Rejected r;
        r.file = absolute_path(candidate_path);
        r.drop = run.drop && !run.accepted ? run.drop->estimate : rejected->drop();
        if (timed.second.ms.empty() || run.accepted) {
            const auto [a, b] = s.quick_times(s.original, base.precision, rejected->graph, rejected->precision);
            r.speedup = a / b;
        } else {
            r.speedup = speedup.estimate;
        }
        r.reason = rejected_reason;
        run.best_rejected = r;
        s.add_candidate(*rejected, false, rejected_reason);
        run.files.push_back(r.file);
    }
    if (!run.accepted) run.model = run.original;
    for (const compress::Layer& l : s.layers) run.before.macs += static_cast<int64_t>(l.macs);
    const double gap = s.reference.top1() - before.top1(), n = static_cast<double>(std::min(parts.validation->size(), parts.test->size()));
    if (gap > 0.02 && gap > 4 * std::sqrt(before.top1() * (1 - before.top1()) / n + 1e-6))
        run.warnings.push_back(cat("the original scores ", points(gap), " better on validation than on test: it may have been trained on the validation samples"));
    fill_layers(s, judged, run.accepted);
    run.machine.load.push_back(load_average());
    run.finished = utc_now();
    run.seconds = now_seconds() - s.started;
    return run;
}

}  // namespace hone
