// SPDX-License-Identifier: Apache-2.0
#include "optimize/search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/cpu.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/timing.h"
#include "onnx/writer.h"
#include "optimize/metadata.h"
#include "optimize/words.h"
#include "record/hash.h"

namespace hone {

using namespace words;

namespace {
constexpr double quick_width = 0.06;
constexpr size_t most_quick = 4;
}  // namespace

double Trial::expected_high(int64_t expected) const {
    if (samples == 0) return std::numeric_limits<double>::infinity();
    const double n = static_cast<double>(samples), target = static_cast<double>(std::max<int64_t>(1, expected));
    if (!counts) return worse + (high - worse) * std::sqrt(n / target);  // limits narrow with the root of the number
    const auto scaled = [&](int64_t k) { return static_cast<int64_t>(std::llround(static_cast<double>(k) / n * target)); };
    return eval::drop_upper_limit({expected, scaled(counts->lost), scaled(counts->gained)});
}

std::unique_ptr<Runtime> open_judge(const OptimizeRequest& r) {
    std::unique_ptr<Runtime> runtime = open_runtime(r.runtime, {r.threads, r.batch, r.program, eval::info_of(r.metric).scores});
    if (r.precision == PrecisionPolicy::bf16 && !runtime->permits(Precision::bf16))
        fail(ErrorKind::usage, "optimize.precision", cat("bf16 was asked for; ", runtime->name(), " has none on this processor (", isa_name(usable_isa()), ")"),
             "Take --precision auto, which is bf16 where there is one and it is faster, or fp32.");
    return runtime;
}

Search::Search(const OptimizeRequest& r, const DataParts& p) : request(r), parts(p), started(now_seconds()) {}

void Search::say(const std::string& line) const {
    if (request.log) request.log(line);
}
void Search::decide(const std::string& what, const std::string& why, record::Numbers figures) {
    run.decisions.push_back({static_cast<int64_t>(run.decisions.size()) + 1, now_seconds() - started, what, why, std::move(figures)});
    say(cat(what, why.empty() ? "" : ": ", why));
}
bool Search::spent(double share, const std::string& at) {
    if (request.time_budget <= 0) return false;
    return journal.number("spent|" + at, [&] { return now_seconds() - started > share * request.time_budget ? 1.0 : 0.0; }) != 0;
}

const eval::Answers& Search::reference() {
    if (!reference_) reference_ = runtime->answers({&original, request.model, Precision::fp32}, *parts.validation);
    return *reference_;
}

double Search::max_drop(double before) const {
    if (!request.goal.max_drop) return std::numeric_limits<double>::infinity();
    return eval::info_of(request.metric).regression ? *request.goal.max_drop * before : *request.goal.max_drop;
}
double Search::max_drop_of(const Trial& t) const { return max_drop(t.metric - t.drop() * (eval::info_of(request.metric).higher_is_better ? -1 : 1)); }
std::string Search::metric_name() const { return request.metric == eval::Metric::top1 ? "top-1" : eval::info_of(request.metric).name; }
std::string Search::metric_text(double value) const { return eval::info_of(request.metric).regression ? number(value) : percent(value); }
std::string Search::drop_text(double drop) const { return eval::info_of(request.metric).regression ? number(drop) : points(drop); }
bool Search::exact() const { return request.metric == eval::Metric::top1 || request.metric == eval::Metric::top5; }
bool Search::bf16_permitted() const { return request.precision != PrecisionPolicy::fp32 && runtime->permits(Precision::bf16); }

eval::MetricVerdict Search::verdict(const eval::Answers& before, const eval::Answers& after, const Dataset& data) const {
    ThreadPool pool(request.threads);
    ThreadPool::Use use(&pool);
    const eval::BootstrapOptions o{.seed = request.seed};
    if (eval::info_of(request.metric).regression && request.goal.max_drop) return eval::judge_growth(request.metric, before, after, data, *request.goal.max_drop, o);
    return eval::judge_metric(request.metric, before, after, data, request.goal.max_drop.value_or(std::numeric_limits<double>::infinity()), o);
}

void Search::judge(Trial& t) {
    const std::vector<double> noted = journal.numbers("validation|" + t.key, [&] {
        const eval::Answers a = t.quantized || t.precision != Precision::fp32 ? runtime->answers({&t.graph, t.quantized ? "" : request.model, t.precision}, *parts.validation) : reference();
        const eval::MetricVerdict v = verdict(reference(), a, *parts.validation);
        HONE_CHECK(v.exact == exact());
        if (exact()) return std::vector<double>{v.after, static_cast<double>(v.samples), static_cast<double>(v.counts.lost), static_cast<double>(v.counts.gained)};
        return std::vector<double>{v.after, static_cast<double>(v.samples), v.estimate, v.high};
    });
    HONE_CHECK(noted.size() == 4, noted.size());
    t.metric = noted[0];
    t.samples = static_cast<int64_t>(noted[1]);
    if (exact()) {
        t.counts = eval::PairedCounts{t.samples, static_cast<int64_t>(noted[2]), static_cast<int64_t>(noted[3])};
    } else {
        t.worse = noted[2];
        t.high = noted[3];
    }
    t.judged = true;
}

std::pair<double, double> Search::quick_times(const Trial& a, const Trial& b) {
    const std::vector<double> noted = journal.numbers(cat("times|", a.key, "|", b.key), [&] {
        auto model = [&](const Trial& t) { return RuntimeModel{&t.graph, t.quantized ? "" : request.model, t.precision}; };
        std::vector<eval::TimedBlock> blocks;
        std::vector<double> first;
        eval::Speedup ratio;
        do {  // until it is known to a few percent, or noise has had its chance
            blocks.push_back(runtime->times(model(a), model(b)));
            first.insert(first.end(), blocks.back().before.begin(), blocks.back().before.end());
            ratio = eval::paired_speedup(blocks);
        } while (ratio.width() > quick_width && blocks.size() < most_quick);
        return std::vector<double>{median(first), median(first) / ratio.estimate};
    });
    HONE_CHECK(noted.size() == 2, noted.size());
    return {noted[0], noted[1]};
}

void Search::time(Trial& t) {
    const Trial base = original_trial(Precision::fp32);
    if (t.key == base.key) {
        t.latency = 1;
    } else {
        const auto [before, after] = quick_times(base, t);
        t.latency = after / before;
        if (original_ms == 0) original_ms = before;
    }
    // An original as an answer has metadata too; one past the bound is past it, and need not be one that can be written.
    const bool within = max_bytes() && original_bytes <= *max_bytes();
    if (t.bytes == 0) t.bytes = t.quantized || within ? file_bytes(t) : original_bytes;
}

Graph Search::written(const Trial& t) const {
    Graph g = t.graph;
    set_metadata(g, parts, eval::precision_name(t.precision));
    return g;
}
int64_t Search::file_bytes(const Trial& t) const { return static_cast<int64_t>(model_bytes(written(t)).size()); }

namespace {
std::vector<double> flat(const TimedPair& p) {
    std::vector<double> v = {p.speedup.estimate, p.speedup.low, p.speedup.high, static_cast<double>(p.speedup.processes),
                             p.first.min, p.first.p50, p.first.p99, p.second.min, p.second.p50, p.second.p99,
                             p.first_load_ms, p.second_load_ms, static_cast<double>(p.first_ms.size())};
    v.insert(v.end(), p.first_ms.begin(), p.first_ms.end());
    v.insert(v.end(), p.second_ms.begin(), p.second_ms.end());
    return v;
}
TimedPair pair_of(const std::vector<double>& v) {
    HONE_CHECK(v.size() >= 13, v.size());
    const auto n = std::min(static_cast<size_t>(std::max(0.0, v[12])), v.size() - 13);
    TimedPair p;
    p.speedup = {v[0], v[1], v[2], static_cast<int>(v[3])};
    p.first = {v[4], v[5], v[6]};
    p.second = {v[7], v[8], v[9]};
    p.first_load_ms = v[10];
    p.second_load_ms = v[11];
    p.first_ms.assign(v.begin() + 13, v.begin() + 13 + static_cast<std::ptrdiff_t>(n));
    p.second_ms.assign(v.begin() + 13 + static_cast<std::ptrdiff_t>(n), v.end());
    return p;
}
}  // namespace

TimedPair Search::timed_pair(const std::string& what, const eval::TimedModel& a, const eval::TimedModel& b) {
    return pair_of(journal.numbers("processes|" + what, [&] {
        eval::PairTiming t = runtime->pair(a, b, request.processes);
        eval::Speedup speedup = eval::paired_speedup(t.blocks);
        const auto open = [&] { return (!speedup.faster() && !speedup.slower()) || speedup.width() > 0.1; };
        // A gain that many processes do not show is none; one that they show is worth stating well.
        for (int more = 2 * request.processes; open() && more <= (speedup.estimate > 1 ? 4 : 2) * request.processes; more *= 2) {
            say(cat("between ", times(speedup.low), " and ", times(speedup.high), " as fast: timing in ", more, " more processes"));
            eval::PairTiming again = runtime->pair(a, b, more);
            std::move(again.blocks.begin(), again.blocks.end(), std::back_inserter(t.blocks));
            t.first.ms.insert(t.first.ms.end(), again.first.ms.begin(), again.first.ms.end());
            t.second.ms.insert(t.second.ms.end(), again.second.ms.begin(), again.second.ms.end());
            speedup = eval::paired_speedup(t.blocks);
        }
        return flat({speedup, latency_of(t.first.ms), latency_of(t.second.ms), t.first.load_ms, t.second.load_ms, record::thinned(t.first.ms), record::thinned(t.second.ms)});
    }));
}

Trial Search::original_trial(Precision p) const {
    Trial t;
    t.name = cat("the original in ", eval::precision_name(p));
    t.key = "original|" + eval::precision_name(p);
    t.graph = original;
    t.precision = p;
    return t;
}

Trial Search::quantized_trial(const compress::QuantizeOptions& o, Precision p) {
    Trial t;
    const std::string way = compress::recipe_name(o);
    std::string kept;
    for (const std::string& l : o.keep_float) kept += l + "\n";
    t.name = cat("int8 in ", layers.size() - o.keep_float.size(), " of ", layers.size(), " layers, ", way, p == Precision::bf16 ? ", the rest bf16" : "");
    t.key = cat("int8|", way, "|", o.keep_float.empty() ? "all" : record::sha256_hex(kept).substr(0, 16), "|", eval::precision_name(p));
    t.graph = quantizer->make(o);
    t.precision = p;
    t.quantized = true;
    t.options = o;
    if (max_bytes()) t.bytes = file_bytes(t);
    return t;
}

std::vector<double> Search::layer_times(const Trial& t) {
    return journal.numbers("layers|" + t.key, [&] {
        ThreadPool pool(request.threads);
        PlanOptions o;
        o.threads = request.threads;
        o.precision = t.precision;
        Session session(make_plan(t.graph, eval::synthetic_dims(t.graph, request.batch), o), &pool);
        const std::vector<Tensor> x = eval::synthetic_inputs(t.graph, request.batch);
        for (int i = 0; i < 5; ++i) session.execute(x);
        std::vector<std::vector<double>> samples;
        const double start = now_seconds();
        session.step_seconds();
        for (int i = 0; i < 50 && (i < 5 || now_seconds() - start < 3); ++i) {
            session.execute(x);
            samples.push_back(session.step_seconds());
        }
        // A step's time goes to the layer among its origins; what has none goes to the layer before it.
        std::map<std::string, size_t> index;
        for (size_t i = 0; i < layers.size(); ++i)
            for (const std::string& origin : original.node(layers[i].node).origins) index[origin] = i;
        std::vector<double> ms(layers.size(), 0);
        size_t at = 0;
        const Plan& plan = session.plan();
        for (size_t k = 0; k < plan.steps.size(); ++k) {
            for (const std::string& origin : plan.steps[k].origins)
                if (const auto it = index.find(origin); it != index.end()) {
                    at = it->second;
                    break;
                }
            std::vector<double> v;
            for (const auto& sample : samples) v.push_back(sample[k]);
            if (!ms.empty()) ms[at] += median(v) * 1e3;
        }
        return ms;
    });
}

std::vector<int64_t> Search::some_validation(int64_t count, uint64_t stream) const {
    std::vector<int64_t> indices = Rng(request.seed, stream).permutation(parts.validation->size());
    indices.resize(static_cast<size_t>(std::min(count, parts.validation->size())));
    std::sort(indices.begin(), indices.end());
    return indices;
}

int64_t sensitivity_samples(const Search& s) {
    // Cost: one forward pass a sample a layer. Within about a minute, and within a fifth of the budget.
    double macs = 0;
    for (const compress::Layer& l : s.layers) macs += l.macs;
    const double seconds = s.request.time_budget > 0 ? std::clamp(0.2 * s.request.time_budget, 5.0, 60.0) : 60.0;
    const double rate = 40e9 * s.request.threads;  // multiply-accumulates a second, cautious
    const auto affordable = static_cast<int64_t>(std::min(1e9, seconds * rate / std::max(1.0, macs * static_cast<double>(s.layers.size()))));
    return std::min<int64_t>(s.parts.validation->size(), std::clamp<int64_t>(affordable, 128, 1024));
}

void Search::measure_sensitivity(const compress::QuantizeOptions& base) {
    const int64_t n = sensitivity_samples(*this);
    const std::vector<int64_t> indices = some_validation(n, 77);
    const std::vector<double> noted = journal.numbers("sensitivity|" + compress::recipe_name(base), [&] {
        eval::EvalOptions o;
        o.threads = request.threads;
        o.keep_logits = true;
        const eval::Answers answers = eval::answer(original, *parts.validation, o, indices);
        std::vector<double> v;
        for (const compress::Sensitivity& k : compress::layer_sensitivity(quantizer->prepared(base.equalize), quantizer->calibration(base.equalize), base, *parts.validation, indices, answers, o))
            v.insert(v.end(), {k.noise, k.drop});
        return v;
    });
    HONE_CHECK(noted.size() == 2 * layers.size(), noted.size());
    sensitivity.clear();
    for (size_t i = 0; i < layers.size(); ++i) sensitivity.push_back({layers[i].name, noted[2 * i], noted[2 * i + 1]});
    std::stable_sort(sensitivity.begin(), sensitivity.end(), [](const auto& a, const auto& b) { return a.noise > b.noise; });
    decide("measured each layer's sensitivity", cat("each layer alone in int8 on ", n, " validation samples; the most sensitive is ", sensitivity.empty() ? "none" : sensitivity[0].layer),
           sensitivity.empty() ? record::Numbers{} : record::Numbers{{"score noise of the most sensitive", sensitivity[0].noise}});
}

void Search::add_candidate(const Trial& t, bool kept, const std::string& reason) {
    for (record::Candidate& c : run.candidates)
        if (c.name == t.name) {
            c.kept = kept;
            c.reason = reason;
            return;
        }
    record::Candidate c;
    c.name = t.name;
    c.metric = t.metric;
    c.drop = t.drop();
    c.latency_ms = t.latency * original_ms;
    c.bytes = t.bytes;
    c.kept = kept;
    c.reason = reason;
    run.candidates.push_back(std::move(c));
}

std::string Search::too_few_samples() const {
    if (!exact() || !request.goal.max_drop) return {};
    const int64_t samples = parts.test->size();
    const double bound = *request.goal.max_drop, limit = eval::drop_upper_limit({samples, 0, 0});
    if (limit <= bound) return {};
    const auto needed = eval::samples_needed(bound, 0, 0);
    return cat("too few test samples: of ", samples, ", even with the same answers to all, ", metric_name(), " may drop by up to ", points(limit), " (95 %), past the bound of ", points(bound), "; ",
               needed ? cat("it takes at least ", *needed, " samples or") : "no number of samples shows that nothing is lost; it takes", " --max-drop ", std::ceil(limit * 1e4) / 100, "%");
}
bool Search::promising(const Trial& t) const {
    if (!request.goal.max_drop) return true;
    return t.expected_high(parts.test->size()) <= max_drop_of(t);
}
std::optional<int64_t> Search::samples_needed(const Trial& t) const {
    eval::MetricVerdict v{.samples = t.samples, .exact = exact()};
    v.estimate = t.drop();
    v.high = t.high;
    if (t.counts) v.counts = *t.counts;
    return eval::samples_needed(v, max_drop_of(t));
}
std::optional<double> Search::max_latency_share() const {
    if (!request.goal.max_latency) return std::nullopt;
    return request.goal.max_latency->of(original_ms) / original_ms;
}
std::optional<int64_t> Search::max_bytes() const {
    if (!request.goal.max_size) return std::nullopt;
    return static_cast<int64_t>(request.goal.max_size->of(static_cast<double>(original_bytes)));
}
bool Search::small_enough(const Trial& t) const { return !max_bytes() || t.bytes <= *max_bytes(); }
bool Search::fast_enough(const Trial& t) const { return !max_latency_share() || t.latency <= (1 - latency_margin) * *max_latency_share(); }

}  // namespace hone
