// SPDX-License-Identifier: Apache-2.0
// Which values become u8 when given layers do.
#include "compress/quantize.h"
#include "pass/match.h"

namespace hone::compress {

namespace {

bool moves_values(const Node& n) {
    return n.domain.empty() && (n.op == "MaxPool" || n.op == "Flatten" || n.op == "Reshape" || n.op == "Transpose" || n.op == "Squeeze" || n.op == "Unsqueeze");
}
bool clips(const Graph& g, const Node& n) {
    if (n.is("Relu")) return true;
    if (!n.is("Clip")) return false;
    return passes::activation_of(g, n).has_value();
}
/// One number in, one out, whatever its place.
bool curves(const Graph& g, const Node& n) {
    static const std::set<std::string> always = {"Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Erf", "Softplus", "Elu", "Mish", "Exp", "Gelu", "LeakyRelu"};
    static const std::set<std::string> with_constant = {"Add", "Sub", "Mul", "Div"};
    if (!n.domain.empty()) return false;
    if (always.contains(n.op) || clips(g, n)) return true;
    if (!with_constant.contains(n.op)) return false;
    double scalar = 0;
    return scalar_constant(g, n.in(0), &scalar) || scalar_constant(g, n.in(1), &scalar);
}

class Marker {
  public:
    Marker(const Graph& g, const std::set<NodeId>& layers, Curved curved, const std::set<std::string>& keep_float)
        : g_(g), layers_(layers), curved_(curved), keep_float_(keep_float), order_(g.order()) {
        for (size_t i = 0; i < order_.size(); ++i) position_[order_[i]] = i;
    }

    std::map<ValueId, ValueId> run() {
        for (NodeId l : layers_) mark(g_.node(l).in(0));
        bool changed = true;
        while (changed) {
            changed = false;
            for (auto it = order_.rbegin(); it != order_.rend(); ++it) changed |= visit(g_.node(*it));
        }
        std::map<ValueId, ValueId> out;
        for (ValueId v : marked_) out[v] = root(v);
        return out;
    }

