// SPDX-License-Identifier: Apache-2.0
#include "optimize/forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "base/timing.h"
#include "onnx/reader.h"
#include "optimize/search.h"
#include "optimize/words.h"

namespace hone {

using namespace words;

namespace {
constexpr double kLookSeconds = 0.5;
constexpr double kFaultSeconds = 5;

struct Rate {
    double start = 0, sample = 0;  ///< seconds: of a pass, and of each of its samples
    double of(double samples) const { return start + sample * samples; }
};

/// Of answers in hone on all threads. The first batches pay for the plan.
Rate hone_rate(const Graph& g, const Dataset& data, int threads) {
    eval::EvalOptions o;
    o.threads = threads;
    o.progress = "a quick look";
    const double start = now_seconds();
    for (int64_t n = std::min<int64_t>(64, data.size());; n = std::min<int64_t>(2 * n, data.size())) {
        std::vector<int64_t> indices(static_cast<size_t>(n));
        std::iota(indices.begin(), indices.end(), int64_t{0});
        const double before = now_seconds();
        eval::for_each_batch(g, data, indices, o, [](int64_t, const std::vector<Tensor>&, int64_t) {});
        const double sample = (now_seconds() - before) / static_cast<double>(n);
        if (now_seconds() - start > kLookSeconds || n == data.size()) return {0, sample};
    }
}

/// Of answers in another engine, whose start counts in each pass.
Rate peer_rate(Runtime& runtime, const Graph& g, const std::string& path, const DatasetPtr& data) {
    const auto seconds_of = [&](int64_t n) {
        std::vector<int64_t> indices(static_cast<size_t>(n));
        std::iota(indices.begin(), indices.end(), int64_t{0});
        const double before = now_seconds();
        runtime.answers({&g, path, Precision::fp32}, *subset(data, indices, "a look"));
        return now_seconds() - before;
    };
    const int64_t few = std::min<int64_t>(32, data->size()), more = std::min<int64_t>(288, data->size());
    const double first = seconds_of(few);
    if (more == few) return {first, 0};
    const double sample = std::max(1e-7, (seconds_of(more) - first) / static_cast<double>(more - few));
    return {std::max(0.0, first - sample * static_cast<double>(few)), sample};
}

std::vector<record::LayerCount> count_layers(const std::vector<compress::Layer>& layers) {
    std::vector<record::LayerCount> counts;
    for (const compress::Layer& l : layers) {
        auto at = std::find_if(counts.begin(), counts.end(), [&](const record::LayerCount& c) { return c.op == l.op; });
        if (at == counts.end()) at = counts.insert(at, record::LayerCount{l.op});
        ++at->layers;
        at->parameters += l.parameters;
    }
    return counts;
}

/// How often a search asks for what takes time.
struct Work {
    double judged_low = 1, judged_high = 1;  ///< passes over validation; the original in fp32 is one
    double timed_low = 1, timed_high = 1;
    void add(double timed, double judged_at_most, double judged_at_least = 0) {
        timed_low += timed, timed_high += timed;
        judged_low += judged_at_least, judged_high += judged_at_most;
    }
};

class Forecaster {
  public:
    Forecaster(const Graph& g, const DataParts& parts, const OptimizeRequest& r) : s_(r, parts) {
        s_.runtime = open_judge(r);
        s_.original = g;
        s_.original_bytes = model_file_bytes(r.model);
        s_.layers = layers_of(s_.original);
        recurrent_ = compress::recurrent_layers(s_.original);
    }

    record::Forecast made() {
        const OptimizeRequest& r = s_.request;
        f_.runtime = s_.runtime->name();
        f_.metric = eval::info_of(r.metric).name;
        for (const auto& [name, part, use] : {std::tuple("training", s_.parts.training, "calibration"), {"validation", s_.parts.validation, "every choice"}, {"test", s_.parts.test, "the verdict, once"}})
            f_.parts.push_back({name, part->size(), use, part->description()});
        f_.layers = count_layers(s_.layers);
        const RuntimeModel original{&s_.original, r.model, Precision::fp32};
        s_.original_ms = f_.latency_ms = median(s_.runtime->times(original, original).before);
        hone_ = hone_rate(s_.original, *s_.parts.validation, r.threads);
        judge_ = f_.runtime == "hone" ? hone_ : peer_rate(*s_.runtime, s_.original, r.model, s_.parts.validation);
        f_.samples_per_second = 1 / std::max(1e-9, judge_.sample);
        goal();
        if (const std::string why = s_.too_few_samples(); !why.empty()) f_.warnings.push_back(cat("there will be no search: ", why));
        candidates();
        steps();
        return std::move(f_);
    }

