// SPDX-License-Identifier: Apache-2.0
#include "compress/equalize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compress/quantize.h"
#include "pass/match.h"

namespace hone::compress {

namespace {

constexpr double kLeastScale = 1.0 / 64;
constexpr double kSpare = 1.1;

struct Pair {
    NodeId first, second;
    ValueId between;  ///< behind the activation: what the second layer reads
    double limit = std::numeric_limits<double>::infinity();  ///< of a Clip
    bool depthwise = false;
};

int64_t groups(const Node& n) { return n.is("Conv") ? passes::int_attribute(n, "group", 1) : 1; }

/// Axis of the output channels of a layer's weights, and of its input channels.
int64_t out_axis(const Node& n) { return n.is("Conv") || (n.is("Gemm") && passes::int_attribute(n, "transB", 0)) ? 0 : 1; }
int64_t in_axis(const Node& n) { return 1 - out_axis(n); }

std::vector<Pair> find_pairs(const Graph& g) {
    std::set<NodeId> layers;
    for (const Layer& l : quantizable_layers(g)) layers.insert(l.node);
    std::vector<Pair> out;
    for (NodeId second : g.order()) {
        if (!layers.contains(second)) continue;
        const Node& b = g.node(second);
        Pair p{kNone, second, b.in(0)};
        if (g.sole_user(p.between) != second) continue;
        ValueId v = p.between;
        NodeId producer = g.value(v).producer;
        if (producer == kNone) continue;
        if (g.node(producer).is("Relu") || g.node(producer).is("Clip")) {
            const auto act = passes::activation_of(g, g.node(producer));
            if (!act || (act->name == "Clip" && act->alpha != 0)) continue;
            if (act->name == "Clip") p.limit = static_cast<double>(act->beta);
            v = g.node(producer).in(0);
            if (g.sole_user(v) != producer) continue;
            producer = g.value(v).producer;
        }
        if (producer == kNone || !layers.contains(producer)) continue;
        p.first = producer;
        const Tensor &wa = *constant_of(g, g.node(producer).in(1)), &wb = *constant_of(g, b.in(1));
        const int64_t channels = wa.dim(static_cast<size_t>(out_axis(g.node(producer))));
        p.depthwise = groups(b) > 1;
        if (p.depthwise && (groups(b) != channels || wb.dim(1) != 1)) continue;
        if (!p.depthwise && wb.dim(static_cast<size_t>(in_axis(b))) != channels) continue;
        out.push_back(p);
    }
    return out;
}

/// w with each channel along `axis` (in groups of `repeat`) multiplied by its factor.
Tensor scaled(const Tensor& w, int64_t axis, const std::vector<double>& factor, int64_t repeat = 1) {
    Tensor out = w.clone();
    const int64_t n = w.dim(static_cast<size_t>(axis)), inner = count_of(Dims(w.dims().begin() + axis + 1, w.dims().end()));
    for (int64_t i = 0; i < w.count(); ++i)
        out.data<float>()[i] = static_cast<float>(static_cast<double>(w.data<float>()[i]) * factor[static_cast<size_t>(i / inner % n / repeat)]);
    return out;
}

std::vector<double> peaks(const Tensor& w, int64_t axis) {
    std::vector<double> out;
    for (const std::vector<float>& values : channels_of(w, axis)) {
        double peak = 0;
        for (float v : values) peak = std::max<double>(peak, std::abs(v));
        out.push_back(peak);
    }
    return out;
}

/// What each channel is divided by.
std::vector<double> channel_scales(const Pair& p, const Channels& seen, const std::vector<double>& weights_behind) {
    const size_t n = seen.low.size();
    std::vector<double> range(n), wish(n, 1);
    for (size_t c = 0; c < n; ++c) range[c] = std::max(std::abs(static_cast<double>(seen.low[c])), std::abs(static_cast<double>(seen.high[c])));
    double widest = 0, reached = 0;
    for (size_t c = 0; c < n; ++c) {
        const bool fixed = range[c] * kSpare >= p.limit;
        if (range[c] <= 0 || fixed) {
            widest = std::max(widest, range[c]);
            continue;
        }
        wish[c] = p.depthwise ? range[c] : weights_behind[c] > 0 ? std::sqrt(range[c] / weights_behind[c]) : range[c];
        reached = std::max(reached, range[c] / wish[c]);
        widest = std::max(widest, range[c]);
    }
    for (size_t c = 0; c < n; ++c) {
        if (range[c] <= 0 || range[c] * kSpare >= p.limit) continue;
        // The widest channel afterwards is as wide as the widest was.
        wish[c] *= reached / widest;
        wish[c] = std::clamp(wish[c], std::max(kLeastScale, range[c] * kSpare / p.limit), 1.0);
    }
    return wish;
}

}  // namespace

std::vector<std::string> equalizable_values(const Graph& g) {
    std::vector<std::string> out;
    for (const Pair& p : find_pairs(g)) out.push_back(g.value(p.between).name);
    return out;
}

Equalized equalize(const Graph& g, const ChannelStatistics& statistics) {
    Equalized e{g};
    for (const Pair& p : find_pairs(g)) {
        const auto seen = statistics.find(g.value(p.between).name);
        if (seen == statistics.end()) continue;
        const Node first = e.graph.node(p.first), second = e.graph.node(p.second);
        const Tensor wa = *constant_of(e.graph, first.in(1)), wb = *constant_of(e.graph, second.in(1));
        const std::vector<double> behind = p.depthwise ? std::vector<double>{} : peaks(wb, in_axis(second));
        if (seen->second.low.size() != static_cast<size_t>(wa.dim(static_cast<size_t>(out_axis(first))))) continue;
        const std::vector<double> scale = channel_scales(p, seen->second, behind);
        std::vector<double> inverse;
        for (double s : scale) inverse.push_back(1 / s), e.least_scale = std::min(e.least_scale, s);
        const auto replace = [&](NodeId n, size_t input, const Tensor& t) {
            e.graph.set_input(n, input, e.graph.add_constant(e.graph.value(e.graph.node(n).in(input)).name + "_eq", t));
        };
        replace(p.first, 1, scaled(wa, out_axis(first), inverse));
        if (const Tensor* bias = constant_of(e.graph, first.in(2)); bias) {
            Tensor b = Tensor::zeros(DType::f32, {static_cast<int64_t>(scale.size())});
            for (int64_t c = 0; c < b.count(); ++c) b.set(c, bias->at(bias->count() == 1 ? 0 : c) * inverse[static_cast<size_t>(c)]);
            replace(p.first, 2, b);
        }
        replace(p.second, 1, scaled(wb, p.depthwise ? 0 : in_axis(second), scale, p.depthwise ? wb.dim(0) / static_cast<int64_t>(scale.size()) : 1));
        ++e.pairs;
    }
    e.graph = e.graph.compacted();
    infer_graph(e.graph);
    return e;
}

}  // namespace hone::compress
