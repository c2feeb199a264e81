// SPDX-License-Identifier: Apache-2.0
// Common subexpression elimination: nodes with the same operator, inputs and attributes become one.
#include <bit>
#include <map>

#include "pass/list.h"

namespace hone::passes {

bool merge_duplicates(Graph& g, const PassOptions&) {
    bool any = false;
    std::map<std::string, NodeId> seen;
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        const OpDecl* op = find_op(n.domain, n.op);
        if (op && op->random) continue;
        std::string key = n.domain + "." + n.op;
        bool comparable = true, is_output = false;
        for (ValueId v : n.inputs) key += cat(",", v);
        key += cat(";", static_cast<unsigned long>(n.outputs.size()));
        for (const auto& [k, a] : n.attributes) {
            const auto* t = std::get_if<Tensor>(&a);
            if ((t && (t->count() > 8 || t->dtype() == DType::string)) || std::holds_alternative<std::shared_ptr<const Graph>>(a)) comparable = false;
            key += cat(";", k, "=", to_text(a));
            if (const auto* f = std::get_if<float>(&a)) key += cat(":", std::bit_cast<uint32_t>(*f));
            if (std::holds_alternative<std::vector<float>>(a) || t) comparable &= !t || !is_float(t->dtype());
        }
        for (ValueId v : n.outputs) is_output |= v == kNone || g.is_output(v);
        if (!comparable || is_output) continue;
        const auto [it, fresh] = seen.emplace(key, id);
        if (fresh) continue;
        const Node& first = g.node(it->second);
        for (size_t i = 0; i < n.outputs.size(); ++i) g.replace_uses(n.outputs[i], first.outputs[i]);
        g.node(it->second).origins = join_origins(g, {it->second, id});
        g.remove_node(id);
        any = true;
    }
    return any;
}

}  // namespace hone::passes
