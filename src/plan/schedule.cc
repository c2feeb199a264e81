// SPDX-License-Identifier: Apache-2.0
#include "plan/schedule.h"

#include <algorithm>
#include <map>
#include <set>

namespace hone {
namespace {

class Scheduler {
  public:
    explicit Scheduler(const Graph& g) : g_(g), missing_(static_cast<size_t>(g.node_count())), uses_(static_cast<size_t>(g.value_count())) {
        for (const State& s : g.states)
            if (const NodeId p = g.value(g.outputs[s.output]).producer; p != kNone) old_[p].push_back(g.inputs[s.input]);
        for (NodeId id : g.order())
            if (!is_after(id))
                for (ValueId v : g.node(id).inputs) use(v, 1);
        for (ValueId v : g.outputs) use(v, 1);
    }

    std::vector<NodeId> run() {
        const std::vector<NodeId> all = g_.order();
        for (NodeId id : all) rank_[id] = {id, id};
        for (NodeId id : all)  // what is computed again is so when it is wanted
            if (const NodeId u = wanted_by(id); u != kNone) {
                rank_[id] = {u, id};
                if (const NodeId before = g_.value(g_.node(u).in(1)).producer; before != kNone) after_[before].push_back(id), ++missing_[static_cast<size_t>(id)];
            }
        for (NodeId id : all) {
            for (ValueId v : g_.node(id).inputs)
                if (v != kNone && g_.value(v).producer != kNone) ++missing_[static_cast<size_t>(id)];
            if (!missing_[static_cast<size_t>(id)]) ready_.insert(rank_.at(id));
        }
        std::vector<NodeId> out;
        while (!ready_.empty()) {
            const NodeId id = next();
            ready_.erase(rank_.at(id));
            out.push_back(id);
            if (!is_after(id))
                for (ValueId v : g_.node(id).inputs) use(v, -1);
            for (ValueId v : g_.node(id).outputs)
                if (v != kNone)
                    for (NodeId u : g_.value(v).users) arrived(u);
            for (NodeId u : after_[id]) arrived(u);
        }
        HONE_CHECK(out.size() == all.size());
        return out;
    }

  private:
    void arrived(NodeId id) {
        if (--missing_[static_cast<size_t>(id)] == 0) ready_.insert(rank_.at(id));
    }
    /// The one weight gradient for which this node computes an activation again, else kNone.
    NodeId wanted_by(NodeId id) const {
        if (!g_.node(id).is("BatchNormApply", "hone")) return kNone;
        const NodeId u = g_.sole_user(g_.node(id).out());
        return u != kNone && g_.node(u).is("ConvGradWeight", "hone") ? u : kNone;
    }
    NodeId next() const {
        NodeId free = kNone;
        for (const auto& [rank, id] : ready_) {
            if (blocked(id)) continue;
            if (frees(id)) return id;
            if (free == kNone) free = id;
        }
        return free == kNone ? ready_.begin()->second : free;
    }
    /// It computes a state's new value, and others have yet to read the old one.
    bool blocked(NodeId id) const {
        const auto it = old_.find(id);
        if (it == old_.end()) return false;
        return std::any_of(it->second.begin(), it->second.end(), [&](ValueId v) { return uses_[static_cast<size_t>(v)] > own_uses(id, v); });
    }
    bool is_after(NodeId id) const { return g_.node(id).is("After", "hone"); }
    /// The value whose memory v is.
    ValueId root(ValueId v) const {
        for (NodeId p = g_.value(v).producer; p != kNone && is_after(p); p = g_.value(v).producer) v = g_.node(p).in(0);
        return v;
    }
    void use(ValueId v, int by) {
        if (v != kNone) uses_[static_cast<size_t>(root(v))] += static_cast<size_t>(by);
    }
    size_t own_uses(NodeId id, ValueId memory) const {
        const std::vector<ValueId>& in = g_.node(id).inputs;
        return static_cast<size_t>(std::count_if(in.begin(), in.end(), [&](ValueId v) { return v != kNone && root(v) == memory; }));
    }
    bool frees(NodeId id) const {
        if (is_after(id)) return false;
        const Node& n = g_.node(id);
        size_t taken = 0, freed = 0;
        if (!old_.contains(id))  // else the result takes the old value's memory
            for (ValueId v : n.outputs) taken += bytes(v);
        std::set<ValueId> memory;
        for (ValueId v : n.inputs)
            if (v != kNone) memory.insert(root(v));
        for (ValueId v : memory)
            if (g_.value(v).producer != kNone && uses_[static_cast<size_t>(v)] == own_uses(id, v)) freed += bytes(v);
        return freed > 0 && freed >= taken;
    }
    size_t bytes(ValueId v) const {
        if (v == kNone || !g_.value(v).type.fixed()) return 0;
        return static_cast<size_t>(count_of(dims_of(g_.value(v).type.shape))) * dtype_size(g_.value(v).type.dtype);
    }

    const Graph& g_;
    std::vector<int> missing_;
    std::vector<size_t> uses_;  ///< of a value's memory, to come
    std::map<NodeId, std::vector<ValueId>> old_;  ///< what a node gives a new value
    std::map<NodeId, std::pair<NodeId, NodeId>> rank_;  ///< the smaller goes first
    std::map<NodeId, std::vector<NodeId>> after_;        ///< nodes that wait for a node whose result they do not read
    std::set<std::pair<NodeId, NodeId>> ready_;
};

}  // namespace

std::vector<NodeId> lean_order(const Graph& g) { return Scheduler(g).run(); }

}  // namespace hone
