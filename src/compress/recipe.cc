// SPDX-License-Identifier: Apache-2.0
#include "compress/recipe.h"

#include <algorithm>

#include "base/thread_pool.h"
#include "base/timing.h"
#include "compress/bias_correction.h"
#include "compress/equalize.h"

namespace hone::compress {

namespace {
constexpr size_t kBiasSamples = 128;
}

Quantizer::Quantizer(const Graph& g, const Dataset& training, std::vector<int64_t> samples, const eval::EvalOptions& options)
        : g_(g), training_(training), samples_(std::move(samples)), options_(options) {}

Quantizer::Prepared& Quantizer::at(bool equalized) {
    Prepared& p = prepared_[equalized];
    if (p.graph) return p;
    if (!equalized) {
        p.graph = g_;
        return p;
    }
    const Equalized e = equalize(g_, channel_statistics(g_, equalizable_values(g_), training_, samples_, options_));
    p.graph = e.graph;
    p.pairs = e.pairs;
    return p;
}

const Graph& Quantizer::prepared(bool equalized) { return *at(equalized).graph; }
int Quantizer::equalized_pairs() { return at(true).pairs; }

const Calibration& Quantizer::calibration(bool equalized) {
    Prepared& p = at(equalized);
    if (!p.calibration) p.calibration = calibrate(*p.graph, training_, samples_, options_);
    return *p.calibration;
}

Graph Quantizer::make(const QuantizeOptions& options) {
    ThreadPool pool(options_.threads);
    const ThreadPool::Use use(&pool);
    Graph q = quantize(prepared(options.equalize), calibration(options.equalize), options);
    if (!options.correct_bias) return q;
    const std::span<const int64_t> some(samples_.data(), std::min(samples_.size(), kBiasSamples));
    return correct_bias(prepared(options.equalize), std::move(q), training_, some, options_);
}

std::vector<QuantizeOptions> recipes(const Graph& g) {
    QuantizeOptions plain, mse, corrected, percentile, entropy;
    mse.range = Range::mse;
    mse.weights = WeightRange::mse;
    percentile.range = Range::percentile;
    entropy.range = Range::entropy;
    corrected.correct_bias = mse.correct_bias = entropy.correct_bias = percentile.correct_bias = true;
    std::vector<QuantizeOptions> out = {plain, corrected, mse, percentile, entropy};
    if (equalizable_values(g).empty()) return out;
    for (QuantizeOptions o : {corrected, mse}) {
        o.equalize = true;
        out.push_back(o);
    }
    return out;
}

std::string recipe_name(const QuantizeOptions& o) {
    std::string name = cat(std::string(range_name(o.range)), " ranges");
    std::replace(name.begin(), name.end(), '_', '-');
    if (o.weights == WeightRange::mse) name += ", mse weights";
    if (o.equalize) name += ", equalised";
    if (o.correct_bias) name += ", bias corrected";
    if (o.curved == Curved::table) name += ", activations as tables";
    if (o.curved == Curved::every_node) name += ", every activation node in 8 bits";
    if (o.weight_only != WeightOnly::float32) name += ", float layers' weights stored in 8 bits";
    return name;
}

std::vector<RecipeScore> score_recipes(Quantizer& quantizer, const std::vector<QuantizeOptions>& of, const Dataset& validation, std::span<const int64_t> samples,
                                       const eval::Answers& reference, const eval::EvalOptions& options) {
    eval::EvalOptions o = options;
    o.keep_logits = true;
    std::vector<RecipeScore> out;
    Progress progress("recipes of quantisation", static_cast<double>(of.size()));
    for (const QuantizeOptions& recipe : of) {
        const eval::Answers a = eval::evaluate(quantizer.make(recipe), validation, o, samples);
        out.push_back({recipe, score_noise(reference, a), reference.top1() - a.top1()});
        progress.add(1);
    }
    std::stable_sort(out.begin(), out.end(), [](const RecipeScore& a, const RecipeScore& b) { return a.noise < b.noise; });
    return out;
}

}  // namespace hone::compress
