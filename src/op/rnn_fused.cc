// SPDX-License-Identifier: Apache-2.0
// hone.LSTM and hone.GRU: the standard operators with W and R in bf16, or in s8 with a scale a row of each.
#include "op/fused.h"
#include "op/list.h"

namespace hone {

size_t recurrent_scales_at(const std::string& op) { return op == "LSTM" ? 8 : 6; }

namespace ops {
namespace {

Node plain_node(const Node& n) {
    Node plain = n;
    plain.domain = "";
    plain.inputs.resize(std::min(plain.inputs.size(), recurrent_scales_at(n.op)));
    while (!plain.inputs.empty() && plain.inputs.back() == kNone) plain.inputs.pop_back();
    return plain;
}

void infer(InferContext& c) {
    const Node plain = plain_node(c.node);
    std::vector<TypeInfo> in(c.in.begin(), c.in.begin() + static_cast<long>(plain.inputs.size()));
    for (size_t i : {1u, 2u}) in[i].dtype = in[0].dtype;
    c.out = infer_node(*find_op("", c.node.op), plain, in, std::vector<const Tensor*>(in.size()));
}

/// w[d][row][k] * scale[row].
Tensor real_weights(const Tensor& w, const Tensor* scale) {
    Tensor t = w.cast(DType::f32);
    if (!scale) return t;
    const int64_t rows = w.dim(1), inner = w.dim(2);
    float* to = t.data<float>();
    for (int64_t i = 0; i < t.count(); ++i) to[i] *= scale->data<float>()[scale->count() == 1 ? 0 : i / inner % rows];
    return t;
}
void run(RefContext& c) {
    const Node plain = plain_node(c.node);
    const size_t scales = recurrent_scales_at(c.node.op);
    std::vector<Tensor> in(c.in.begin(), c.in.begin() + static_cast<long>(plain.inputs.size()));
    for (size_t i : {1u, 2u}) in[i] = real_weights(in[i], c.given(scales + i - 1) ? &c.in[scales + i - 1] : nullptr);
    const std::vector<Tensor> out = interpret_node(*find_op("", c.node.op), plain, in);
    for (size_t i = 0; i < out.size(); ++i)
        if (c.wanted(i)) std::copy_n(out[i].data<float>(), out[i].count(), c.out[i].data<float>());
}
Cost cost(const CostContext& c) {
    const Node plain = plain_node(c.node);
    const OpDecl& op = *find_op("", c.node.op);
    return op.cost(CostContext{{op, plain}, c.in, c.out});
}
}  // namespace

std::vector<OpDecl> rnn_fused() {
    std::vector<OpDecl> out;
    for (OpDecl d : rnn()) {
        const std::string name = d.name;
        if (name != "LSTM" && name != "GRU") continue;
        d.domain = "hone";
        d.max_inputs += 2;
        d.infer = infer;
        d.reference = run;
        d.cost = cost;
        d.downgrade = nullptr;
        d.gradient = nullptr;
        out.push_back(d);
    }
    return out;
}

}  // namespace ops
}  // namespace hone