  private:
    bool can_mark(ValueId v) const {
        return v != kNone && !g_.value(v).is_constant() && g_.value(v).type.dtype == DType::f32 && !keep_float_.contains(g_.value(v).name);
    }
    bool mark(ValueId v) { return can_mark(v) && marked_.insert(v).second; }
    bool is_marked(ValueId v) const { return marked_.contains(v); }
    /// A value and what a clipping activation makes of it, where that is its only use.
    ValueId after_activation(ValueId v) const {
        const NodeId user = g_.sole_user(v);
        return user != kNone && clips(g_, g_.node(user)) && g_.node(user).in(0) == v ? g_.node(user).out() : v;
    }
    ValueId before_activation(ValueId v) const {
        const NodeId p = g_.value(v).producer;
        return p != kNone && clips(g_, g_.node(p)) && g_.sole_user(g_.node(p).in(0)) == p ? g_.node(p).in(0) : v;
    }
    bool residual_add(const Node& n) const {
        if (!n.is("Add") || n.in(0) == n.in(1)) return false;
        const TypeInfo &a = g_.value(n.in(0)).type, &b = g_.value(n.in(1)).type;
        return can_mark(n.in(0)) && can_mark(n.in(1)) && a.rank_known && b.rank_known && a.shape == b.shape;
    }
    bool product(const Node& n) const {
        return curved_ != Curved::stays_float && n.is("Mul") && can_mark(n.in(0)) && can_mark(n.in(1)) && n.in(0) != n.in(1);
    }
    /// The one value that v is a curve of: x of x * sigmoid(x). kNone where there is none, or where a value on the way
    /// has users elsewhere.
    ValueId curve_of(ValueId v) const {
        if (curved_ == Curved::stays_float || g_.value(v).producer == kNone) return kNone;
        std::set<ValueId> open = {v};
        std::set<NodeId> taken;
        ValueId found = kNone;
        bool curved = false;
        for (int steps = 0; steps < 12; ++steps) {
            ValueId latest = kNone;
            for (ValueId o : open)
                if (g_.value(o).producer != kNone && (latest == kNone || position_.at(g_.value(o).producer) > position_.at(g_.value(latest).producer))) latest = o;
            if (latest == kNone || (latest == found && is_marked(latest))) break;
            const Node& n = g_.node(g_.value(latest).producer);
            const bool joins = n.is("Mul") && can_mark(n.in(0)) && can_mark(n.in(1)) && g_.value(n.in(0)).type == g_.value(n.in(1)).type;
            if (!joins && !curves(g_, n)) break;
            if (latest != v)
                for (NodeId u : g_.value(latest).users)
                    if (!taken.contains(u)) return found;
            if (latest != v && g_.is_output(latest)) return found;
            curved |= !clips(g_, n);
            taken.insert(g_.value(latest).producer);
            open.erase(latest);
            for (ValueId in : n.inputs)
                if (in != kNone && !g_.value(in).is_constant()) open.insert(in);
            if (open.size() == 1 && curved) found = *open.begin();
        }
        return found;
    }
    /// v would come out of an integer operator.
    bool from_integers(ValueId v, int depth = 0) const {
        if (is_marked(v)) return true;
        if (depth > 64) return false;
        const NodeId p = g_.value(before_activation(v)).producer;
        if (p == kNone) return false;
        const Node& n = g_.node(p);
        if (layers_.contains(p)) return true;
        if (moves_values(n)) return from_integers(n.in(0), depth + 1);
        if (curved_ != Curved::stays_float) {
            if (n.is("GlobalAveragePool")) return from_integers(n.in(0), depth + 1);
            if (const ValueId x = curve_of(v); x != kNone && from_integers(x, depth + 1)) return true;
            if (product(n)) return from_integers(n.in(0), depth + 1) && from_integers(n.in(1), depth + 1);
        }
        return residual_add(n) && from_integers(n.in(0), depth + 1) && from_integers(n.in(1), depth + 1);
    }
    bool visit(const Node& n) {
        if (n.outputs.empty() || n.out() == kNone) return false;
        if (moves_values(n) && n.outputs.size() == 1 && is_marked(n.out()) && can_mark(n.in(0))) {
            const bool fresh = mark(n.in(0));
            return share_.emplace(n.out(), n.in(0)).second || fresh;
        }
        if ((n.is("GlobalAveragePool") || n.is("AveragePool")) && is_marked(n.out()) && from_integers(n.in(0))) return mark(n.in(0));
        if (residual_add(n) && is_marked(after_activation(n.out())) && from_integers(n.in(0)) && from_integers(n.in(1))) {
            const bool a = mark(n.in(0)), b = mark(n.in(1));
            return a || b;
        }
        return curved_ != Curved::stays_float && is_marked(n.out()) && visit_curve(n);
    }
    bool visit_curve(const Node& n) {
        const ValueId x = curve_of(n.out());
        if (x != kNone && from_integers(x)) {
            bool fresh = mark(x);
            if (curved_ == Curved::every_node)
                for (ValueId in : n.inputs)
                    if (in != kNone && curve_of(in) == x) fresh |= mark(in);
            return fresh;
        }
        if (!product(n) || !from_integers(n.in(0)) || !from_integers(n.in(1))) return false;
        const bool a = mark(n.in(0)), b = mark(n.in(1));
        return a || b;
    }
    ValueId root(ValueId v) const {
        for (auto it = share_.find(v); it != share_.end(); it = share_.find(v)) v = it->second;
        return v;
    }

    const Graph& g_;
    const std::set<NodeId>& layers_;
    const Curved curved_;
    const std::set<std::string>& keep_float_;
    const std::vector<NodeId> order_;
    std::map<NodeId, size_t> position_;
    std::set<ValueId> marked_;
    std::map<ValueId, ValueId> share_;
};

}  // namespace

std::map<ValueId, ValueId> values_to_quantize(const Graph& g, const std::set<NodeId>& layers, Curved curved, const std::set<std::string>& keep_float) {
    return Marker(g, layers, curved, keep_float).run();
}

}  // namespace hone::compress
