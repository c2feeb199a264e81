// SPDX-License-Identifier: Apache-2.0
// What the steps of `optimize` share: the original, the candidates, and the one way to measure: through the journal, so
// that a replay or a resumed run decides as the first did. Each step appends to the record what it decided and why.
#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "compress/explain.h"
#include "compress/recipe.h"
#include "data/corrupt.h"
#include "eval/metric_verdict.h"
#include "optimize/optimize.h"
#include "optimize/runtime.h"
#include "record/journal.h"

namespace hone {

/// A whole model that may be the answer.
struct Trial {
    std::string name;                 ///< "int8 in 20 of 22 layers, min-max ranges"
    std::string key;                  ///< the same for equal trials of equal runs
    Graph graph;                      ///< portable: may be written
    Precision precision = Precision::fp32;
    bool quantized = false;
    compress::QuantizeOptions options = {};   ///< of quantized ones
    bool judged = false;
    double metric = 0;                ///< on validation
    int64_t samples = 0;              ///< that it was judged on
    std::optional<eval::PairedCounts> counts = {};  ///< against the original in fp32, where answers are right or wrong
    double worse = 0, high = 0;       ///< than the original in fp32, and the upper limit of that, where they are not
    double latency = 0;               ///< as a share of the original's in fp32; 0: not timed
    int64_t bytes = 0;                ///< of the file; 0: not counted (which it is where there is a bound)
    double drop() const { return counts ? static_cast<double>(counts->lost - counts->gained) / static_cast<double>(std::max<int64_t>(1, counts->samples)) : worse; }
    /// The upper limit of the drop that the verdict is to be expected to state on so many samples.
    double expected_high(int64_t expected) const;
};

/// What was measured in fresh processes of two models.
struct TimedPair {
    eval::Speedup speedup;            ///< first over second
    Latency first, second;
    double first_load_ms = 0, second_load_ms = 0;
    std::vector<double> first_ms, second_ms;  ///< thinned
};

struct Search {
    const OptimizeRequest& request;
    const DataParts& parts;
    record::Run run;
    double started;
    std::unique_ptr<Runtime> runtime;
    record::Journal journal;
    Graph original;                   ///< portable passes run
    std::vector<compress::Layer> layers;
    double original_ms = 0;           ///< in fp32, quick
    int64_t original_bytes = 0;       ///< side files counted
    std::unique_ptr<compress::Quantizer> quantizer;
    std::vector<compress::Sensitivity> sensitivity;  ///< most sensitive first
    std::vector<double> fp32_layer_ms, int8_layer_ms;
    std::vector<compress::LayerExplanation> explanations;  ///< of plain int8
    std::map<std::string, std::string> why_float;    ///< reason by layer
    std::vector<Trial> trials;        ///< whatever was judged and timed
    std::string refusal;              ///< why there is no search; empty: there is one

    Search(const OptimizeRequest& r, const DataParts& p);
    void say(const std::string& line) const;
    void decide(const std::string& what, const std::string& why, record::Numbers figures = {});
    /// Whether the budget's share is spent; false without a budget. Noted, because decisions hang on it.
    bool spent(double share, const std::string& at);

    /// On validation, in the runtime that judges, by the metric that the bound is on.
    void judge(Trial& t);
    /// How much worse `after` is by that metric, against the bound.
    eval::MetricVerdict verdict(const eval::Answers& before, const eval::Answers& after, const Dataset& data) const;
    /// The bound on the drop where the original's metric is `before`; infinite where none was given.
    double max_drop(double before) const;
    std::string metric_name() const;             ///< "top-1", "f1_macro"
    std::string metric_text(double value) const; ///< "94.29 %"; an error as a number
    std::string drop_text(double drop) const;    ///< "0.50 points"; of an error a number
    /// The original's answers on validation in fp32.
    const eval::Answers& reference();
    bool exact() const;                          ///< verdicts count right and wrong answers
    bool bf16_permitted() const;
    bool bf16_asked() const { return request.precision == PrecisionPolicy::bf16; }
    /// Of interleaved runs in ms: the first one's median, and the second's by the ratio of pairs, which bursts of a
    /// neighbour hardly move.
    std::pair<double, double> quick_times(const Trial& a, const Trial& b);
    /// Fills latency (against the original in fp32) and bytes.
    void time(Trial& t);
    /// In fresh processes; where noise leaves open which is faster, or by how much to a tenth, in twice as many again,
    /// and for a likely gain once more in twice as many.
    TimedPair timed_pair(const std::string& what, const eval::TimedModel& a, const eval::TimedModel& b);

