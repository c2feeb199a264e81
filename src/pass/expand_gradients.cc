// SPDX-License-Identifier: Apache-2.0
// Gradient of ai.onnx.preview.training names a part of its own graph: y as a function of xs, with zs fixed. Where it is
// given the values of those names, its outputs are the gradients there; nodes that compute them take its place.
#include "pass/autodiff.h"
#include "pass/list.h"

namespace hone::passes {
namespace {

constexpr const char* kDomain = "ai.onnx.preview.training";

ValueId named(const Graph& g, const OpContext& c, const std::string& name) {
    const ValueId v = g.find_value(name);
    if (v == kNone) c.refuse(cat("names the value '", name, "', which the graph does not have"));
    return v;
}

/// Whether every value that a gradient may meet has known dims.
bool all_known(const Graph& g) {
    for (NodeId id : g.order())
        for (ValueId v : g.node(id).outputs)
            if (v != kNone && !g.value(v).type.fixed()) return false;
    return true;
}

void expand(Graph& g, NodeId id) {
    const Node n = g.node(id);
    const OpContext c{*find_op(kDomain, "Gradient"), n};
    std::vector<ValueId> xs;
    const auto given = [&](const std::vector<std::string>& names, size_t first) {
        for (size_t i = 0; i < names.size(); ++i)
            if (n.in(first + i) != named(g, c, names[i])) c.unsupported(cat("is given another value for '", names[i], "' than the graph's own"));
    };
    given(c.texts("xs"), 0);
    given(c.texts("zs"), c.texts("xs").size());
    for (const std::string& name : c.texts("xs")) xs.push_back(named(g, c, name));
    const std::vector<ValueId> d = add_gradients(g, {{named(g, c, c.text("y"))}}, xs);
    for (size_t i = 0; i < n.outputs.size(); ++i)
        if (n.outputs[i] != kNone) g.replace_uses(n.outputs[i], d[i]);
    g.remove_node(id);
}

}  // namespace

bool expand_gradients(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) {
        if (!g.node(id).is("Gradient", kDomain) || !all_known(g)) continue;
        expand(g, id);
        any = true;
    }
    return any;
}

}  // namespace hone::passes
