// SPDX-License-Identifier: Apache-2.0
// Gemm: alpha * A' * B' + beta * C.
#include "op/gradient.h"
#include "op/list.h"
#include "op/matmul.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

void infer_gemm(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_number, "a number type");
    const bool ta = c.integer("transA") != 0, tb = c.integer("transB") != 0;
    Dim m, n, ka, kb;
    require_rank(c, 0, 2, 2);
    require_rank(c, 1, 2, 2);
    if (c.rank_known(0)) m = c.shape(0)[ta ? 1 : 0], ka = c.shape(0)[ta ? 0 : 1];
    if (c.rank_known(1)) n = c.shape(1)[tb ? 0 : 1], kb = c.shape(1)[tb ? 1 : 0];
    agree(c, ka, kb, "the inner dims of A and B");
    const Shape out{m, n};
    if (c.given(2) && c.rank_known(2)) {
        const Shape& bias = c.shape(2);
        bool fits = bias.size() <= 2;
        for (size_t i = 0; fits && i < bias.size(); ++i) {
            const Dim& o = out[i + 2 - bias.size()];
            fits = bias[i] == Dim(1) || !bias[i].known() || !o.known() || bias[i].value == o.value;
        }
        if (!fits) c.refuse(cat("C has shape ", to_text(bias), ", which does not broadcast to ", to_text(out)));
    }
    c.set(0, t, out);
}

void run_gemm(RefContext& c) {
    const Dims out = c.out[0].dims();
    const bool ta = c.integer("transA") != 0, tb = c.integer("transB") != 0;
    const int64_t m = out[0], n = out[1], k = c.in[0].dim(ta ? 0 : 1);
    const double alpha = static_cast<double>(c.real("alpha")), beta = static_cast<double>(c.real("beta"));
    std::vector<double> a = values<double>(c.in[0]), b = values<double>(c.in[1]);
    if (ta) a = transposed(a, k, m);
    if (tb) b = transposed(b, n, k);
    std::vector<double> y(static_cast<size_t>(c.out[0].count()));
    multiply(a.data(), b.data(), y.data(), m, k, n);
    for (double& v : y) v *= alpha;
    if (c.given(2))
        walk(out, {broadcast_strides(c.in[2].dims(), out)},
             [&](int64_t i, const int64_t* at) { y[static_cast<size_t>(i)] += beta * c.in[2].at(at[0]); });
    assign(c.out[0], y);
}

Cost cost_gemm(const CostContext& c) {
    Cost cost;
    if (!c.out[0].fixed() || !c.in[0].fixed()) return cost;
    const auto outputs = static_cast<double>(count_of(dims_of(c.out[0].shape)));
    cost.macs = outputs * static_cast<double>(c.in[0].shape[c.integer("transA") ? 0 : 1].value);
    if (c.node.in(2) != kNone) cost.flops = outputs;
    return cost;
}

/// Transposes are flags of the products, never nodes.
void gradient_gemm(GradientContext& c) {
    const bool ta = c.integer("transA") != 0, tb = c.integer("transB") != 0;
    const auto product = [&](ValueId a, bool a_turned, ValueId b, bool b_turned) {
        return c.b.node("Gemm", {a, b}, {{"alpha", c.real("alpha")}, {"transA", int64_t{a_turned}}, {"transB", int64_t{b_turned}}});
    };
    if (c.wants(0)) c.give(0, ta ? product(c.x(1), tb, c.dy(), true) : product(c.dy(), false, c.x(1), !tb));
    if (c.wants(1)) c.give(1, tb ? product(c.dy(), true, c.x(0), ta) : product(c.x(0), !ta, c.dy(), false));
    if (!c.wants(2)) return;
    const ValueId sum = c.b.sum_to(c.dy(), c.b.dims(c.x(2)));
    const auto beta = static_cast<double>(c.real("beta"));
    c.give(2, beta == 1 ? sum : c.b.scale(sum, beta));
}

/// Before 7 broadcasting was asked for.
void upgrade_gemm(Graph& g, NodeId n, int from) {
    if (from < 7) drop_attribute(g, n, "broadcast");
}
/// C was required before opset 11.
int downgrade_gemm(Graph& g, NodeId n, int to) {
    const Node& node = g.node(n);
    if (to >= 11 || node.in(2) != kNone) return 7;
    const DType t = g.value(node.inputs[0]).type.dtype;
    if (t == DType::undefined) return 11;
    const ValueId zero = g.add_constant(node.name + ".C", Tensor::zeros(t, {1}));
    if (node.inputs.size() > 2) g.set_input(n, 2, zero);
    else g.add_node_input(n, zero);
    return 7;
}

}  // namespace

std::vector<OpDecl> gemm() {
    return {
        {.name = "Gemm", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"alpha", AttrKind::real, 1.0f},
                        {"beta", AttrKind::real, 1.0f},
                        {"transA", AttrKind::integer, int64_t{0}},
                        {"transB", AttrKind::integer, int64_t{0}}},
         .infer = infer_gemm, .reference = run_gemm, .cost = cost_gemm, .gradient = gradient_gemm, .upgrade = upgrade_gemm,
         .downgrade = downgrade_gemm},
    };
}

}  // namespace hone::ops
