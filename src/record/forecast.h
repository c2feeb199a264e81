// SPDX-License-Identifier: Apache-2.0
// `hone optimize --dry-run --json`: hone.forecast/1: what would be done. Made by src/optimize/forecast.h.
//
//   record::Forecast f = forecast(graph, parts, options);
//   std::puts(record::to_json(f).c_str());
#pragma once
#include "record/run.h"

namespace hone::record {

struct LayerCount {
    std::string op{};
    int64_t layers = 0, parameters = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("op", s.op);
        v("layers", s.layers);
        v("parameters", s.parameters);
    }
};

struct PlannedCandidate {
    std::string name{}, why{};
    bool tried = true;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("tried", s.tried);
        v("why", s.why);
    }
};

/// A stretch of the work.
struct PlannedStep {
    std::string what{};
    int64_t samples = 0;  ///< that go through a network
    double seconds_low = 0, seconds_high = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("what", s.what);
        v("samples", s.samples);
        v("seconds_low", s.seconds_low);
        v("seconds_high", s.seconds_high);
    }
};

struct Forecast {
    static constexpr const char* schema = "hone.forecast/1";
    std::string model{}, out{};
    std::string wanted{};              ///< the goal in words
    std::string runtime{}, metric{};   ///< that judge
    Goal goal{};                       ///< bounds that are shares are of the quick look's figures
    std::vector<Part> parts{};
    std::vector<LayerCount> layers{};  ///< that may become int8, by operator
    std::vector<PlannedCandidate> candidates{};
    std::vector<PlannedStep> steps{};
    double latency_ms = 0;             ///< of the original in fp32 in that runtime, a quick look
    double samples_per_second = 0;     ///< of evaluation
    double seconds_low = 0, seconds_high = 0;
    Texts recipe{};
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("model", s.model);
        v("out", s.out);
        v("wanted", s.wanted);
        v("runtime", s.runtime);
        v("metric", s.metric);
        v("goal", s.goal);
        v("parts", s.parts);
        v("layers", s.layers);
        v("candidates", s.candidates);
        v("steps", s.steps);
        v("latency_ms", s.latency_ms);
        v("samples_per_second", s.samples_per_second);
        v("seconds_low", s.seconds_low);
        v("seconds_high", s.seconds_high);
        v("recipe", s.recipe);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
