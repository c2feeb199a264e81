// SPDX-License-Identifier: Apache-2.0
#include "eval/metric_verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "eval/paired_statistics.h"

namespace hone::eval {

namespace {
constexpr MetricInfo kMetrics[] = {
    {"top1", true, false, false},         {"top5", true, false, false},      {"precision_macro", true, false, false},
    {"recall_macro", true, false, false}, {"f1_macro", true, false, false},  {"auc", true, false, true},
    {"mse", false, true, true},           {"mae", false, true, true},
};

const std::vector<uint8_t>& right_of(Metric m, const Answers& a) { return m == Metric::top5 ? a.right5 : a.right; }

Macro macro_of(Metric m) {
    return m == Metric::precision_macro ? Macro::precision : m == Metric::recall_macro ? Macro::recall : Macro::f1;
}

void check_scores(const Answers& a, const Dataset& data) {
    HONE_CHECK(a.logits.defined() && a.logits.rank() == 2 && a.logits.dim(0) == data.size(), "keep_logits");
}

/// One error a sample: the mean over its outputs.
std::vector<double> errors(Metric m, const Answers& a, const Dataset& data) {
    check_scores(a, data);
    HONE_CHECK(data.regression() && a.logits.dims() == data.targets().dims());
    const int64_t k = data.targets().dim(1);
    std::vector<double> out(static_cast<size_t>(data.size()), 0.0);
    for (int64_t i = 0; i < data.size() * k; ++i) {
        const double d = a.logits.at(i) - data.targets().at(i);
        out[static_cast<size_t>(i / k)] += (m == Metric::mse ? d * d : std::fabs(d)) / static_cast<double>(k);
    }
    return out;
}

std::unique_ptr<PairedStatistic> statistic_of(Metric m, const Answers& a, const Answers& b, const Dataset& data) {
    if (info_of(m).regression) return mean_statistic(errors(m, a, data), errors(m, b, data));
    if (m == Metric::auc) {
        check_scores(a, data);
        check_scores(b, data);
        return auc_statistic(data.labels(), probabilities(a.logits), probabilities(b.logits));
    }
    return macro_statistic(data.labels(), a.predicted, b.predicted, a.classes, macro_of(m));
}

/// The values of both models; false with limits of NaN where one is not finite: then no draws can be ordered.
bool defined(MetricVerdict& v, const Answers& before, const Answers& after, const Dataset& data) {
    v.before = metric_value(v.metric, before, data);
    v.after = metric_value(v.metric, after, data);
    if (std::isfinite(v.before) && std::isfinite(v.after)) return true;
    v.estimate = v.low = v.high = std::numeric_limits<double>::quiet_NaN();
    return false;
}
}  // namespace

std::span<const MetricInfo> metric_list() { return kMetrics; }
const MetricInfo& info_of(Metric m) { return kMetrics[static_cast<size_t>(m)]; }

Metric parse_metric(const std::string& name) {
    std::vector<std::string> names;
    for (const MetricInfo& i : kMetrics) {
        if (name == i.name) return static_cast<Metric>(&i - kMetrics);
        names.emplace_back(i.name);
    }
    const std::vector<std::string> near = nearest(name, names);
    fail(ErrorKind::usage, "usage.metric", cat("`", name, "` is no metric"),
         near.empty() ? cat("Metrics: ", join(names, ", "), ".") : cat("Did you mean ", join(near, ", "), "?"));
}

std::vector<Metric> metrics_for(const Dataset& data) {
    std::vector<Metric> out;
    for (const MetricInfo& i : kMetrics)
        if (i.regression == data.regression()) out.push_back(static_cast<Metric>(&i - kMetrics));
    return out;
}

double metric_value(Metric m, const Answers& a, const Dataset& data) {
    if (m == Metric::top1) return a.top1();
    if (m == Metric::top5) return a.top5();
    if (m == Metric::auc) {
        check_scores(a, data);
        return mean_auc(probabilities(a.logits), data.labels());
    }
    if (info_of(m).regression) {
        const std::vector<double> e = errors(m, a, data);
        double sum = 0;
        for (const double v : e) sum += v;
        return e.empty() ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(e.size());
    }
    const ClassMetrics c = class_metrics(data.labels(), a.predicted, a.classes);
    return m == Metric::precision_macro ? c.precision_macro : m == Metric::recall_macro ? c.recall_macro : c.f1_macro;
}

MetricVerdict judge_metric(Metric m, const Answers& before, const Answers& after, const Dataset& data, double bound,
                           const BootstrapOptions& o) {
    MetricVerdict v{.metric = m, .confidence = o.confidence, .samples = data.size()};
    if (!defined(v, before, after, data)) return v;
    if (m == Metric::top1 || m == Metric::top5) {
        const Verdict exact = judge(count_pairs(right_of(m, before), right_of(m, after)), bound, o.confidence);
        v.estimate = exact.estimate;
        v.low = exact.low;
        v.high = exact.high;
        v.exact = true;
        v.counts = exact.counts;
        v.mcnemar_p = exact.mcnemar_p;
    } else {
        HONE_CHECK(before.classes == after.classes);
        const BootstrapLimits l = bootstrap_limits(*statistic_of(m, before, after, data), o);
        v.estimate = l.estimate;
        v.low = l.low;
        v.high = l.high;
    }
    v.accepted = v.high <= bound;
    return v;
}

MetricVerdict judge_growth(Metric m, const Answers& before, const Answers& after, const Dataset& data, double share,
                           const BootstrapOptions& o) {
    HONE_CHECK(info_of(m).regression);
    MetricVerdict v{.metric = m, .confidence = o.confidence, .samples = data.size()};
    if (!defined(v, before, after, data)) return v;
    std::vector<double> permitted = errors(m, before, data);
    for (double& e : permitted) e *= 1 + share;
    const BootstrapLimits l = bootstrap_limits(*mean_statistic(permitted, errors(m, after, data)), o);
    const double bound = share * v.before;
    v.estimate = v.after - v.before;
    v.low = l.low + bound;
    v.high = l.high + bound;
    v.accepted = l.high <= 0;
    return v;
}

std::optional<int64_t> samples_needed(const MetricVerdict& v, double bound) {
    if (v.accepted || !(v.estimate < bound)) return std::nullopt;
    if (v.exact) {
        const double n = static_cast<double>(std::max<int64_t>(1, v.samples));
        return samples_needed(bound, static_cast<double>(v.counts.lost + v.counts.gained) / n, v.estimate, v.confidence);
    }
    const double limit = 1.6449, power = 1.2816;  // quantiles of the normal distribution at 0.95 and 0.9
    const double wider = (v.high - v.estimate) * (1 + power / limit) / (bound - v.estimate);
    const double samples = std::ceil(static_cast<double>(v.samples) * wider * wider);
    if (!(samples < 1e15)) return std::nullopt;
    return static_cast<int64_t>(samples);
}

}  // namespace hone::eval
