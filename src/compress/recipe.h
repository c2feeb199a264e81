// SPDX-License-Identifier: Apache-2.0
// Whole ways to quantise, and a cheap score for each. `optimize` and `hone quantize` go through Quantizer, which
// calibrates once for the graph as it is and once for its equalised form, and only when asked.
//
//   Quantizer quantizer(graph, *parts.training, samples, {.threads = 2});
//   for (const RecipeScore& s : score_recipes(quantizer, recipes(graph), *parts.validation, some, reference, options))
//       ...                                          // best first
//   Graph q = quantizer.make(options);
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "compress/quantize.h"

namespace hone::compress {

class Quantizer {
  public:
    /// `g` portable; it and `training` must outlive this. `samples` index the training part.
    Quantizer(const Graph& g, const Dataset& training, std::vector<int64_t> samples, const eval::EvalOptions& options);
    /// Everything that `options` asks for. Deterministic, the same for any number of threads.
    Graph make(const QuantizeOptions& options);
    /// What `make` starts from: the graph, or its equalised form (layer and value names are the same).
    const Graph& prepared(bool equalized);
    const Calibration& calibration(bool equalized);
    int equalized_pairs();  ///< 0: equalisation would change nothing
    const std::vector<int64_t>& samples() const { return samples_; }

  private:
    struct Prepared {
        std::optional<Graph> graph;
        std::optional<Calibration> calibration;
        int pairs = 0;
    };
    Prepared& at(bool equalized);
    const Graph& g_;
    const Dataset& training_;
    const std::vector<int64_t> samples_;
    const eval::EvalOptions options_;
    Prepared prepared_[2];
};

/// Worth trying on this graph, the plainest first: min-max alone; then with equalisation (where it has a pair), bias
/// correction, MSE, percentile and entropy ranges.
std::vector<QuantizeOptions> recipes(const Graph& g);
std::string recipe_name(const QuantizeOptions& o);  ///< "mse ranges, equalised, bias corrected"

struct RecipeScore {
    QuantizeOptions options;
    double noise = 0;  ///< in the scores, as a share of their variance
    double drop = 0;   ///< of top-1 on the samples of the score
};
/// Each of `of` on some validation samples, best first: by noise, which needs few samples where top-1 needs many.
/// `reference` is the original evaluated with keep_logits on the same samples. Fields such as keep_float are kept.
std::vector<RecipeScore> score_recipes(Quantizer& quantizer, const std::vector<QuantizeOptions>& of, const Dataset& validation,
                                       std::span<const int64_t> samples, const eval::Answers& reference, const eval::EvalOptions& options);

}  // namespace hone::compress
