// SPDX-License-Identifier: Apache-2.0
#include "train/metrics.h"

#include "base/error.h"
#include "eval/metric_verdict.h"
#include "eval/metrics.h"

namespace hone::train {

Watched watched(const std::string& asked, const Dataset& data) {
    if (asked.empty()) return data.regression() ? Watched{"mse", false} : Watched{"top1", true};
    const bool r2 = asked == "r2";
    const eval::MetricInfo info = r2 ? eval::MetricInfo{"r2", true, true, true} : eval::info_of(eval::parse_metric(asked));
    if (info.regression != data.regression())
        fail(ErrorKind::usage, "train.metric", cat("`", asked, "` is no metric of ", data.regression() ? "numbers to predict" : "classes"),
             data.regression() ? "These are: mse, mae, r2." : "These are: top1, top5, precision_macro, recall_macro, f1_macro, auc.");
    return {asked, info.higher_is_better};
}

std::map<std::string, double> measure_metrics(const Graph& model, const Dataset& data, const std::string& name, eval::EvalOptions options) {
    if (data.regression()) {
        const eval::Answers a = eval::predict(model, data, options);
        const eval::RegressionMetrics m = eval::regression_metrics(a.logits, data.targets());
        return {{"mse", m.mse}, {"mae", m.mae}, {"r2", m.r2}};
    }
    options.keep_logits = !name.empty() && eval::info_of(eval::parse_metric(name)).scores;
    const eval::Answers a = eval::evaluate(model, data, options);
    std::map<std::string, double> out = {{"top1", a.top1()}};
    if (!name.empty()) out[name] = eval::metric_value(eval::parse_metric(name), a, data);
    return out;
}

}  // namespace hone::train
