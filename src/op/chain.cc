// SPDX-License-Identifier: Apache-2.0
// hone.Chain: a tree of elementwise operators with one result, done in one pass over memory. It carries the graph that
// it stands for, which is its reference and its cost.
#include "op/list.h"

namespace hone::ops {
namespace {

/// The body was made for fixed dims: its output's type is the node's.
void infer(InferContext& c) {
    const Graph& body = c.graph("body");
    if (body.inputs.size() != c.inputs() || body.outputs.size() != 1) c.refuse("the body has other inputs or outputs");
    for (size_t i = 0; i < c.inputs(); ++i)
        if (c.in[i].fixed() && c.in[i] != body.value(body.inputs[i]).type) c.refuse(cat("input ", static_cast<unsigned long>(i), " is ", to_text(c.in[i])));
    c.out[0] = body.value(body.outputs[0]).type;
}
void run(RefContext& c) {
    const Tensor y = interpret_graph(c.graph("body"), c.in)[0];
    for (int64_t i = 0; i < y.count(); ++i) c.out[0].set(i, y.at(i));
}
Cost cost(const CostContext& c) {
    const Graph& body = c.graph("body");
    Cost sum;
    for (NodeId n : body.order()) {
        const Cost one = cost_of(body, n);
        sum.macs += one.macs;
        sum.flops += one.flops;
    }
    return sum;
}
}  // namespace

std::vector<OpDecl> chain() {
    return {{.domain = "hone", .name = "Chain", .min_inputs = 1, .max_inputs = -1, .min_outputs = 1, .max_outputs = 1,
             .attributes = {{"body", AttrKind::graph, std::nullopt, true}}, .infer = infer, .reference = run, .cost = cost,
             .elementwise = true}};
}

}  // namespace hone::ops