    /// As its file holds it: with what hone stores in the models that it writes.
    Graph written(const Trial& t) const;
    int64_t file_bytes(const Trial& t) const;

    Trial original_trial(Precision p) const;
    Trial quantized_trial(const compress::QuantizeOptions& o, Precision p);
    /// Milliseconds of each of `layers` in whole profiled runs of hone.
    std::vector<double> layer_times(const Trial& t);
    void measure_sensitivity(const compress::QuantizeOptions& base);
    /// `count` seeded validation samples, in order.
    std::vector<int64_t> some_validation(int64_t count, uint64_t stream) const;
    void add_candidate(const Trial& t, bool kept, const std::string& reason);

    /// Why no candidate could be shown to meet the drop bound: the test samples are so few that even the original's own
    /// answers would not be accepted. Empty where they are enough, or where the limit is not known beforehand (bootstrap).
    std::string too_few_samples() const;
    /// The drop bound is promised by validation (no bound: always).
    bool promising(const Trial& t) const;
    /// Test samples that would accept it if validation is right about it; empty where no number does.
    std::optional<int64_t> samples_needed(const Trial& t) const;
    bool small_enough(const Trial& t) const;
    bool fast_enough(const Trial& t) const;  ///< by the quick time, with latency_margin
    std::optional<double> max_latency_share() const;
    std::optional<int64_t> max_bytes() const;

  private:
    double max_drop_of(const Trial& t) const;  ///< by the original's metric behind it
    std::optional<eval::Answers> reference_;
};

/// The engine that judges. Throws usage "optimize.precision" where bf16 was asked for and it has none, and as open_runtime.
std::unique_ptr<Runtime> open_judge(const OptimizeRequest& r);
/// With multiply-accumulates at batch 1.
std::vector<compress::Layer> layers_of(const Graph& g);
/// Sets of layers that go together: of one kind, first, last, small.
struct LayerGroup {
    std::string name;
    std::set<std::string> layers;
};
std::vector<LayerGroup> layer_groups(const Search& s);
/// How many values would be quantised with these options.
size_t quantized_values(const Search& s, const compress::QuantizeOptions& o);

constexpr int64_t scored_samples = 512;  ///< of validation, by whose scores recipes are compared
constexpr int64_t explained_samples = 256;  ///< of validation, on which layers in 8 bits are looked at
constexpr size_t most_finalists = 3;     ///< timed in fresh processes
constexpr double latency_margin = 0.03;  ///< of the bound on time, for the noise of quick times
constexpr int64_t most_corrupted = 2000; ///< pictures of validation that are corrupted
constexpr double robustness_seconds = 12;  ///< that it may take unless asked for
/// Samples of validation on which each layer's sensitivity is measured, within the time that there is.
int64_t sensitivity_samples(const Search& s);

/// Fills `trials` with the original in fp32, which everything is held against.
void try_original(Search& s);
/// ... with the original at its other permitted precisions.
void try_precisions(Search& s);
/// ... with quantised models.
void try_int8(Search& s);
/// The candidates that may be the answer, best first by the goal.
std::vector<const Trial*> finalists(const Search& s);
/// Times the finalists in fresh processes, looks at the test part once, and fills the record.
void conclude(Search& s);
/// Notes what 8 bits do to each layer of a model with every layer in int8, and what is wrong with the network.
void explain(Search& s, const Trial& plain);
void fill_layers(Search& s, const Trial* answer, bool accepted);
/// Both on corrupted validation samples, where these are pictures and it takes seconds, or was asked for.
void measure_robustness(Search& s, const Trial& original, const Trial& answer);
/// What measure_robustness corrupts samples by.
std::vector<Corruption> corruptions_shown(bool all);

}  // namespace hone
