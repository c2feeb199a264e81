// SPDX-License-Identifier: Apache-2.0
#include "train/dropout.h"

#include <algorithm>

#include "base/rng.h"
#include "op/builder.h"
#include "train/trainable.h"

namespace hone::train {
namespace {

double ratio_of(const Graph& g, const Node& n, const DropoutOptions& o) {
    if (o.ratio) return *o.ratio;
    if (n.in(1) == kNone) return 0.5;
    const Value& v = g.value(n.in(1));
    if (!v.is_constant() || v.constant.count() != 1)
        fail(ErrorKind::unsupported, "train.dropout", cat("the ratio '", v.name, "' of a Dropout is computed; expected a constant"),
             "Give one for all with --dropout.", cat("node '", n.name, "'"));
    return v.constant.at(0);
}

Attributes attributes(double ratio, uint64_t seed, int64_t first) {
    Tensor t = Tensor::zeros(DType::f64, {});
    t.set(0, ratio);
    return {{"ratio", t}, {"seed", static_cast<int64_t>(seed)}, {"first", first}};
}

}  // namespace

void train_dropout(Graph& g, const DropoutOptions& o, std::map<std::string, Tensor>& initial) {
    if (o.ratio && !(*o.ratio >= 0 && *o.ratio < 1)) fail(ErrorKind::usage, "train.dropout", cat("a dropout of ", *o.ratio, "; expected [0, 1)"));
    ValueId draw = kNone;
    uint64_t number = 0;
    bool any = false;
    for (NodeId id : g.order()) {
        if (!g.node(id).is("Dropout")) continue;
        any = true;
        const Node n = g.node(id);
        const double ratio = o.on ? ratio_of(g, n, o) : 0;
        const uint64_t seed = derive_seed(o.seed, number++, 0xD409);
        if (ratio == 0) {
            if (g.node(id).in(2) != kNone) g.set_input(id, 2, kNone);
            continue;
        }
        if (draw == kNone) draw = g.add_input(g.unique_name("train.draw"), TypeInfo::tensor(DType::i64, Shape{}));
        const TypeInfo& type = g.value(n.in(0)).type;
        const int64_t first = o.part ? o.part * count_of(dims_of(type.shape)) : 0;
        Builder b(g, n.name, n.origins);
        const std::vector<ValueId> out = b.nodes("Dropout", {n.in(0), draw}, static_cast<int>(n.outputs.size()), attributes(ratio, seed, first), "hone");
        for (size_t i = 0; i < out.size(); ++i)
            if (n.outputs[i] != kNone) g.replace_uses(n.outputs[i], out[i]);
        g.remove_node(id);
    }
    if (o.ratio && !any)
        fail(ErrorKind::usage, "train.dropout", "the network has no Dropout, so that no ratio can be set",
             "Exporters drop it unless they export in training mode; `hone new` has --dropout.");
    if (draw == kNone) return;
    const std::string name = g.value(draw).name;
    initial[name] = Tensor::scalar_i64(0);
    Builder b(g, name);
    bind_state(g, name, draw, b.add(draw, b.constant(Tensor::scalar_i64(1))));
}

Graph evaluation_mode(Graph g) {
    bool any = false;
    for (NodeId id : g.order()) {
        const Node n = g.node(id);
        if (n.is("Dropout") && n.in(2) != kNone) g.set_input(id, 2, kNone), any = true;
        const auto mode = n.attributes.find("training_mode");
        if (!n.is("BatchNormalization") || mode == n.attributes.end() || std::get<int64_t>(mode->second) == 0) continue;
        for (size_t i = 1; i < n.outputs.size(); ++i)
            if (n.outputs[i] != kNone && !g.value(n.outputs[i]).users.empty())
                fail(ErrorKind::unsupported, "train.statistics", cat("'", g.value(n.outputs[i]).name, "', statistics of a batch, are read by the network"), "", cat("node '", n.name, "'"));
        any = true;
        Attributes attributes = n.attributes;
        attributes.erase("training_mode");
        // Statistics that the exporter gave out beside the answers go.
        std::erase_if(g.outputs, [&](ValueId v) { return v != n.out() && std::find(n.outputs.begin(), n.outputs.end(), v) != n.outputs.end(); });
        const NodeId plain = g.add_node("", "BatchNormalization", n.inputs, 1, attributes, n.name, n.origins);
        g.value(g.node(plain).out()).type = g.value(n.out()).type;
        g.replace_uses(n.out(), g.node(plain).out());
        g.remove_node(id);
    }
    return any ? g.compacted() : std::move(g);
}

}  // namespace hone::train
