// SPDX-License-Identifier: Apache-2.0
// BatchNormalization (inference and training_mode) and InstanceNormalization.
#include <cmath>

#include "op/batch_moments.h"
#include "op/history.h"
#include "op/list.h"
#include "op/rules.h"

namespace hone::ops {
namespace {

Dim channels_of(const InferContext& c) {
    if (!c.rank_known(0)) return {};
    return c.shape(0).size() < 2 ? Dim(1) : c.shape(0)[1];
}

void infer_batch(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    require_type(c, {1, 2}, is_float, "a float type");
    const DType statistics = require_type(c, {3, 4}, is_float, "a float type");
    require_rank(c, 0, 1, 1000);
    const Dim n = channels_of(c);
    for (size_t i = 1; i < 5; ++i) require_shape(c, i, {n}, "scale, B, mean or var");
    const bool training = c.integer("training_mode") != 0;
    if (!training && (c.node.out(1) != kNone || c.node.out(2) != kNone))
        c.refuse("has running statistics as outputs but training_mode 0");
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
    for (size_t i : {1, 2}) c.set(i, statistics, {n});
}

void run_batch(RefContext& c) {
    const Planes p(c.in[0].dims());
    const bool training = c.integer("training_mode") != 0;
    const double epsilon = static_cast<double>(c.real("epsilon")), momentum = static_cast<double>(c.real("momentum"));
    const std::vector<double> x = values<double>(c.in[0]);
    for (int64_t ch = 0; ch < p.channels; ++ch) {
        Moments m{c.in[3].at(ch), c.in[4].at(ch)};
        if (training) {
            const Moments batch = x.empty() ? m : moments(x.data() + p.at(0, ch), p.batch, p.at(1, 0), p.size);
            if (c.wanted(1)) c.out[1].set(ch, m.mean * momentum + batch.mean * (1 - momentum));
            if (c.wanted(2)) c.out[2].set(ch, m.variance * momentum + batch.variance * (1 - momentum));
            m = batch;
        }
        if (x.empty()) continue;
        const double scale = c.in[1].at(ch) / std::sqrt(m.variance + epsilon), bias = c.in[2].at(ch);
        for (int64_t n = 0; n < p.batch; ++n)
            for (int64_t i = p.at(n, ch); i < p.at(n, ch) + p.size; ++i)
                c.out[0].set(i, (x[static_cast<size_t>(i)] - m.mean) * scale + bias);
    }
}

/// `spatial` went at 9, `is_test` at 7; the saved statistics went and training_mode came at 14.
void upgrade_batch(Graph& g, NodeId id, int from) {
    if (from >= 14) return;
    Node& n = g.node(id);
    const auto refuse = [&](const std::string& what) {
        fail(ErrorKind::unsupported, "op.unsupported", what, "", cat("node '", n.name, "' (", n.op, ")"));
    };
    if (from < 7 && integer_or(n, "is_test", 0) == 0) refuse("training at opset 6");
    drop_attribute(g, id, "is_test");
    if (integer_or(n, "spatial", 1) != 1) refuse("spatial = 0 (statistics an element)");
    drop_attribute(g, id, "spatial");
    bool trains = false;
    for (size_t i = 1; i < n.outputs.size(); ++i) {
        const ValueId v = n.outputs[i];
        if (v == kNone) continue;
        const bool used = !g.value(v).users.empty() || g.is_output(v);
        if (used && i > 2) refuse("saved_mean and saved_var of opsets below 14");
        trains = trains || used;
    }
    if (trains) n.attributes["training_mode"] = int64_t{1};
    const size_t keep = trains ? std::min<size_t>(3, n.outputs.size()) : 1;
    for (size_t i = keep; i < n.outputs.size(); ++i)
        if (n.outputs[i] != kNone) g.value(n.outputs[i]).producer = kNone;
    if (n.outputs.size() > keep) n.outputs.resize(keep);
}
int downgrade_batch(Graph& g, NodeId id, int to) {
    if (integer_or(g.node(id), "training_mode", 0) != 0) return 14;
    if (to < 14) drop_attribute(g, id, "training_mode");
    const Node& n = g.node(id);
    const auto type = [&](size_t i) { return n.in(i) == kNone ? DType::undefined : g.value(n.in(i)).type.dtype; };
    if (type(0) != type(3)) return 14;
    return type(0) != type(1) ? 15 : 7;
}

void infer_instance(InferContext& c) {
    const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
    require_rank(c, 0, 3, 1000);
    for (size_t i : {1, 2}) require_shape(c, i, {channels_of(c)}, "scale or B");
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
}
void run_instance(RefContext& c) {
    const Planes p(c.in[0].dims());
    if (!c.in[0].count()) return;
    const std::vector<double> x = values<double>(c.in[0]);
    for (int64_t n = 0; n < p.batch; ++n)
        for (int64_t ch = 0; ch < p.channels; ++ch) {
            const Moments m = moments(x.data() + p.at(n, ch), 1, 0, p.size);
            const double scale = c.in[1].at(ch) / std::sqrt(m.variance + static_cast<double>(c.real("epsilon")));
            for (int64_t i = p.at(n, ch); i < p.at(n, ch) + p.size; ++i)
                c.out[0].set(i, (x[static_cast<size_t>(i)] - m.mean) * scale + c.in[2].at(ch));
        }
}

template <int each>
Cost cost_elements(const CostContext& c) {
    Cost cost;
    if (c.out[0].fixed()) cost.flops = each * static_cast<double>(count_of(dims_of(c.out[0].shape)));
    return cost;
}

}  // namespace

std::vector<OpDecl> batch_norm() {
    std::vector<OpDecl> all = {
        {.name = "BatchNormalization", .min_inputs = 5, .max_inputs = 5, .min_outputs = 1, .max_outputs = 3,
         .attributes = {{"epsilon", AttrKind::real, 1e-5f},
                        {"momentum", AttrKind::real, 0.9f},
                        {"training_mode", AttrKind::integer, int64_t{0}}},
         .infer = infer_batch, .reference = run_batch, .cost = cost_elements<2>, .upgrade = upgrade_batch,
         .downgrade = downgrade_batch},
        {.name = "InstanceNormalization", .min_inputs = 3, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"epsilon", AttrKind::real, 1e-5f}},
         .infer = infer_instance, .reference = run_instance, .cost = cost_elements<6>},
    };
    attach_rules(all, batch_norm_rules());
    return all;
}

}  // namespace hone::ops
