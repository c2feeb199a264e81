// SPDX-License-Identifier: Apache-2.0
#include "eval/robustness.h"

#include "base/thread_pool.h"

namespace hone::eval {

std::vector<record::CorruptionRow> robustness(const Graph& g, const DatasetPtr& data, const Preprocess& preprocess,
                                              const std::vector<Corruption>& corruptions, uint64_t seed,
                                              const EvalOptions& options, const Answers* clean) {
    Answers own;
    if (!clean) {
        own = answer(g, *data, options);
        clean = &own;
    }
    const std::vector<Metric> metrics = data->regression() ? std::vector<Metric>{Metric::mse, Metric::mae} : std::vector<Metric>{Metric::top1};
    ThreadPool pool(options.threads);
    std::vector<record::CorruptionRow> rows;
    for (const Corruption& c : corruptions) {
        if (!applies(c, *data)) continue;
        const DatasetPtr worse = corrupted(data, preprocess, c, seed);
        const Answers answers = answer(g, *worse, options);
        record::CorruptionRow row;
        row.corruption = corruption_names()[static_cast<size_t>(c.kind)];
        row.severity = c.severity;
        row.amount = amount_of(c);
        for (const Metric m : metrics) row.metrics.emplace_back(info_of(m).name, metric_value(m, answers, *worse));
        ThreadPool::Use use(&pool);
        const MetricVerdict v = judge_metric(metrics[0], *clean, answers, *data, 0, {.seed = seed});
        row.worse = {v.estimate, v.low, v.high};
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<record::RobustnessRow> robustness_beside(Metric metric, const Answerer& before, const Answerer& after,
                                                     const DatasetPtr& data, const Preprocess& preprocess,
                                                     const std::vector<Corruption>& corruptions, uint64_t seed) {
    std::vector<record::RobustnessRow> rows;
    const auto add = [&](const Dataset& d, record::RobustnessRow row) {
        const MetricVerdict v = judge_metric(metric, before(d), after(d), d, 0, {.seed = seed});
        row.before = v.before;
        row.after = v.after;
        row.drop = {v.estimate, v.low, v.high};
        rows.push_back(std::move(row));
    };
    add(*data, {});
    for (const Corruption& c : corruptions)
        if (applies(c, *data)) add(*corrupted(data, preprocess, c, seed), {corruption_names()[static_cast<size_t>(c.kind)], c.severity, amount_of(c)});
    return rows;
}

}  // namespace hone::eval