  private:
    void goal() {
        const OptimizeGoal& g = s_.request.goal;
        const bool error = eval::info_of(s_.request.metric).regression;
        if (g.max_drop && !error) f_.goal.max_drop = g.max_drop;
        if (g.max_latency) f_.goal.max_latency_ms = g.max_latency->of(s_.original_ms);
        f_.goal.max_bytes = s_.max_bytes();
        std::vector<std::string> bounds;
        if (g.max_drop) bounds.push_back(error ? cat(s_.metric_name(), " grows by at most ", percent(*g.max_drop), " of the original's") : cat(s_.metric_name(), " drops by at most ", points(*g.max_drop)));
        if (g.max_latency) bounds.push_back(cat("a run takes at most ", milliseconds(*f_.goal.max_latency_ms), " (the original: ", milliseconds(s_.original_ms), ")"));
        if (g.max_size) bounds.push_back(cat("the file takes at most ", bytes(*f_.goal.max_bytes), " (the original: ", bytes(s_.original_bytes), ")"));
        f_.wanted = cat(g.max_latency ? cat("the model with the best ", s_.metric_name()) : std::string("the fastest model"), " in ", s_.runtime->name(), bounds.empty() ? "" : ", such that " + join(bounds, ", "));
    }

    void add(const std::string& name, bool tried, const std::string& why) { f_.candidates.push_back({name, why, tried}); }

    /// As candidates.cc goes about it.
    void candidates() {
        const OptimizeRequest& r = s_.request;
        const bool bf16 = s_.bf16_permitted(), int8 = !s_.layers.empty(), slack = r.goal.max_latency.has_value();
        const std::string none = "the model has no convolution or matrix product with constant weights";
        add("the original in fp32", true, cat("what everything is held against, in ", s_.runtime->name()));
        add("the original in bf16", bf16, r.precision == PrecisionPolicy::fp32 ? "fp32 was asked for" : s_.bf16_asked() ? "asked for, of every answer" : bf16 ? "permitted, and this processor has it" : cat("no bf16 in ", s_.runtime->name(), " on this processor"));
        if (bf16) work_.add(1, 1, 1);
        recipes_ = int8 ? static_cast<int64_t>(compress::recipes(s_.original).size()) : 0;
        const double judged = static_cast<double>(std::min<int64_t>(3, recipes_)), halvings = int8 ? std::ceil(std::log2(static_cast<double>(s_.layers.size()) + 1)) : 0;
        add("int8 in every layer that can be", int8, int8 ? cat(s_.layers.size(), " layers; ", recipes_, " ways of choosing ranges compared, the best ", static_cast<int>(judged), " judged") : none);
        work_.add(0, judged, judged);
        int curves = 0;
        for (const compress::Curved c : {compress::Curved::table, compress::Curved::every_node})
            if (int8) curves += quantized_values(s_, {.curved = c}) != quantized_values(s_, {});
        add("int8, curved activations in 8 bits too", curves > 0, curves ? cat(curves, curves == 1 ? " way" : " ways", ", where the whole is faster then") : int8 ? "the model has none" : none);
        work_.add(curves, curves);
        const auto groups = static_cast<double>(int8 ? layer_groups(s_).size() + (s_.runtime->profiles() ? 1 : 0) : 0);
        add("int8, groups of layers back in float", int8, int8 ? cat(static_cast<int>(groups), " groups by turns; each where ", s_.runtime->name(), " is faster then") : none);
        work_.add(groups, groups);
        add("8-bit storage of the float layers' weights", int8, int8 ? cat("where it is as fast and smaller", recurrent_.empty() ? "" : ", and of the recurrent layers") : none);
        if (int8) work_.add(recurrent_.empty() ? 1 : 2, recurrent_.empty() ? 1 : 2);
        const bool dear = int8 && r.goal.max_drop;
        add("int8, sensitive layers back in float", dear, !int8 ? none : dear ? "most sensitive first, if the bound on the drop asks for it" : "no bound on the drop was given");
        if (dear) work_.add(0, halvings);
        add("int8, more layers in float for accuracy", int8 && slack, !int8 ? none : slack ? cat("as many as ", milliseconds(*f_.goal.max_latency_ms), " a run leave time for") : "no bound on the time was given");
        if (int8 && slack) work_.add(halvings, halvings);
        add("int8, the rest in bf16", int8 && bf16, !int8 ? none : s_.bf16_asked() ? "asked for, of every answer" : bf16 ? "where int8 is kept" : "bf16 is not permitted or not there");
        if (int8 && bf16 && !s_.bf16_asked()) work_.add(2, 1);
        if (int8) work_.add(1, 0);
    }

