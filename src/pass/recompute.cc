// SPDX-License-Identifier: Apache-2.0
#include "pass/recompute.h"

#include <algorithm>
#include <set>

#include "op/builder.h"

namespace hone {
namespace {

/// Its result may differ the second time, or others would have to take part.
bool runs_once(const Node& n) {
    const OpDecl* op = find_op(n.domain, n.op);
    return op->random || (n.domain == "hone" && n.op.starts_with("AllReduce"));
}

constexpr double kGradients = 3;  ///< of an activation: what arrives, what is passed on, and a branch's
constexpr double kWeightGradients = 2;  ///< of a weight, in f32: the gradient, and a thread's part of the sum

double bytes_of(const TypeInfo& t) { return t.fixed() ? static_cast<double>(count_of(dims_of(t.shape))) * static_cast<double>(dtype_size(t.dtype)) : 0; }

class Recompute {
  public:
    Recompute(Graph& g, const std::vector<ValueId>& weights, const std::map<NodeId, NodeId>& differentiates)
        : g_(g), weights_(weights.begin(), weights.end()), differentiates_(differentiates) {
        std::set<NodeId> behind;  // gradients and what reads them
        for (NodeId id : g.order()) {
            const Node& n = g.node(id);
            const bool reads = std::any_of(n.inputs.begin(), n.inputs.end(), [&](ValueId v) { return v != kNone && behind.contains(g.value(v).producer); });
            if (reads || differentiates.contains(id)) behind.insert(id);
            else position_[id] = forward_.size(), forward_.push_back(id);
        }
    }

    SizedForward run(Segments ends) {
        SizedForward forward = sizes();
        if (ends.empty()) ends = segmentations(forward)[0];
        HONE_CHECK(ends.back() == forward_.size(), ends.back(), " of ", forward_.size());
        for (size_t k = ends.size(); k-- > 1;) again(k < 2 ? 0 : ends[k - 2], ends[k - 1]);
        return forward;
    }

  private:
    size_t position(ValueId v) const {  ///< of what makes it on the way forward; past the end for what is not made there
        const auto it = position_.find(g_.value(v).producer);
        return it == position_.end() ? forward_.size() : it->second;
    }
    bool is_forward(NodeId id) const { return position_.contains(id); }

    /// Of normalisation and ReLU alone: what is computed again from what was normalised by fuse_batch_norm.
    bool computed_anyway(const Node& n) const {
        if (!n.is("Relu")) return false;
        const NodeId norm = g_.value(n.in(0)).producer;
        return norm != kNone && g_.node(norm).is("BatchNormalization");
    }
    SizedForward sizes() const {
        SizedForward out;
        for (size_t i = 0; i < forward_.size(); ++i) {
            const Node& n = g_.node(forward_[i]);
            out.passing.push_back(0);
            for (ValueId v : n.inputs)
                if (weights_.contains(v)) out.passing[i] = kWeightGradients * 4 * bytes_of(g_.value(v).type) / static_cast<double>(dtype_size(g_.value(v).type.dtype));
            for (ValueId v : n.outputs) {
                if (v == kNone) continue;
                SizedValue s{.made = i, .last = i, .kept = false, .bytes = bytes_of(g_.value(v).type)};
                out.passing[i] += kGradients * s.bytes;
                for (NodeId u : g_.value(v).users) {
                    if (is_forward(u)) s.last = std::max(s.last, position_.at(u));
                    else s.kept |= !computed_anyway(n);
                }
                out.values.push_back(s);
            }
        }
        return out;
    }

