// SPDX-License-Identifier: Apache-2.0
#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace hone::eval {

namespace {
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
double over(double a, double b) { return b > 0 ? a / b : 0; }

bool are_probabilities(const Tensor& s, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < columns; ++c) {
            const double v = s.at(r * columns + c);
            if (!(v >= 0 && v <= 1)) return false;
            sum += v;
        }
        if (columns > 1 && std::fabs(sum - 1) > 1e-3) return false;
    }
    return true;
}

void softmax(double* row, int64_t n) {
    const double most = *std::max_element(row, row + n);
    double sum = 0;
    for (int64_t c = 0; c < n; ++c) sum += row[c] = std::exp(row[c] - most);
    for (int64_t c = 0; c < n; ++c) row[c] /= sum;
}
}  // namespace

ClassMetrics class_metrics(std::span<const int> labels, std::span<const int> predicted, int64_t classes) {
    HONE_CHECK(labels.size() == predicted.size());
    const auto n = static_cast<size_t>(classes);
    ClassMetrics m;
    m.confusion.assign(n, std::vector<int64_t>(n, 0));
    MacroCounts counts{std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)};
    for (size_t i = 0; i < labels.size(); ++i) {
        HONE_CHECK(labels[i] >= 0 && labels[i] < classes && predicted[i] >= -1 && predicted[i] < classes);
        const auto label = static_cast<size_t>(labels[i]), answer = static_cast<size_t>(predicted[i]);
        ++counts.labels[label];
        if (predicted[i] < 0) continue;
        ++m.confusion[label][answer];
        ++counts.answers[answer];
        counts.right[label] += label == answer;
    }
    for (size_t c = 0; c < n; ++c) {
        const double p = over(counts.right[c], counts.answers[c]), r = over(counts.right[c], counts.labels[c]);
        m.classes.push_back({p, r, over(2 * p * r, p + r), static_cast<int64_t>(counts.labels[c]),
                             static_cast<int64_t>(counts.answers[c])});
    }
    m.precision_macro = macro_mean(counts, Macro::precision);
    m.recall_macro = macro_mean(counts, Macro::recall);
    m.f1_macro = macro_mean(counts, Macro::f1);
    return m;
}

double macro_mean(const MacroCounts& k, Macro which) {
    double sum = 0, present = 0;
    for (size_t c = 0; c < k.labels.size(); ++c) {
        const double both = k.labels[c] + k.answers[c];
        if (both <= 0) continue;
        ++present;
        if (which == Macro::precision) sum += over(k.right[c], k.answers[c]);
        if (which == Macro::recall) sum += over(k.right[c], k.labels[c]);
        if (which == Macro::f1) sum += 2 * k.right[c] / both;
    }
    return over(sum, present);
}

Tensor probabilities(const Tensor& scores) {
    HONE_CHECK(scores.rank() == 2);
    const int64_t rows = scores.dim(0), columns = scores.dim(1);
    Tensor p = scores.dtype() == DType::f64 ? scores.clone() : scores.cast(DType::f64);
    if (are_probabilities(p, rows, columns)) return p;
    auto* v = p.data<double>();
    for (int64_t r = 0; r < rows; ++r) {
        if (columns == 1)
            v[r] = 1 / (1 + std::exp(-v[r]));
        else
            softmax(v + r * columns, columns);
    }
    return p;
}

double roc_auc(std::span<const double> scores, std::span<const uint8_t> positive) {
    HONE_CHECK(scores.size() == positive.size());
    if (std::any_of(scores.begin(), scores.end(), [](double s) { return std::isnan(s); })) return kNaN;  // nothing sorts it
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
    double below = 0, positives = 0, pairs = 0;  // negatives so far
    for (size_t i = 0; i < order.size();) {
        double p = 0, n = 0;
        for (const double s = scores[order[i]]; i < order.size() && scores[order[i]] == s; ++i)
            (positive[order[i]] ? p : n) += 1;
        pairs += p * (below + n / 2);
        below += n;
        positives += p;
    }
    return positives > 0 && below > 0 ? pairs / (positives * below) : kNaN;
}

double equal_error_rate(std::span<const double> scores, std::span<const uint8_t> positive) {
    HONE_CHECK(scores.size() == positive.size());
    std::vector<size_t> order(scores.size());
    std::iota(order.begin(), order.end(), size_t{0});
    double positives = 0;
    for (size_t i = 0; i < scores.size(); ++i) {
        if (std::isnan(scores[i])) return kNaN;
        positives += positive[i] ? 1 : 0;
    }
    const double negatives = static_cast<double>(scores.size()) - positives;
    if (positives == 0 || negatives == 0) return kNaN;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    double missed = 1, accepted = 0;  // shares, as the threshold falls
    for (size_t i = 0; i < order.size();) {
        const double missed_before = missed, accepted_before = accepted;
        for (const double s = scores[order[i]]; i < order.size() && scores[order[i]] == s; ++i)
            (positive[order[i]] ? missed : accepted) += positive[order[i]] ? -1 / positives : 1 / negatives;
        if (missed > accepted) continue;
        const double before = missed_before - accepted_before, after = accepted - missed;
        const double t = before / std::max(before + after, 1e-300);
        return accepted_before + t * (accepted - accepted_before);
    }
    return kNaN;
}

double mean_auc(const Tensor& p, std::span<const int> labels) {
    HONE_CHECK(p.rank() == 2 && p.dtype() == DType::f64 && p.dim(0) == static_cast<int64_t>(labels.size()));
    const int64_t rows = p.dim(0), columns = p.dim(1);
    const int64_t first = columns <= 2 ? columns - 1 : 0;
    double sum = 0, present = 0;
    std::vector<double> scores(labels.size());
    std::vector<uint8_t> positive(labels.size());
    for (int64_t c = first; c < columns; ++c) {
        const int64_t wanted = columns == 1 ? 1 : c;
        for (int64_t r = 0; r < rows; ++r) {
            scores[static_cast<size_t>(r)] = p.data<double>()[r * columns + c];
            positive[static_cast<size_t>(r)] = labels[static_cast<size_t>(r)] == wanted;
        }
        const double a = roc_auc(scores, positive);
        if (std::isnan(a)) continue;
        sum += a;
        ++present;
    }
    return present > 0 ? sum / present : kNaN;
}

RegressionMetrics regression_metrics(const Tensor& outputs, const Tensor& targets) {
    HONE_CHECK(outputs.dims() == targets.dims() && targets.rank() == 2);
    const int64_t n = targets.dim(0), k = targets.dim(1);
    RegressionMetrics m;
    for (int64_t c = 0; c < k; ++c) {
        double squares = 0, absolute = 0, mean = 0, spread = 0;
        for (int64_t i = 0; i < n; ++i) {
            const double d = outputs.at(i * k + c) - targets.at(i * k + c);
            squares += d * d;
            absolute += std::fabs(d);
            mean += targets.at(i * k + c) / static_cast<double>(n);
        }
        for (int64_t i = 0; i < n; ++i) spread += std::pow(targets.at(i * k + c) - mean, 2);
        m.mse += squares / static_cast<double>(n * k);
        m.mae += absolute / static_cast<double>(n * k);
        m.r2 += (spread > 0 ? 1 - squares / spread : kNaN) / static_cast<double>(k);
    }
    return m;
}

}  // namespace hone::eval