    void step(const std::string& what, double samples, double low, double high) { f_.steps.push_back({what, static_cast<int64_t>(samples), low, high}); }

    void steps() {
        const OptimizeRequest& r = s_.request;
        const bool hone = f_.runtime == "hone", int8 = !s_.layers.empty();
        const auto validation = static_cast<double>(s_.parts.validation->size()), test = static_cast<double>(s_.parts.test->size());
        const auto layers = static_cast<double>(s_.layers.size());
        const double calibration = int8 ? static_cast<double>(std::min(r.calibration_samples, s_.parts.training->size())) : 0;
        step("calibration on training samples", calibration, hone_.of(calibration), 6 * hone_.of(calibration));
        const double noise = int8 ? static_cast<double>(recipes_ + 1) * std::min<double>(static_cast<double>(scored_samples), validation) : 0;
        step("ways of choosing ranges, by the scores' noise", noise, 0.5 * hone_.of(noise), 2 * hone_.of(noise));
        step("candidates on validation samples", validation, 0.7 * work_.judged_low * judge_.of(validation), 1.3 * work_.judged_high * judge_.of(validation));
        const double sensitivity = int8 ? layers * static_cast<double>(sensitivity_samples(s_)) : 0;
        step("sensitivity, layer by layer", sensitivity, 0.1 * hone_.of(sensitivity), 1.5 * hone_.of(sensitivity));
        const double explained = int8 ? std::min<double>(static_cast<double>(explained_samples), validation) : 0;
        step("what is wrong and what 8 bits see", explained, hone_.of(explained), 4 * layers * hone_.of(explained) / 3 + kFaultSeconds);
        const double ms = s_.original_ms / 1e3, block = (hone ? std::max(0.45, 130 * ms) : 1.2 + 2 * judge_.start) + 0.05;
        step(cat("candidates timed in ", f_.runtime), 0, work_.timed_low * block, 4 * work_.timed_high * block);
        const size_t of_search = f_.steps.size();
        step("the verdict on test samples", test, 2 * 0.6 * judge_.of(test), 3 * judge_.of(test));
        const double process = hone ? std::max(0.5, 90 * ms) + 0.3 : 1.2 + 2 * judge_.start;
        step("timing in fresh processes", 0, process * r.processes, 3.0 * static_cast<double>(most_finalists) * process * r.processes);
        robustness_step(validation);
        double low = 0, high = 0;
        for (size_t i = 0; i < of_search; ++i) low += f_.steps[i].seconds_low, high += f_.steps[i].seconds_high;
        if (r.time_budget > 0) low = std::min(low, r.time_budget), high = std::min(high, r.time_budget);
        for (size_t i = of_search; i < f_.steps.size(); ++i) low += f_.steps[i].seconds_low, high += f_.steps[i].seconds_high;
        f_.seconds_low = low;
        f_.seconds_high = high;
    }

    void robustness_step(double validation) {
        const bool pictures = s_.parts.kind == DataKind::image && s_.parts.validation->sample_dims().size() == 3, asked = s_.request.robustness;
        if (!pictures) return;
        const double some = std::min<double>(static_cast<double>(most_corrupted), validation), rows = static_cast<double>(corruptions_shown(asked).size()) + 1;
        const double seconds = 2 * rows * judge_.of(some);
        step("robustness of an accepted model", some, 0, asked ? 2 * seconds : std::min(robustness_seconds + 1, 2 * seconds));
    }

    Search s_;
    record::Forecast f_;
    Rate hone_, judge_;
    Work work_;
    int64_t recipes_ = 0;
    std::vector<compress::Layer> recurrent_;
};
}  // namespace

record::Forecast forecast(const Graph& g, const DataParts& parts, const OptimizeRequest& request) {
    check_request(request, parts);
    return Forecaster(g, parts, request).made();
}

}  // namespace hone