    /// Computes again what the way back reads of nodes [begin, end) and what does not cross `end`.
    void again(size_t begin, size_t end) {
        begin_ = begin, end_ = end;
        waits_ = frontier();
        if (waits_.empty()) return;
        made_.clear();
        behind_.clear();
        for (size_t i = begin; i < end; ++i) {
            const std::vector<ValueId> outputs = g_.node(forward_[i]).outputs;
            for (ValueId v : outputs) {
                if (v == kNone || !here(v)) continue;
                std::vector<std::pair<NodeId, size_t>> readers;
                for (NodeId u : std::set<NodeId>(g_.value(v).users.begin(), g_.value(v).users.end()))
                    if (!is_forward(u) && !clones_.contains(u))
                        for (size_t k = 0; k < g_.node(u).inputs.size(); ++k)
                            if (g_.node(u).in(k) == v) readers.emplace_back(u, k);
                if (readers.empty()) continue;
                const ValueId copy = made_again(v);
                if (copy == v) continue;
                for (const auto& [u, k] : readers) g_.set_input(u, k, copy);
            }
        }
    }
    /// Made in the segment, and gone at its end.
    bool here(ValueId v) const {
        const size_t at = position(v);
        if (at < begin_ || at >= end_ || g_.is_output(v) || runs_once(g_.node(forward_[at]))) return false;
        return std::all_of(g_.value(v).users.begin(), g_.value(v).users.end(), [&](NodeId u) { return !is_forward(u) || position_.at(u) < end_; });
    }
    /// The gradients that arrive at the segment from behind it.
    std::vector<ValueId> frontier() const {
        std::set<ValueId> out;
        const auto mine = [&](NodeId gradient) {
            const auto it = differentiates_.find(gradient);
            if (it == differentiates_.end()) return false;
            const auto at = position_.find(it->second);
            if (at == position_.end() || at->second < begin_ || at->second >= end_) return false;
            // What is made of weights alone (a cast) may be anywhere; its gradient is no activation's.
            const std::vector<ValueId>& from = g_.node(it->second).inputs;
            return std::any_of(from.begin(), from.end(), [&](ValueId v) { return v != kNone && !g_.value(v).is_constant() && !weights_.contains(v); });
        };
        for (const auto& [gradient, of] : differentiates_) {
            if (!g_.node(gradient).alive || !mine(gradient)) continue;
            for (ValueId v : g_.node(gradient).inputs) {
                if (v == kNone || g_.value(v).is_constant()) continue;
                const NodeId from = g_.value(v).producer;
                if (from != kNone && !is_forward(from) && !clones_.contains(from) && !mine(from)) out.insert(v);
            }
        }
        return {out.begin(), out.end()};
    }
    ValueId behind(ValueId v) {
        const auto it = behind_.find(v);
        if (it != behind_.end()) return it->second;
        std::vector<ValueId> in{v};
        in.insert(in.end(), waits_.begin(), waits_.end());
        Builder b(g_, g_.value(v).name);
        const ValueId after = b.node("After", in, {}, "hone");
        clones_.insert(g_.value(after).producer);
        return behind_[v] = after;
    }
    /// The same value computed again; v itself where nothing could make it wait.
    ValueId made_again(ValueId v) {
        if (const auto it = made_.find(v); it != made_.end()) return it->second;
        const NodeId id = g_.value(v).producer;
        const Node n = g_.node(id);
        std::vector<ValueId> in = n.inputs;
        const bool by_batch = n.is("BatchNormalization") && n.attributes.contains("training_mode") && std::get<int64_t>(n.attributes.at("training_mode"));
        if (by_batch) in[3] = n.in(1), in[4] = n.in(2);  // old running statistics go into new ones alone, which are not asked for
        bool waits = false;
        for (ValueId& x : in) {
            if (x == kNone || g_.value(x).producer == kNone) continue;
            const ValueId from = x;
            x = here(x) ? made_again(x) : behind(x);
            waits |= x != from;
        }
        if (!waits) {
            const auto first = std::find_if(in.begin(), in.end(), [&](ValueId x) { return x != kNone && !g_.value(x).is_constant(); });
            if (first == in.end()) return made_[v] = v;
            *first = behind(*first);
        }
        size_t outputs = 0;
        for (size_t i = 0; i < n.outputs.size(); ++i)
            if (n.outputs[i] != kNone && !(by_batch && i)) outputs = i + 1;
        Builder b(g_, n.name + ":again", n.origins);
        const std::vector<ValueId> out = b.nodes(n.op, in, static_cast<int>(outputs), n.attributes, n.domain);
        clones_.insert(g_.value(out[0]).producer);
        for (size_t i = 0; i < outputs; ++i)
            if (n.outputs[i] != kNone) made_[n.outputs[i]] = out[i];
        return made_.at(v);
    }

    Graph& g_;
    std::set<ValueId> weights_;
    const std::map<NodeId, NodeId>& differentiates_;
    std::vector<NodeId> forward_;
    std::map<NodeId, size_t> position_;
    size_t begin_ = 0, end_ = 0;
    std::vector<ValueId> waits_;
    std::map<ValueId, ValueId> made_, behind_;
    std::set<NodeId> clones_;
};

}  // namespace

SizedForward recompute_activations(Graph& g, const std::vector<ValueId>& weights, const std::map<NodeId, NodeId>& differentiates, Segments ends) {
    return Recompute(g, weights, differentiates).run(std::move(ends));
}

}  // namespace hone
