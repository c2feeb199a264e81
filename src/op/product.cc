// SPDX-License-Identifier: Apache-2.0
// hone.Product A B: the product of two matrices (Gemm without C: `transA`, `transB`, `alpha`), or of stacks of them
// (MatMul), of one float type, whose sums are delivered in the type `to`: gradients of weights from 16-bit operands.
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

Node plain_node(const Node& n, bool matrices) {
    Node plain = n;
    plain.domain = "";
    plain.op = matrices ? "Gemm" : "MatMul";
    plain.attributes.erase("to");
    if (!matrices) plain.attributes = {};
    return plain;
}
bool matrices(size_t a, size_t b) { return a == 2 && b == 2; }

void infer(InferContext& c) {
    const DType t = require_type(c, {0, 1}, is_float, "a float type"), to = float_to(c, t);
    c.set(0, to);
    if (!c.rank_known(0) || !c.rank_known(1)) return;
    const bool flat = matrices(c.shape(0).size(), c.shape(1).size());
    const bool turned = c.integer("transA") != 0 || c.integer("transB") != 0 || c.real("alpha") != 1;
    if (!flat && turned) c.refuse("has transA, transB or alpha and operands that are no matrices");
    const Node plain = plain_node(c.node, flat);
    c.out = infer_node(*find_op("", plain.op), plain, c.in, c.known);
    c.out[0].dtype = to;
}
void run(RefContext& c) {
    const DType wide = c.in[0].dtype() == DType::f64 || c.out[0].dtype() == DType::f64 ? DType::f64 : DType::f32;
    const Node plain = plain_node(c.node, matrices(c.in[0].rank(), c.in[1].rank()));
    const Tensor y = interpret_node(*find_op("", plain.op), plain, {c.in[0].cast(wide), c.in[1].cast(wide)})[0];
    assign(c.out[0], values<double>(y));
}
Cost cost(const CostContext& c) {
    const Node plain = plain_node(c.node, matrices(c.in[0].shape.size(), c.in[1].shape.size()));
    const OpDecl* op = find_op("", plain.op);
    return op->cost(CostContext{{*op, plain}, c.in, c.out});
}

}  // namespace

std::vector<OpDecl> product() {
    return {
        {.domain = "hone", .name = "Product", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"transA", AttrKind::integer, int64_t{0}},
                        {"transB", AttrKind::integer, int64_t{0}},
                        {"alpha", AttrKind::real, 1.f},
                        {"to", AttrKind::integer, std::nullopt, true}},
         .infer = infer, .reference = run, .cost = cost, .tolerance = 1e-4},
    };
}

}  // namespace hone::ops
