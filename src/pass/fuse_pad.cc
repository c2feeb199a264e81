// SPDX-License-Identifier: Apache-2.0
// A constant zero Pad of the spatial axes moves into the Conv that follows it.
#include "pass/list.h"

namespace hone::passes {

namespace {
bool fuse(Graph& g, NodeId conv_id) {
    const Node& conv = g.node(conv_id);
    if (!conv.is("Conv")) return false;
    const NodeId pad_id = g.value(conv.inputs[0]).producer;
    if (pad_id == kNone) return false;
    const Node pad = g.node(pad_id);
    if (!pad.is("Pad") || pad.in(3) != kNone) return false;
    const auto mode = pad.attributes.find("mode");
    if (mode != pad.attributes.end() && std::get<std::string>(mode->second) != "constant") return false;
    double fill = 0;
    if (pad.in(2) != kNone && (!scalar_constant(g, pad.in(2), &fill) || fill != 0)) return false;
    const auto automatic = conv.attributes.find("auto_pad");
    if (automatic != conv.attributes.end() && std::get<std::string>(automatic->second) != "NOTSET") return false;
    const Tensor* amounts = constant_of(g, pad.in(1));
    const TypeInfo& type = g.value(pad.inputs[0]).type;
    if (!amounts || !type.rank_known || amounts->count() != 2 * static_cast<int64_t>(type.shape.size())) return false;
    const auto rank = static_cast<int64_t>(type.shape.size());
    const std::vector<int64_t> p = amounts->to_i64();
    for (int64_t i = 0; i < 2 * rank; ++i)
        if (p[static_cast<size_t>(i)] < 0 || (i % rank < 2 && p[static_cast<size_t>(i)] != 0)) return false;
    std::vector<int64_t> pads(static_cast<size_t>(2 * (rank - 2)), 0);
    const auto own = conv.attributes.find("pads");
    if (own != conv.attributes.end()) pads = std::get<std::vector<int64_t>>(own->second);
    for (int64_t i = 0; i < rank - 2; ++i) {
        pads[static_cast<size_t>(i)] += p[static_cast<size_t>(2 + i)];
        pads[static_cast<size_t>(rank - 2 + i)] += p[static_cast<size_t>(rank + 2 + i)];
    }
    g.node(conv_id).attributes["pads"] = pads;
    g.node(conv_id).origins = join_origins(g, {pad_id, conv_id});
    g.set_input(conv_id, 0, pad.inputs[0]);
    remove_dead(g);
    return true;
}
}  // namespace

bool fuse_pad(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id : g.order())
        if (g.node(id).alive) any |= fuse(g, id);
    return any;
}

}  // namespace hone::passes
