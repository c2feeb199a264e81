// SPDX-License-Identifier: Apache-2.0
#include "onnx/lower_opset.h"

#include <algorithm>
#include <set>

#include "onnx/reader.h"
#include "op/op.h"

namespace hone {
namespace {

struct Need {
    int opset;
    std::string node;
};

/// Lowers every node of `g` towards `to`; the largest opset that one needed.
Need lower(Graph& g, int to) {
    Need need{to, ""};
    for (NodeId n : g.order()) {
        const OpDecl* op = find_op(g.node(n).domain, g.node(n).op);
        if (!op || *op->domain) continue;
        const std::string at = cat("node '", g.node(n).name, "' (", op->name, ")");
        int least = op->since;
        if (op->downgrade && to < kCanonicalOpset) least = std::max(least, op->downgrade(g, n, to));
        if (least > need.opset) need = {least, at};
    }
    return need;
}

}  // namespace

Graph in_opset(const Graph& g, std::optional<int> asked) {
    const auto original = g.opsets.find("");
    int to = asked ? *asked : original == g.opsets.end() ? kCanonicalOpset : std::max(original->second, kLeastWritten);
    if (to < kLeastWritten || to > kNewestOpset)
        fail(ErrorKind::unsupported, "write.opset", cat("cannot write opset ", to, "; hone writes ", kLeastWritten, " to ", kNewestOpset));
    for (;;) {
        Graph copy = g.compacted();
        const Need need = lower(copy, to);
        if (need.opset <= to) {
            copy = copy.compacted();
            std::set<std::string> used;
            for (NodeId n : copy.order()) used.insert(copy.node(n).domain);
            std::erase_if(copy.opsets, [&](const auto& o) { return !used.contains(o.first); });
            copy.opsets[""] = to;
            return copy;
        }
        if (asked)
            fail(ErrorKind::unsupported, "write.opset", cat("opset ", *asked, " cannot hold it; it needs ", need.opset),
                 "Ask for a newer opset.", need.node);
        to = need.opset;
    }
}

}  // namespace hone
