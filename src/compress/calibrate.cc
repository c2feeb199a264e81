// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/thread_pool.h"
#include "compress/quantize.h"

namespace hone::compress {

std::pair<float, float> Observed::percentile(double p) const {
    int64_t total = 0;
    for (int64_t n : histogram) total += n;
    if (total == 0 || high <= low) return {low, high};
    const double width = (static_cast<double>(high) - low) / bins;
    const auto cut = static_cast<int64_t>(std::floor((1 - p) * static_cast<double>(total) / (low >= 0 ? 1 : 2)));
    int first = 0, last = bins - 1;
    if (low < 0)
        for (int64_t seen = 0; first < last && seen + histogram[static_cast<size_t>(first)] <= cut; ++first) seen += histogram[static_cast<size_t>(first)];
    for (int64_t seen = 0; last > first && seen + histogram[static_cast<size_t>(last)] <= cut; --last) seen += histogram[static_cast<size_t>(last)];
    return {static_cast<float>(low + first * width), static_cast<float>(low + (last + 1) * width)};
}

Calibration calibrate(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::set<NodeId> layers;
    for (const Layer& l : quantizable_layers(g)) layers.insert(l.node);
    std::vector<ValueId> values;
    for (const auto& [v, root] : values_to_quantize(g, layers)) values.push_back(v);
    Graph probe = g;
    probe.outputs.clear();
    for (ValueId v : values) {
        if (g.is_input(v)) {
            const NodeId copy = probe.add_node("", "Mul", {v, probe.add_constant("one", Tensor::scalar_f32(1))}, 1);
            probe.outputs.push_back(probe.node(copy).out());
        } else {
            probe.outputs.push_back(v);
        }
    }
    if (values.empty()) return {};
    remove_dead(probe);
    infer_graph(probe);

    std::vector<Observed> seen(values.size());
    std::vector<bool> fresh(values.size(), true);
    std::mutex mutex;
    eval::EvalOptions o = options;
    o.progress = "calibrating (1 of 2)";
    auto rows_of = [](const Tensor& t, int64_t rows) { return t.rank() ? t.count() / std::max<int64_t>(1, t.dim(0)) * rows : t.count(); };
    eval::for_each_batch(probe, data, indices, o, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        std::vector<std::pair<float, float>> extremes;
        for (const Tensor& t : out) {
            const float* p = t.data<float>();
            float lo = p[0], hi = p[0];
            for (int64_t i = 1, n = rows_of(t, rows); i < n; ++i) {
                lo = std::min(lo, p[i]);
                hi = std::max(hi, p[i]);
            }
            extremes.emplace_back(lo, hi);
        }
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < out.size(); ++i) {
            seen[i].low = fresh[i] ? extremes[i].first : std::min(seen[i].low, extremes[i].first);
            seen[i].high = fresh[i] ? extremes[i].second : std::max(seen[i].high, extremes[i].second);
            fresh[i] = false;
        }
    });
    for (size_t i = 0; i < seen.size(); ++i) {
        if (!std::isfinite(seen[i].low) || !std::isfinite(seen[i].high))
            fail(ErrorKind::data, "calibrate.not_finite", "a value becomes infinite or NaN on the calibration samples", "Check the preprocessing.", cat("value '", g.value(values[i]).name, "'"));
        seen[i].histogram.assign(Observed::bins, 0);
    }
    o.progress = "calibrating (2 of 2)";
    eval::for_each_batch(probe, data, indices, o, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        for (size_t k = 0; k < out.size(); ++k) {
            std::vector<int64_t> counts(Observed::bins, 0);
            const float low = seen[k].low, scale = seen[k].high > low ? static_cast<float>(Observed::bins) / (seen[k].high - low) : 0;
            const float* p = out[k].data<float>();
            for (int64_t i = 0, n = rows_of(out[k], rows); i < n; ++i)
                ++counts[static_cast<size_t>(std::clamp(static_cast<int>((p[i] - low) * scale), 0, Observed::bins - 1))];
            std::lock_guard lock(mutex);
            for (size_t b = 0; b < counts.size(); ++b) seen[k].histogram[b] += counts[b];
        }
    });
    Calibration c;
    for (size_t i = 0; i < values.size(); ++i) c[g.value(values[i]).name] = std::move(seen[i]);
    return c;
}

}  // namespace hone::compress
