// SPDX-License-Identifier: Apache-2.0
// Conv followed by BatchNormalization (inference) becomes one Conv: W' = W * s, B' = (B - mean) * s + bias, with
// s = scale / sqrt(var + epsilon), all in double.
#include <cmath>

#include "pass/list.h"

namespace hone::passes {

namespace {
bool fuse(Graph& g, NodeId bn_id) {
    const Node bn = g.node(bn_id);
    if (!bn.is("BatchNormalization") || bn.outputs.size() > 1) return false;
    const auto training = bn.attributes.find("training_mode");
    if (training != bn.attributes.end() && std::get<int64_t>(training->second) != 0) return false;
    const NodeId conv_id = g.value(bn.inputs[0]).producer;
    if (conv_id == kNone || !g.node(conv_id).is("Conv") || g.sole_user(bn.inputs[0]) != bn_id) return false;
    const Node conv = g.node(conv_id);
    const Tensor* w = constant_of(g, conv.in(1));
    const Tensor* b = constant_of(g, conv.in(2));
    if (!w || w->dtype() != DType::f32 || (conv.in(2) != kNone && !b)) return false;
    const Tensor* p[4];
    for (size_t i = 0; i < 4; ++i)
        if (!(p[i] = constant_of(g, bn.in(i + 1))) || p[i]->count() != w->dim(0)) return false;
    const auto eps = bn.attributes.find("epsilon");
    const double epsilon = eps == bn.attributes.end() ? 1e-5f : std::get<float>(eps->second);
    Tensor weights = w->clone();
    Tensor bias = Tensor::zeros(DType::f32, {w->dim(0)});
    const int64_t row = w->dim(0) ? w->count() / w->dim(0) : 0;
    for (int64_t o = 0; o < w->dim(0); ++o) {
        const double s = p[0]->at(o) / std::sqrt(p[3]->at(o) + epsilon);
        for (int64_t i = 0; i < row; ++i) weights.data<float>()[o * row + i] = static_cast<float>(w->data<float>()[o * row + i] * s);
        bias.set(o, ((b ? b->at(o) : 0.0) - p[2]->at(o)) * s + p[1]->at(o));
    }
    const std::string name = g.value(conv.in(1)).name;
    const ValueId wv = g.add_constant(name + ":bn", weights);
    const ValueId bv = g.add_constant((b ? g.value(conv.in(2)).name : conv.name + ".bias") + ":bn", bias);
    g.set_input(conv_id, 1, wv);
    if (g.node(conv_id).inputs.size() > 2) g.set_input(conv_id, 2, bv);
    else g.add_node_input(conv_id, bv);
    g.node(conv_id).origins = join_origins(g, {conv_id, bn_id});
    g.replace_uses(bn.outputs[0], conv.outputs[0]);
    g.remove_node(bn_id);
    return true;
}
}  // namespace

bool fuse_conv_bn(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order()) any |= fuse(g, id);
    return any;
}

}  // namespace hone::passes
