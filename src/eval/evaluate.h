// SPDX-License-Identifier: Apache-2.0
// Answers of a classifier to a dataset, on a fixed plan (nothing measured, so the same bits at every thread count):
// batches run side by side, each on one thread. Called by `eval`, `optimize`, calibration.
//
//   const Answers a = evaluate(graph, *parts.test, {.threads = 2});
//   a.top1();                       // fraction
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "data/dataset.h"
#include "plan/plan.h"

namespace hone::eval {

struct EvalOptions {
    int threads = 1;
    Precision precision = Precision::fp32;
    int batch = 0;                 ///< 0: chosen from the model's size; models of fixed batch use theirs
    bool references = false;       ///< by references: the oracle
    const char* progress = "evaluating";
    bool keep_logits = false;
};
struct Answers {
    std::vector<int> predicted;   ///< class of the greatest score, the first among equals; -1 where one is NaN: wrong
    std::vector<uint8_t> right;
    std::vector<uint8_t> right5;  ///< the label among the five greatest
    std::vector<int32_t> ahead;   ///< classes scored above the label (of equals, those before it); all where one is NaN
    Tensor logits;                ///< f32 [samples, classes] with keep_logits
    int64_t classes = 0;
    double top1() const;
    double top5() const;
    double top(int k) const;  ///< share of samples whose label is among the k greatest
    int64_t undefined() const;  ///< samples with a NaN among their scores, or among a regression's values
};

/// Dims of the model's only input for a batch of samples of `sample_dims`. Symbolic dims follow the samples.
/// Throws data "data.shape" ("data.type" when it runs) with expected and got; model "eval.inputs" for more than one input.
Dims input_dims_for(const Graph& g, const Dims& sample_dims, int64_t batch);
/// The batch that `evaluate` would take: the model's fixed one, or what keeps a plan small.
int64_t natural_batch(const Graph& g, const Dims& sample_dims);
/// Runs the graph over samples (all when `indices` is empty) in batches; `sink(first, outputs, rows)` gets each batch's
/// outputs, rows of the batch that are samples, from any thread, in any order.
void for_each_batch(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const EvalOptions& options,
                    const std::function<void(int64_t first, const std::vector<Tensor>& outputs, int64_t rows)>& sink);
/// Room for the answers to `samples` samples.
Answers answers_for(int64_t samples);
/// Notes the answers of rows [0, rows) of `scores` [>= rows, classes] to samples first, first + 1, ... of `data` (of
/// `indices` where given). Errors as `evaluate`.
void add_scores(Answers& a, const Tensor& scores, const Dataset& data, int64_t first, int64_t rows, std::span<const int64_t> indices = {});
/// The first output of every sample, flattened, as `logits` [samples, K]; nothing else is filled. For regressions:
/// throws data "data.targets" where the data has targets of another width.
Answers predict(const Graph& g, const Dataset& data, const EvalOptions& options, std::span<const int64_t> indices = {});
/// A model of one output serves two classes (two_classes.h).
/// Throws data "data.targets" for the data of a regression, data "data.labels" where the model has fewer classes than
/// the data; model "eval.output" for a model whose first output is not [N, classes].
Answers evaluate(const Graph& g, const Dataset& data, const EvalOptions& options, std::span<const int64_t> indices = {});
/// `predict` for the data of a regression, else `evaluate`.
Answers answer(const Graph& g, const Dataset& data, const EvalOptions& options, std::span<const int64_t> indices = {});

}  // namespace hone::eval
