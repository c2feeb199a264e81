// SPDX-License-Identifier: Apache-2.0
// Metrics of answers, with scikit-learn's definitions. Called by the verb `eval`, by metric_verdict.cc and corruption.cc.
//
//   const ClassMetrics m = class_metrics(labels, predicted, 10);
//   m.f1_macro;  m.classes[3].recall;  m.confusion[true_class][answer];
//   const double a = mean_auc(probabilities(scores), labels);
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/tensor.h"

namespace hone::eval {

struct ClassScore {
    double precision = 0, recall = 0, f1 = 0;  ///< 0 where the denominator is
    int64_t support = 0, answered = 0;
};
struct ClassMetrics {
    std::vector<std::vector<int64_t>> confusion;  ///< [true class][answer]
    std::vector<ClassScore> classes;
    /// Means over the classes that occur among labels or answers.
    double precision_macro = 0, recall_macro = 0, f1_macro = 0;
};
/// Both of one length, values in [0, classes). An answer of -1 is none: wrong, and in no column of the confusion.
ClassMetrics class_metrics(std::span<const int> labels, std::span<const int> predicted, int64_t classes);

/// The same means from counts, which may be weighted: right answers, labels and answers of each class.
struct MacroCounts {
    std::vector<double> right, labels, answers;
};
enum class Macro { precision, recall, f1 };
double macro_mean(const MacroCounts& counts, Macro which);

/// f32 or f64 [N, C] scores as f64 probabilities: rows that already are (in [0,1], sum 1 within 1e-3) all through stay;
/// else softmax; one column that leaves [0,1] goes through the logistic function.
Tensor probabilities(const Tensor& scores);

/// Area under the ROC curve: P(score of a positive > that of a negative), ties count half. NaN without both kinds and
/// where a score is NaN.
double roc_auc(std::span<const double> scores, std::span<const uint8_t> positive);
/// Of verification: the error at the threshold where as large a share of genuine ones (positive) is rejected as of others
/// accepted, on the line between the two points of the ROC curve around it. NaN without both kinds.
double equal_error_rate(std::span<const double> scores, std::span<const uint8_t> positive);
/// Binary (C is 1 or 2): of the last column. Else the mean over classes, each against the rest, of those that have
/// samples and are not all (scikit-learn: multi_class="ovr", average="macro"); NaN where none has.
double mean_auc(const Tensor& probabilities, std::span<const int> labels);

struct RegressionMetrics {
    double mse = 0, mae = 0, r2 = 0;  ///< means over the outputs; r2 is NaN where an output's targets are all alike
};
/// Both [N, K].
RegressionMetrics regression_metrics(const Tensor& outputs, const Tensor& targets);

}  // namespace hone::eval
