// SPDX-License-Identifier: Apache-2.0
#include "optimize/search.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "base/rng.h"
#include "base/timing.h"

namespace hone {

double Trial::expected_high(int64_t samples) const {
    if (counts.samples == 0) return 1;
    const double n = static_cast<double>(counts.samples), target = static_cast<double>(std::max<int64_t>(1, samples));
    const auto scaled = [&](int64_t k) { return static_cast<int64_t>(std::llround(static_cast<double>(k) / n * target)); };
    return eval::drop_upper_limit({samples, scaled(counts.lost), scaled(counts.gained)});
}

Search::Search(const OptimizeRequest& r, const DataParts& p) : request(r), parts(p), started(now_seconds()) {}

void Search::say(const std::string& line) const {
    if (request.log) request.log(line);
}
void Search::decide(const std::string& what, const std::string& why, record::Numbers figures) {
    run.decisions.push_back({static_cast<int64_t>(run.decisions.size()) + 1, now_seconds() - started, what, why, std::move(figures)});
    say(cat(what, why.empty() ? "" : ": ", why));
}
double Search::seconds_left() const {
    return request.time_budget > 0 ? request.time_budget - (now_seconds() - started) : 1e9;
}
eval::EvalOptions Search::eval_options(Precision p) const {
    eval::EvalOptions o;
    o.threads = request.threads;
    o.precision = p;
    return o;
}

Trial Search::judge_on_validation(std::string name, Graph g, Precision p) const {
    Trial t;
    t.name = std::move(name);
    t.precision = p;
    eval::EvalOptions o = eval_options(p);
    o.progress = "judging on validation";
    t.validation = eval::evaluate(g, *parts.validation, o);
    t.counts = eval::count_pairs(reference.right, t.validation.right);
    t.graph = std::move(g);
    return t;
}

Trial Search::quantized_trial(const std::set<std::string>& keep_float, compress::Range range, Precision p) const {
    compress::QuantizeOptions o;
    o.keep_float = keep_float;
    o.range = range;
    const size_t in_int8 = layers.size() - keep_float.size();
    Trial t = judge_on_validation(cat("int8 in ", static_cast<unsigned long>(in_int8), " of ", static_cast<unsigned long>(layers.size()), " layers, ",
                                      range == compress::Range::min_max ? "min-max" : "percentile", " ranges", p == Precision::bf16 ? ", the rest bf16" : ""),
                                  compress::quantize(original, calibration, o), p);
    t.keep_float = keep_float;
    t.range = range;
    t.quantized = true;
    return t;
}

std::pair<double, double> Search::quick_times(const Graph& a, Precision pa, const Graph& b, Precision pb) const {
    ThreadPool pool(request.threads);
    auto session = [&](const Graph& g, Precision p) {
        PlanOptions o;
        o.threads = request.threads;
        o.precision = p;
        return Session(make_plan(g, eval::synthetic_dims(g, request.batch), o), &pool);
    };
    Session sa = session(a, pa), sb = session(b, pb);
    const std::vector<Tensor> x = eval::synthetic_inputs(a, request.batch);
    eval::TimingOptions o;
    o.runs = 60;
    o.min_seconds = 0.4;
    o.max_seconds = 10;
    eval::TimedBlock block;
    eval::time_interleaved(sa, x, &sb, x, o, block);
    return {median(block.before), median(block.after)};
}

std::vector<double> Search::layer_times(const Graph& g, Precision p) const {
    ThreadPool pool(request.threads);
    PlanOptions o;
    o.threads = request.threads;
    o.precision = p;
    Session s(make_plan(g, eval::synthetic_dims(g, request.batch), o), &pool);
    const std::vector<Tensor> x = eval::synthetic_inputs(g, request.batch);
    for (int i = 0; i < 5; ++i) s.execute(x);
    std::vector<std::vector<double>> samples;
    const double start = now_seconds();
    s.step_seconds();
    for (int i = 0; i < 50 && (i < 5 || now_seconds() - start < 3); ++i) {
        s.execute(x);
        samples.push_back(s.step_seconds());
    }
    // A step's time goes to the layer among its origins; what has none goes to the layer before it.
    std::map<std::string, size_t> index;
    for (size_t i = 0; i < layers.size(); ++i)
        for (const std::string& origin : original.node(layers[i].node).origins) index[origin] = i;
    std::vector<double> ms(layers.size(), 0);
    size_t at = 0;
    const Plan& plan = s.plan();
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
}

void Search::measure_sensitivity(compress::Range range) {
    // Cost: one forward pass a sample a layer. Keep it within about a minute, and within a fifth of the budget.
    double macs = 0;
    for (const compress::Layer& l : layers) macs += l.macs;
    const double seconds = std::min(60.0, std::max(5.0, 0.2 * seconds_left()));
    const double rate = 40e9 * request.threads;  // multiply-accumulates a second, cautious
    const auto affordable = static_cast<int64_t>(seconds * rate / std::max(1.0, macs * static_cast<double>(layers.size())));
    const int64_t n = std::min<int64_t>(parts.validation->size(), std::clamp<int64_t>(affordable, 128, 1024));
    std::vector<int64_t> indices = Rng(request.seed, 77).permutation(parts.validation->size());
    indices.resize(static_cast<size_t>(n));
    std::sort(indices.begin(), indices.end());
    eval::EvalOptions o = eval_options(Precision::fp32);
    o.keep_logits = true;
    const eval::Answers base = eval::evaluate(original, *parts.validation, o, indices);
    compress::QuantizeOptions q;
    q.range = range;
    sensitivity = compress::layer_sensitivity(original, calibration, q, *parts.validation, indices, base, o);
    std::stable_sort(sensitivity.begin(), sensitivity.end(), [](const auto& a, const auto& b) { return a.noise > b.noise; });
    decide("measured each layer's sensitivity", cat("each layer alone in int8 on ", n, " validation samples; the most sensitive is ", sensitivity.empty() ? "none" : sensitivity[0].layer),
           sensitivity.empty() ? record::Numbers{} : record::Numbers{{"score noise of the most sensitive", sensitivity[0].noise}});
}

void Search::add_candidate(const Trial& t, bool kept, const std::string& reason) {
    record::Candidate c;
    c.name = t.name;
    c.metric = t.validation.top1();
    c.drop = t.drop();
    c.latency_ms = t.latency_ms;
    c.kept = kept;
    c.reason = reason;
    run.candidates.push_back(std::move(c));
}

}  // namespace hone
