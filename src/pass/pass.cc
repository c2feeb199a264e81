// SPDX-License-Identifier: Apache-2.0
#include "pass/pass.h"

#include <algorithm>

#include "base/timing.h"

namespace hone {

std::vector<PassRecord> run_passes(Graph& g, Stage stage, const PassOptions& options) {
    std::vector<PassRecord> records;
    for (int round = 0; round < 4; ++round) {
        bool any = false;
        for (const PassDecl& pass : all_passes()) {
            if (pass.stage != stage || options.disabled.contains(pass.name)) continue;
            const double start = now_seconds();
            const bool changed = pass.run(g, options);
            if (changed && options.after) options.after(pass.name, g);
            if (changed) {
                try {
                    g.check_structure();
                    infer_graph(g);
                } catch (const Error& e) {
                    HONE_CHECK(false, "pass ", pass.name, " broke the graph: ", e.what());
                }
                any = true;
                if (options.dump) options.dump(pass.name, to_text(g));
            }
            records.push_back({pass.name, changed, now_seconds() - start});
        }
        if (!any) break;
    }
    return records;
}

bool remove_dead(Graph& g) {
    bool any = false;
    std::vector<NodeId> order = g.order();
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        const Node& n = g.node(*it);
        const bool used = std::any_of(n.outputs.begin(), n.outputs.end(), [&](ValueId v) {
            return v != kNone && (!g.value(v).users.empty() || g.is_output(v));
        });
        if (used) continue;
        g.remove_node(*it);
        any = true;
    }
    return any;
}

std::vector<std::string> join_origins(const Graph& g, const std::vector<NodeId>& nodes) {
    std::vector<std::string> out;
    for (NodeId n : nodes)
        for (const std::string& o : g.node(n).origins)
            if (std::find(out.begin(), out.end(), o) == out.end()) out.push_back(o);
    return out;
}

const Tensor* constant_of(const Graph& g, ValueId v) {
    return v != kNone && g.value(v).is_constant() ? &g.value(v).constant : nullptr;
}

bool scalar_constant(const Graph& g, ValueId v, double* out) {
    const Tensor* t = constant_of(g, v);
    if (!t || t->count() != 1 || t->dtype() == DType::string) return false;
    *out = t->at(0);
    return true;
}

}  // namespace hone
