// SPDX-License-Identifier: Apache-2.0
#include "pass/mixed_precision.h"

#include <algorithm>
#include <map>
#include <set>

#include "op/builder.h"

namespace hone {
namespace {

enum class Rule { product, follow, wide };

Rule rule_of(const Node& n) {
    static const std::set<std::string> products = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN"};
    static const std::set<std::string> followers = {
        "Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Gelu", "Erf", "Elu", "Softplus", "Mish",
        "Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Neg", "Abs", "Where", "Dropout",
        "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "LayerNormalization", "RMSNormalization",
        "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Transpose", "Concat", "Split", "Slice", "Gather", "Expand", "Tile",
        "Pad", "Resize", "DepthToSpace", "SpaceToDepth"};
    if (!n.domain.empty()) return Rule::wide;
    return products.contains(n.op) ? Rule::product : followers.contains(n.op) ? Rule::follow : Rule::wide;
}
/// Float inputs that keep their type whatever the activations have.
bool keeps_type(const Node& n, size_t input) {
    return input > 0 && (n.op == "BatchNormalization" || n.op == "Dropout" || n.op == "Resize");
}

class Narrower {
  public:
    Narrower(Graph& g, DType type) : g_(g), type_(type) {}

    bool run() {
        for (NodeId id : g_.order()) place(id);
        if (!changed_) return false;
        for (size_t i = 0; i < g_.outputs.size(); ++i)
            if (is_narrow(g_.outputs[i])) widen_output(i);
        return true;
    }

  private:
    DType dtype(ValueId v) const { return v == kNone ? DType::undefined : g_.value(v).type.dtype; }
    bool is_narrow(ValueId v) const { return v != kNone && narrow_.contains(v); }

    void place(NodeId id) {
        const Node n = g_.node(id);
        const Rule rule = rule_of(n);
        bool any = false, all = true;  // any input narrow; every float input one that a narrow operator could take
        for (size_t i = 0; i < n.inputs.size(); ++i) {
            const ValueId v = n.inputs[i];
            if (v == kNone || !is_float(dtype(v)) || keeps_type(n, i)) continue;
            any = any || is_narrow(v);
            all = all && (is_narrow(v) || dtype(v) == DType::f32);
        }
        const bool narrow = all && (rule == Rule::product ? is_float(dtype(n.in(0))) : rule == Rule::follow && any);
        if (!narrow && !any) return;
        for (size_t i = 0; i < n.inputs.size(); ++i) {
            const ValueId v = n.inputs[i];
            if (v == kNone || keeps_type(n, i)) continue;
            if (narrow && dtype(v) == DType::f32) g_.set_input(id, i, cast(v, type_));
            if (!narrow && is_narrow(v)) g_.set_input(id, i, cast(v, DType::f32));
        }
        changed_ = true;
        if (!narrow) return;
        for (ValueId v : n.outputs)
            if (v != kNone) g_.value(v).type = {};
        infer_outputs(g_, id);
        for (ValueId v : n.outputs)
            if (dtype(v) == type_) narrow_.insert(v);
    }

    /// Once a value; what was cast to 16 bits is read before the cast where f32 is wanted.
    ValueId cast(ValueId v, DType to) {
        if (const auto it = casts_.find(v); it != casts_.end()) return it->second;
        const Value value = g_.value(v);
        ValueId out;
        if (value.is_constant()) {
            out = g_.add_constant(g_.unique_name(cat(value.name, ":", dtype_name(to))), value.constant.cast(to));
        } else {
            const NodeId producer = value.producer;
            const std::vector<std::string> origins = producer == kNone ? std::vector<std::string>{} : g_.node(producer).origins;
            const NodeId c = g_.add_node("", "Cast", {v}, 1, {{"to", static_cast<int64_t>(to)}}, cat(value.name, ":", dtype_name(to)), origins);
            infer_outputs(g_, c);
            out = g_.node(c).out();
        }
        casts_[v] = out;
        casts_[out] = v;
        if (to == type_) narrow_.insert(out);
        return out;
    }

    void widen_output(size_t i) {
        const ValueId v = g_.outputs[i];
        const std::string name = g_.value(v).name;
        const ValueId wide = cast(v, DType::f32);
        g_.outputs[i] = wide;
        if (g_.is_output(v)) return;
        g_.rename_value(v, g_.unique_name(cat(name, ":", dtype_name(type_))));
        g_.rename_value(wide, name);
    }

    Graph& g_;
    DType type_;
    std::set<ValueId> narrow_;
    std::map<ValueId, ValueId> casts_;  ///< each value's twin of the other type
    bool changed_ = false;
};

class Widener {
  public:
    explicit Widener(Graph& g) : g_(g) {}

    ValueId wide(ValueId v) {
        const NodeId p = g_.value(v).producer;
        if (p == kNone || !g_.node(p).is("Cast") || g_.value(v).type.dtype != DType::f32 || !is_narrow_float(g_.value(g_.node(p).in(0)).type.dtype)) return v;
        return of_sum(g_.node(p).in(0));
    }

