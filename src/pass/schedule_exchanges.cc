// SPDX-License-Identifier: Apache-2.0
// Puts the exchanges of a training step (pass/exchange.h) in their places: a bucket starts as soon as its values are there;
// what needs no mean comes before all that does; all buckets are waited for before anything is done with their means. So a
// run that ends because another rank did leaves every state that comes of a mean as it was.
#include <algorithm>
#include <map>
#include <set>

#include "pass/list.h"

namespace hone::passes {
namespace {

bool is_start(const Node& n) { return n.is("AllReduceStart", "hone"); }
bool is_wait(const Node& n) { return n.is("AllReduceWait", "hone"); }

class Scheduler {
  public:
    explicit Scheduler(const Graph& g) : g_(g), order_(g.order()), late_(static_cast<size_t>(g.node_count())) {}
    const std::vector<NodeId>& order() const { return order_; }

    std::vector<NodeId> run() {
        for (const NodeId id : order_) {
            const std::set<NodeId> before = producers(id);
            late_[at(id)] = is_wait(g_.node(id)) || std::any_of(before.begin(), before.end(), [&](NodeId p) { return late_[at(p)]; });
            if (is_start(g_.node(id)) && !late_[at(id)]) missing_[id] = before;
        }
        start_ready(kNone);
        for (const NodeId id : order_) {
            if (late_[at(id)] || is_start(g_.node(id))) continue;
            out_.push_back(id);
            start_ready(id);
        }
        HONE_CHECK(missing_.empty(), "a bucket that never starts");
        append_late();
        return std::move(out_);
    }

  private:
    static size_t at(NodeId id) { return static_cast<size_t>(id); }
    std::set<NodeId> producers(NodeId id) const {
        std::set<NodeId> all;
        for (const ValueId v : g_.node(id).inputs)
            if (v != kNone && g_.value(v).producer != kNone) all.insert(g_.value(v).producer);
        return all;
    }
    void start_ready(NodeId done) {
        for (auto it = missing_.begin(); it != missing_.end();) {
            it->second.erase(done);
            if (!it->second.empty()) {
                ++it;
                continue;
            }
            out_.push_back(it->first);
            started_.push_back(it->first);
            it = missing_.erase(it);
        }
    }
    /// The waits for what started above, in that order; then the rest as it was.
    void append_late() {
        std::map<NodeId, NodeId> wait_of;
        for (const NodeId id : order_)
            if (is_wait(g_.node(id)) && g_.value(g_.node(id).in(0)).producer != kNone) wait_of[g_.value(g_.node(id).in(0)).producer] = id;
        std::set<NodeId> first;
        for (const NodeId start : started_)
            if (const auto w = wait_of.find(start); w != wait_of.end() && only_early(w->second)) out_.push_back(w->second), first.insert(w->second);
        for (const NodeId id : order_)
            if (late_[at(id)] && !first.contains(id)) out_.push_back(id);
    }
    bool only_early(NodeId id) const {
        const std::set<NodeId> before = producers(id);
        return std::none_of(before.begin(), before.end(), [&](NodeId p) { return late_[at(p)]; });
    }

    const Graph& g_;
    const std::vector<NodeId> order_;
    std::vector<bool> late_;  ///< of a node: a wait, or what needs one
    std::vector<NodeId> out_, started_;
    std::map<NodeId, std::set<NodeId>> missing_;  ///< of each bucket that has not started: what it waits for
};

}  // namespace

bool schedule_exchanges(Graph& g, const PassOptions&) {
    bool any = false;
    for (NodeId id = 0; id < g.node_count() && !any; ++id) any = g.node(id).alive && is_wait(g.node(id));
    if (!any) return false;
    Scheduler s(g);
    const std::vector<NodeId> order = s.run();
    if (order == s.order()) return false;
    g = g.compacted(order);
    return true;
}

}  // namespace hone::passes
