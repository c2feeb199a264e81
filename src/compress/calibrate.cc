// SPDX-License-Identifier: Apache-2.0
#include "compress/calibrate.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "base/error.h"
#include "compress/quantize.h"
#include "pass/pass.h"

namespace hone::compress {

namespace {

struct Extremes {
    float low = 0, high = 0;
};
Extremes extremes_of(const float* p, int64_t n) {
    Extremes e{p[0], p[0]};
    for (int64_t i = 1; i < n; ++i) {
        e.low = std::min(e.low, p[i]);
        e.high = std::max(e.high, p[i]);
        if (!(p[i] - p[i] == 0)) return {p[i], p[i]};  // infinite or NaN
    }
    return e;
}

[[noreturn]] void not_finite(const std::string& value) {
    fail(ErrorKind::data, "calibrate.not_finite", "a value becomes infinite or NaN on the calibration samples", "Check the preprocessing.", cat("value '", value, "'"));
}

struct Layout {
    int64_t channels = 0, inner = 1;
};
Layout channels_in(const Tensor& t) {
    if (t.rank() == 3) return {t.dim(2), 1};
    if (t.rank() < 2) return {1, std::max<int64_t>(1, t.count())};
    return {t.dim(1), count_of(Dims(t.dims().begin() + 2, t.dims().end()))};
}

}  // namespace

int64_t batch_of(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& o) {
    const auto n = static_cast<int64_t>(indices.empty() ? static_cast<size_t>(data.size()) : indices.size());
    const int64_t batch = std::min(o.batch > 0 ? o.batch : eval::natural_batch(g, data.sample_dims()), std::max<int64_t>(n, 1));
    return eval::input_dims_for(g, data.sample_dims(), batch)[0];
}

int64_t elements_of(const Tensor& t, int64_t rows, int64_t batch) {
    return t.rank() && rows < batch && t.dim(0) == batch ? t.count() / batch * rows : t.count();
}

Graph probe_of(const Graph& g, const std::vector<ValueId>& values) {
    Graph probe = g;
    probe.outputs.clear();
    for (ValueId v : values) {
        if (!g.is_input(v)) {
            probe.outputs.push_back(v);
            continue;
        }
        const NodeId copy = probe.add_node("", "Mul", {v, probe.add_constant("one", Tensor::scalar_f32(1))}, 1);
        probe.outputs.push_back(probe.node(copy).out());
    }
    remove_dead(probe);
    infer_graph(probe);
    return probe;
}

Calibration calibrate(const Graph& g, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::set<NodeId> layers;
    for (const Layer& l : quantizable_layers(g)) layers.insert(l.node);
    std::set<ValueId> wanted;
    for (Curved curved : {Curved::stays_float, Curved::every_node})
        for (const auto& [v, root] : values_to_quantize(g, layers, curved)) wanted.insert(v);
    const std::vector<ValueId> values(wanted.begin(), wanted.end());
    if (values.empty()) return {};
    const Graph probe = probe_of(g, values);
    const int64_t batch = batch_of(probe, data, indices, options);

    std::vector<Observed> seen(values.size());
    std::vector<bool> fresh(values.size(), true);
    std::mutex mutex;
    eval::EvalOptions o = options;
    o.progress = "calibrating (1 of 2)";
    eval::for_each_batch(probe, data, indices, o, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        std::vector<Extremes> extremes;
        for (const Tensor& t : out) extremes.push_back(extremes_of(t.data<float>(), elements_of(t, rows, batch)));
        std::lock_guard lock(mutex);
        for (size_t i = 0; i < out.size(); ++i) {
            if (!std::isfinite(extremes[i].low) || !std::isfinite(extremes[i].high)) not_finite(g.value(values[i]).name);
            seen[i].low = fresh[i] ? extremes[i].low : std::min(seen[i].low, extremes[i].low);
            seen[i].high = fresh[i] ? extremes[i].high : std::max(seen[i].high, extremes[i].high);
            fresh[i] = false;
        }
    });
    for (Observed& s : seen) s.histogram.assign(Observed::bins, 0);
    o.progress = "calibrating (2 of 2)";
    eval::for_each_batch(probe, data, indices, o, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        std::vector<int64_t> counts(Observed::bins);
        for (size_t k = 0; k < out.size(); ++k) {
            std::fill(counts.begin(), counts.end(), 0);
            const float low = seen[k].low, scale = seen[k].high > low ? static_cast<float>(Observed::bins) / (seen[k].high - low) : 0;
            const float* p = out[k].data<float>();
            for (int64_t i = 0, n = elements_of(out[k], rows, batch); i < n; ++i)
                ++counts[static_cast<size_t>(std::clamp(static_cast<int>((p[i] - low) * scale), 0, Observed::bins - 1))];
            std::lock_guard lock(mutex);
            for (size_t b = 0; b < counts.size(); ++b) seen[k].histogram[b] += counts[b];
        }
    });
    Calibration c;
    for (size_t i = 0; i < values.size(); ++i) c[g.value(values[i]).name] = std::move(seen[i]);
    return c;
}

