// SPDX-License-Identifier: Apache-2.0
#include "pass/exchange.h"

#include <algorithm>
#include <map>

#include "op/builder.h"

namespace hone {
namespace {

struct Bucket {
    std::vector<size_t> members;  ///< indices of values
    int64_t bytes = 0;
};

int64_t bytes_of(const TypeInfo& t) { return count_of(dims_of(t.shape)) * static_cast<int64_t>(dtype_size(t.dtype)); }

/// Indices of values in the order in which a run of the graph gives them; what is no node's output comes first.
std::vector<size_t> by_readiness(const Graph& g, const std::vector<ValueId>& values) {
    const std::vector<NodeId> order = g.order();
    std::vector<int64_t> position(static_cast<size_t>(g.node_count()));
    for (size_t k = 0; k < order.size(); ++k) position[static_cast<size_t>(order[k])] = static_cast<int64_t>(k);
    const auto ready = [&](size_t i) {
        const NodeId from = g.value(values[i]).producer;
        return from == kNone ? -1 : position[static_cast<size_t>(from)];
    };
    std::vector<size_t> out(values.size());
    for (size_t i = 0; i < out.size(); ++i) out[i] = i;
    std::stable_sort(out.begin(), out.end(), [&](size_t a, size_t b) { return ready(a) < ready(b); });
    return out;
}

/// An open bucket a type; one that is full is closed.
std::vector<Bucket> fill(const Graph& g, const std::vector<ValueId>& values, int64_t most) {
    std::vector<Bucket> full;
    std::map<DType, Bucket> open;
    for (const size_t i : by_readiness(g, values)) {
        const TypeInfo& t = g.value(values[i]).type;
        Bucket& b = open[t.dtype];
        b.members.push_back(i);
        b.bytes += bytes_of(t);
        if (b.bytes < most) continue;
        full.push_back(std::move(b));
        b = {};
    }
    for (auto& [type, b] : open)
        if (!b.members.empty()) full.push_back(std::move(b));
    return full;
}

}  // namespace

std::vector<ValueId> add_exchange(Graph& g, const std::vector<ValueId>& values, const ExchangeOptions& options) {
    Builder b(g, "exchange");
    std::vector<ValueId> sent = values, out(values.size(), kNone);
    for (ValueId& v : sent) {
        HONE_CHECK(g.value(v).type.fixed() && is_float(b.dtype(v)), g.value(v).name, " is ", to_text(g.value(v).type));
        if (b.dtype(v) != DType::f64) v = b.cast(v, DType::f32);
    }
    int64_t number = 0;
    for (const Bucket& bucket : fill(g, sent, options.bucket_bytes)) {
        const Attributes id{{"bucket", number++}};
        std::vector<ValueId> in;
        for (const size_t i : bucket.members) in.push_back(sent[i]);
        const ValueId token = b.node("AllReduceStart", in, id, "hone");
        in.insert(in.begin(), token);
        const std::vector<ValueId> means = b.nodes("AllReduceWait", in, static_cast<int>(bucket.members.size()), id, "hone");
        for (size_t k = 0; k < means.size(); ++k) out[bucket.members[k]] = b.cast(means[k], b.dtype(values[bucket.members[k]]));
    }
    return out;
}

int synchronise_batch_norm(Graph& g) {
    int count = 0;
    for (const NodeId id : g.order()) {
        const Node n = g.node(id);
        if (!n.is("BatchNormalization")) continue;
        const auto training = n.attributes.find("training_mode");
        if (training == n.attributes.end() || std::get<int64_t>(training->second) == 0) continue;
        Builder b(g, n.name + ".sync", n.origins);
        const ValueId sums = b.node("BatchSums", {n.in(0), n.in(3)}, {}, "hone");
        const ValueId all = b.node("AllReduce", {sums}, {}, "hone");
        Attributes attributes = n.attributes;
        attributes.erase("training_mode");
        const std::vector<ValueId> made = b.nodes("SyncBatchNorm", {n.in(0), n.in(1), n.in(2), n.in(3), n.in(4), all}, 3, attributes, "hone");
        for (size_t i = 0; i < n.outputs.size(); ++i)
            if (n.outputs[i] != kNone) g.replace_uses(n.outputs[i], made[i]);
        g.remove_node(id);
        ++count;
    }
    return count;
}

}  // namespace hone
