// SPDX-License-Identifier: Apache-2.0
// Layers that are likely to be slower in int8 together. Whole models with a group returned to float are timed, which
// works in every runtime: what a layer costs there shows only in the whole.
#include <algorithm>

#include "op/op.h"
#include "optimize/search.h"
#include "pass/match.h"
#include "pass/pass.h"

namespace hone {

namespace {

bool is_depthwise(const Graph& g, const Node& n) {
    return n.is("Conv") && passes::int_attribute(n, "group", 1) > 1 && g.value(n.in(1)).constant.dim(1) == 1;
}
/// A convolution over one pixel a channel: the dense layers of squeeze-excite.
bool on_one_pixel(const Graph& g, const Node& n) {
    const TypeInfo& t = g.value(n.in(0)).type;
    return n.is("Conv") && t.rank_known && t.shape.size() == 4 && t.shape[2].known() && t.shape[3].known() && t.shape[2].value * t.shape[3].value == 1;
}

}  // namespace

std::vector<compress::Layer> layers_of(const Graph& g) {
    std::vector<compress::Layer> layers = compress::quantizable_layers(g);
    Graph fixed = specialise(g, eval::synthetic_dims(g, 1));
    run_passes(fixed, Stage::portable, {.disabled = {"fuse_conv_bn", "fuse_pad", "merge_duplicates"}});
    std::map<std::string, double> macs;
    for (const compress::Layer& l : compress::quantizable_layers(fixed)) macs[l.name] = l.macs;
    for (compress::Layer& l : layers) l.macs = macs[l.name];
    return layers;
}

std::vector<LayerGroup> layer_groups(const Search& s) {
    std::vector<LayerGroup> groups;
    auto add = [&](const std::string& name, auto belongs) {
        LayerGroup group{name, {}};
        for (const compress::Layer& l : s.layers)
            if (belongs(l, s.original.node(l.node))) group.layers.insert(l.name);
        const bool again = std::any_of(groups.begin(), groups.end(), [&](const LayerGroup& o) { return o.layers == group.layers; });
        if (!group.layers.empty() && group.layers.size() < s.layers.size() && !again) groups.push_back(std::move(group));
    };
    if (!s.int8_layer_ms.empty())
        add("measured slower in int8, one by one", [&](const compress::Layer& l, const Node&) {
            const auto i = static_cast<size_t>(&l - s.layers.data());
            return s.int8_layer_ms[i] > s.fp32_layer_ms[i];
        });
    double total = 0;
    for (const compress::Layer& l : s.layers) total += l.macs;
    add("squeeze-excite", [&](const compress::Layer&, const Node& n) { return on_one_pixel(s.original, n); });
    add("depthwise convolutions", [&](const compress::Layer&, const Node& n) { return is_depthwise(s.original, n); });
    add("matrix products", [&](const compress::Layer&, const Node& n) { return n.is("MatMul"); });
    add("dense layers", [&](const compress::Layer&, const Node& n) { return n.is("Gemm"); });
    add("layers of less than 1 % of the work", [&](const compress::Layer& l, const Node&) { return l.macs < 0.01 * total; });
    add("the first layer", [&](const compress::Layer& l, const Node&) { return &l == &s.layers.front(); });
    add("the last layer", [&](const compress::Layer& l, const Node&) { return &l == &s.layers.back(); });
    return groups;
}

}  // namespace hone