namespace {

std::vector<ValueId> values_named(const Graph& g, const std::vector<std::string>& names) {
    std::vector<ValueId> values;
    for (const std::string& name : names) {
        const ValueId v = g.find_value(name);
        if (v != kNone && !g.value(v).is_constant() && g.value(v).type.dtype == DType::f32) values.push_back(v);
    }
    return values;
}

/// f(channel, first element, elements) over the rows' blocks.
template <class F>
void each_block(const Tensor& t, int64_t rows, int64_t batch, const F& f) {
    const Layout at = channels_in(t);
    const float* p = t.data<float>();
    for (int64_t b = 0, blocks = elements_of(t, rows, batch) / at.inner; b < blocks; ++b) f(static_cast<size_t>(b % at.channels), p + b * at.inner, at.inner);
}

}  // namespace

void channel_means(const Graph& g, ChannelStatistics& statistics, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    std::vector<std::string> names;
    for (const auto& [name, c] : statistics) names.push_back(name);
    const std::vector<ValueId> values = values_named(g, names);
    if (values.empty()) return;
    const Graph probe = probe_of(g, values);
    const int64_t batch = batch_of(probe, data, indices, options);
    // Sums are kept as whole numbers of a unit, so that their order does not matter.
    std::vector<std::vector<int64_t>> sums(values.size()), counts(values.size());
    std::vector<double> unit;
    for (ValueId v : values) {
        double peak = 1e-30;
        const Channels& c = statistics.at(g.value(v).name);
        for (size_t i = 0; i < c.low.size(); ++i) peak = std::max<double>(peak, std::max(std::abs(c.low[i]), std::abs(c.high[i])));
        unit.push_back(peak * 0x1p-20);
    }
    std::mutex mutex;
    eval::for_each_batch(probe, data, indices, options, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        for (size_t k = 0; k < out.size(); ++k) {
            const auto channels = static_cast<size_t>(channels_in(out[k]).channels);
            std::vector<double> sum(channels, 0);
            std::vector<int64_t> count(channels, 0);
            each_block(out[k], rows, batch, [&](size_t c, const float* p, int64_t n) {
                for (int64_t i = 0; i < n; ++i) sum[c] += p[i];
                count[c] += n;
            });
            std::lock_guard lock(mutex);
            sums[k].resize(channels);
            counts[k].resize(channels);
            for (size_t c = 0; c < channels; ++c) {
                sums[k][c] += std::llround(sum[c] / unit[k]);
                counts[k][c] += count[c];
            }
        }
    });
    for (size_t k = 0; k < values.size(); ++k) {
        std::vector<double>& mean = statistics.at(g.value(values[k]).name).mean;
        mean.assign(sums[k].size(), 0);
        for (size_t c = 0; c < mean.size(); ++c) mean[c] = static_cast<double>(sums[k][c]) * unit[k] / std::max<double>(1, static_cast<double>(counts[k][c]));
    }
}

ChannelStatistics channel_statistics(const Graph& g, const std::vector<std::string>& names, const Dataset& data, std::span<const int64_t> indices, const eval::EvalOptions& options) {
    const std::vector<ValueId> values = values_named(g, names);
    if (values.empty()) return {};
    const Graph probe = probe_of(g, values);
    const int64_t batch = batch_of(probe, data, indices, options);
    std::vector<Channels> seen(values.size());
    std::mutex mutex;
    eval::EvalOptions o = options;
    o.progress = "channel ranges";
    eval::for_each_batch(probe, data, indices, o, [&](int64_t, const std::vector<Tensor>& out, int64_t rows) {
        for (size_t k = 0; k < out.size(); ++k) {
            const auto channels = static_cast<size_t>(channels_in(out[k]).channels);
            std::vector<float> low(channels, INFINITY), high(channels, -INFINITY);
            each_block(out[k], rows, batch, [&](size_t c, const float* p, int64_t n) {
                for (int64_t i = 0; i < n; ++i) {
                    low[c] = std::min(low[c], p[i]);
                    high[c] = std::max(high[c], p[i]);
                }
            });
            std::lock_guard lock(mutex);
            Channels& s = seen[k];
            s.low.resize(channels, INFINITY);
            s.high.resize(channels, -INFINITY);
            for (size_t c = 0; c < channels; ++c) {
                s.low[c] = std::min(s.low[c], low[c]);
                s.high[c] = std::max(s.high[c], high[c]);
            }
        }
    });
    ChannelStatistics result;
    for (size_t k = 0; k < values.size(); ++k) {
        for (size_t c = 0; c < seen[k].low.size(); ++c)
            if (!std::isfinite(seen[k].low[c]) || !std::isfinite(seen[k].high[c])) not_finite(g.value(values[k]).name);
        result[g.value(values[k]).name] = std::move(seen[k]);
    }
    o.progress = "channel means";
    channel_means(g, result, data, indices, o);
    return result;
}

}  // namespace hone::compress