  private:
    static constexpr int64_t kTo = static_cast<int64_t>(DType::f32);

    /// `v`, the gradient of a weight or a part of it, in f32.
    ValueId of_sum(ValueId v) {
        if (const auto it = done_.find(v); it != done_.end()) return it->second;
        return done_[v] = build(v);
    }
    ValueId build(ValueId v) {
        const NodeId p = g_.value(v).producer;
        if (p == kNone) return cast(v);
        const Node n = g_.node(p);
        static const std::set<std::string> views = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Identity"}, sums = {"Add", "Sum"};
        if (n.domain == "hone") return gives_sums(n, v) ? with_type(p, v) : cast(v);
        if (n.is("Cast") && g_.value(n.in(0)).type.dtype == DType::f32) return n.in(0);
        if (views.contains(n.op)) return again(n, {0}, [&](ValueId x) { return of_sum(x); });
        if (sums.contains(n.op)) return again(n, all_of(n), [&](ValueId x) { return of_sum(x); });
        if (n.is("ReduceSum")) return again(n, {0}, [&](ValueId x) { return cast(x); });
        if (n.is("Mul")) return again(n, all_of(n), [&](ValueId x) { return g_.value(x).is_constant() ? cast(x) : of_sum(x); });
        if (n.is("MatMul") || (n.is("Gemm") && n.in(2) == kNone)) return product(n);
        return cast(v);
    }
    static std::vector<size_t> all_of(const Node& n) {
        std::vector<size_t> all;
        for (size_t i = 0; i < n.inputs.size(); ++i) all.push_back(i);
        return all;
    }
    /// Outputs that are sums over samples, in a type of their own.
    static bool gives_sums(const Node& n, ValueId v) {
        const size_t o = static_cast<size_t>(std::find(n.outputs.begin(), n.outputs.end(), v) - n.outputs.begin());
        if (n.op == "ConvGradWeight") return true;
        if (n.op == "LayerNormGrad") return o >= 1;
        return (n.op == "LSTMGrad" || n.op == "GRUGrad" || n.op == "RNNGrad") && ((o >= 1 && o <= 3) || o == 6);
    }
    /// The node gives its sums in f32 from here on; readers of one that want 16 bits get a cast.
    ValueId with_type(NodeId p, ValueId v) {
        const Node n = g_.node(p);
        g_.node(p).attributes["to"] = kTo;
        for (ValueId o : n.outputs) {
            if (o == kNone || !gives_sums(n, o)) continue;
            const DType before = g_.value(o).type.dtype;
            g_.value(o).type.dtype = DType::f32;
            done_[o] = o;
            std::vector<NodeId> readers = g_.value(o).users;
            std::erase_if(readers, [&](NodeId u) { return g_.node(u).is("Cast"); });
            if (readers.empty()) continue;
            const NodeId back = g_.add_node("", "Cast", {o}, 1, {{"to", static_cast<int64_t>(before)}}, g_.value(o).name + ":cast", n.origins);
            infer_outputs(g_, back);
            for (NodeId u : readers)
                for (size_t i = 0; i < g_.node(u).inputs.size(); ++i)
                    if (g_.node(u).inputs[i] == o) g_.set_input(u, i, g_.node(back).out());
        }
        return v;
    }
    template <class F>
    ValueId again(const Node& n, const std::vector<size_t>& floats, F wide_of) {
        std::vector<ValueId> in = n.inputs;
        for (size_t i : floats) in[i] = wide_of(in[i]);
        Builder b(g_, n.name + ":f32", n.origins);
        return b.node(n.op, in, n.attributes, n.domain);
    }
    ValueId product(const Node& n) {
        Attributes a = n.attributes;
        a.erase("beta");
        a["to"] = kTo;
        Builder b(g_, n.name + ":f32", n.origins);
        return b.node("Product", {n.in(0), n.in(1)}, a, "hone");
    }
    ValueId cast(ValueId v) {
        const NodeId p = g_.value(v).producer;
        if (p != kNone && g_.node(p).is("Cast") && g_.value(g_.node(p).in(0)).type.dtype == DType::f32) return g_.node(p).in(0);
        Builder b(g_, g_.value(v).name + ":f32", p == kNone ? std::vector<std::string>{} : g_.node(p).origins);
        return b.cast(v, DType::f32);
    }

    Graph& g_;
    std::map<ValueId, ValueId> done_;
};

}  // namespace

bool narrow_activations(Graph& g, DType type) {
    HONE_CHECK(is_narrow_float(type), dtype_name(type));
    return Narrower(g, type).run();
}

std::vector<ValueId> widen_gradients(Graph& g, const std::vector<ValueId>& gradients) {
    Widener widener(g);
    std::vector<ValueId> out;
    for (ValueId v : gradients) out.push_back(widener.wide(v));
    return out;
}

}  // namespace hone
