// SPDX-License-Identifier: Apache-2.0
#include "optimize/forecast.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "compress/quantize.h"
#include "eval/evaluate.h"
#include "eval/latency.h"
#include "run/session.h"

namespace hone {

namespace {
constexpr double kLookSeconds = 0.5;
constexpr int64_t kSensitivitySamples = 1024;  // at most, of the validation part

/// Seconds a sample takes in `evaluate`: the whole path, on all threads. The first batches pay for the plan.
double seconds_a_sample(const Graph& g, const Dataset& data, int threads) {
    eval::EvalOptions o;
    o.threads = threads;
    o.progress = "a quick look";
    double best = 0;
    const double start = now_seconds();
    for (int64_t n = std::min<int64_t>(64, data.size());; n = std::min<int64_t>(2 * n, data.size())) {
        std::vector<int64_t> indices(static_cast<size_t>(n));
        std::iota(indices.begin(), indices.end(), int64_t{0});
        const double before = now_seconds();
        eval::for_each_batch(g, data, indices, o, [](int64_t, const std::vector<Tensor>&, int64_t) {});
        best = (now_seconds() - before) / static_cast<double>(n);
        if (now_seconds() - start > kLookSeconds || n == data.size()) return best;
    }
}

double latency_of(const Graph& g, int threads, int batch) {
    ThreadPool pool(threads);
    PlanOptions p;
    p.threads = threads;
    Session session(make_plan(g, eval::synthetic_dims(g, batch), p), &pool);
    const std::vector<Tensor> x = eval::synthetic_inputs(g, batch);
    std::vector<double> seconds;
    const double start = now_seconds();
    while (seconds.size() < 3 || (now_seconds() - start < kLookSeconds / 2 && seconds.size() < 200)) {
        const double before = now_seconds();
        session.execute(x);
        seconds.push_back(now_seconds() - before);
    }
    return median(seconds);
}

std::vector<record::LayerCount> count_layers(const Graph& g) {
    std::vector<record::LayerCount> counts;
    for (const compress::Layer& l : compress::quantizable_layers(g)) {
        auto at = std::find_if(counts.begin(), counts.end(), [&](const record::LayerCount& c) { return c.op == l.op; });
        if (at == counts.end()) at = counts.insert(at, record::LayerCount{l.op});
        ++at->layers;
        at->parameters += l.parameters;
    }
    return counts;
}

int64_t layer_total(const record::Forecast& f) {
    return std::accumulate(f.layers.begin(), f.layers.end(), int64_t{0},
                           [](int64_t n, const record::LayerCount& c) { return n + c.layers; });
}

void plan_candidates(record::Forecast& f, bool bf16_asked) {
    const bool bf16 = usable_isa() >= Isa::avx512_bf16, int8 = layer_total(f) > 0;
    const auto add = [&](const char* name, bool tried, const std::string& why) {
        f.candidates.push_back({name, why, tried});
    };
    add("the original in fp32", true, "what everything is held against");
    add("the original in bf16", bf16_asked && bf16,
        !bf16_asked ? "fp32 was asked for" : bf16 ? "permitted, and this processor has it" : "this processor has no bf16 arithmetic");
    add("int8 in every layer that can be", int8,
        int8 ? cat(layer_total(f), " layers; ranges from training samples")
             : std::string("the model has no convolution or matrix product with constant weights"));
    add("int8, layers back in float that are slower or dear", int8, "by measured time, and by sensitivity where the drop asks for it");
    add("int8, the rest in bf16", int8 && bf16 && bf16_asked, "where int8 is kept and bf16 is permitted");
}

class Steps {
  public:
    Steps(record::Forecast& f, double sample) : f_(f), sample_(sample) {}
    /// `low` and `high` times `samples` go through a network.
    void samples(const std::string& what, int64_t samples, double low, double high) {
        const double each = sample_ * static_cast<double>(samples);
        f_.steps.push_back({what, samples, low * each, high * each});
    }
    void seconds(const std::string& what, double low, double high) { f_.steps.push_back({what, 0, low, high}); }

  private:
    record::Forecast& f_;
    double sample_;
};

void plan_steps(record::Forecast& f, const DataParts& parts, const ForecastOptions& o, double latency) {
    const int64_t layers = layer_total(f), validation = parts.validation->size();
    const auto tried = static_cast<double>(
        std::count_if(f.candidates.begin(), f.candidates.end(), [](const auto& c) { return c.tried; }));
    Steps s(f, 1 / f.samples_per_second);
    s.samples("calibration on training samples", layers ? std::min(o.calibration_samples, parts.training->size()) : 0, 1, 6);
    s.samples("candidates on validation samples", validation, 0.7 * tried, 2.5 * tried);
    s.samples("sensitivity, layer by layer", layers ? layers * std::min(validation, kSensitivitySamples) : 0, 0.1, 1.5);
    s.seconds("candidates timed here", 0.3 * tried, 1.5 * tried);
    s.samples("the verdict on test samples", parts.test->size(), 1.2, 3);
    const double process = std::max(0.3, 2 * 40 * latency) + 0.1;
    s.seconds("timing in fresh processes", process * o.processes, 4 * process * o.processes);
    double search_low = 0, search_high = 0;
    for (size_t i = 0; i < 4; ++i) search_low += f.steps[i].seconds_low, search_high += f.steps[i].seconds_high;
    if (o.time_budget > 0) search_low = std::min(search_low, o.time_budget), search_high = std::min(search_high, o.time_budget);
    f.seconds_low = search_low + f.steps[4].seconds_low + f.steps[5].seconds_low;
    f.seconds_high = search_high + f.steps[4].seconds_high + f.steps[5].seconds_high;
}
}  // namespace

record::Forecast forecast(const Graph& g, const DataParts& parts, const ForecastOptions& o) {
    if (!parts.training || !parts.validation || !parts.test || parts.validation->size() == 0 || parts.test->size() == 0)
        fail(ErrorKind::data, "optimize.parts", "training, validation and test samples are all needed",
             "Give a data set with training samples; hone splits what has no parts.");
    record::Forecast f;
    f.parts = {{"training", parts.training->size(), "calibration", parts.training->description()},
               {"validation", parts.validation->size(), "every choice", parts.validation->description()},
               {"test", parts.test->size(), "the verdict, once", parts.test->description()}};
    f.layers = count_layers(g);
    plan_candidates(f, o.bf16_asked);
    const double latency = latency_of(g, o.threads, o.batch);
    f.latency_ms = latency * 1e3;
    f.samples_per_second = 1 / std::max(1e-9, seconds_a_sample(g, *parts.validation, o.threads));
    plan_steps(f, parts, o, latency);
    return f;
}

}  // namespace hone
