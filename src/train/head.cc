// SPDX-License-Identifier: Apache-2.0
#include "train/head.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/rng.h"
#include "op/op.h"

namespace hone::train {
namespace {

/// What may stand between the last layer and the output: operators of one computed operand.
bool passes_on(const Node& n) {
    static const std::set<std::string> ops = {
        "Identity", "Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Relu", "LeakyRelu", "Clip", "Softplus", "HardSigmoid", "Cast", "Dropout",
        "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "GlobalAveragePool", "GlobalMaxPool", "AveragePool", "MaxPool", "ReduceMean",
        "ReduceMax", "Add", "Sub", "Mul", "Div"};
    return n.domain.empty() && ops.contains(n.op);
}

class Head {
  public:
    Head(const Graph& g, int64_t outputs, uint64_t seed) : out_{g.compacted(), {}, {}, outputs_of(g), outputs}, g_(out_.graph), seed_(seed) {
        if (outputs < 1 || outputs > 1 << 24) fail(ErrorKind::usage, "train.head", cat("a head of ", outputs, " outputs"), "1 to 16,777,216.");
    }

    NewHead run() {
        const NodeId layer = find();
        out_.layer = g_.node(layer).name;
        make_weights(layer);
        for (NodeId id : behind_) widen(id);
        forget_types(layer);
        infer_graph(g_);
        const int64_t now = outputs_of(g_);
        if (now != out_.outputs) refuse(cat("its first output is ", to_text(g_.value(g_.outputs[0]).type), " with a last layer of ", out_.outputs), layer);
        g_.metadata.erase("hone.architecture");
        g_ = g_.compacted();
        return std::move(out_);
    }

  private:
    [[noreturn]] void refuse(const std::string& what, NodeId at) const {
        fail(ErrorKind::model, "train.head", cat("the network has no head that can be made anew: ", what),
             "The first output must come from one Gemm, MatMul or Conv through activations, means and views. `hone inspect MODEL` lists the layers.",
             at == kNone ? "" : cat("node '", g_.node(at).name, "' (", g_.node(at).op, ")"));
    }
    /// Made of constants alone.
    bool fixed(ValueId v) const {
        if (g_.value(v).is_constant()) return true;
        const NodeId p = g_.value(v).producer;
        if (p == kNone) return false;
        const Node& n = g_.node(p);
        return !n.inputs.empty() && std::all_of(n.inputs.begin(), n.inputs.end(), [&](ValueId i) { return i == kNone || fixed(i); });
    }
    bool is_layer(const Node& n) const {
        if (!n.is("Gemm") && !n.is("MatMul") && !n.is("Conv")) return false;
        return fixed(n.in(1)) && !fixed(n.in(0));
    }

    /// Back from the output, by the one computed operand of each node.
    NodeId find() {
        if (g_.outputs.empty()) refuse("it has no output", kNone);
        for (ValueId v = g_.outputs[0];;) {
            const NodeId id = g_.value(v).producer;
            if (id == kNone) refuse("no layer with weights comes before the first output", kNone);
            const Node& n = g_.node(id);
            if (is_layer(n)) return id;
            if (!passes_on(n)) refuse(cat("a ", n.op, " stands before the first output"), id);
            std::vector<ValueId> computed;
            for (ValueId i : n.inputs)
                if (i != kNone && !fixed(i)) computed.push_back(i);
            if (computed.size() != 1) refuse("several branches meet behind the last layer", id);
            behind_.push_back(id);
            v = computed[0];
        }
    }

    /// In place of an operand: fresh numbers of the same type.
    void replace(NodeId id, size_t input, const Dims& dims, int64_t fan_in) {
        const ValueId old = g_.node(id).in(input);
        const Value before = g_.value(old);
        const bool own = before.is_constant() && before.users.size() == 1 && !g_.is_output(old);
        const std::string name = own ? before.name : g_.unique_name(cat(g_.node(id).name, input == 1 ? ".weight" : ".bias"));
        if (own) g_.rename_value(old, g_.unique_name(name + ".before"));
        Tensor t = Tensor::zeros(before.type.dtype, dims);
        Rng rng(derive_seed(seed_, out_.parameters.size(), 0x4EAD));
        const double bound = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, fan_in)));
        for (int64_t i = 0; i < t.count(); ++i) t.set(i, bound * (2 * rng.uniform() - 1));
        g_.set_input(id, input, g_.add_constant(name, std::move(t)));
        out_.parameters.push_back(name);
    }

    void make_weights(NodeId id) {
        const Node n = g_.node(id);
        const TypeInfo& type = g_.value(n.in(1)).type;
        if (!type.fixed() || !is_float(type.dtype)) refuse(cat("its weights are ", to_text(type)), id);
        Dims dims = dims_of(type.shape);
        if (dims.size() < 2 || (n.is("MatMul") && dims.size() != 2)) refuse(cat("its weights are ", to_text(type)), id);
        const auto flag = [&](const char* name, int64_t fallback) {
            const auto it = n.attributes.find(name);
            return it == n.attributes.end() ? fallback : std::get<int64_t>(it->second);
        };
        if (n.is("Conv") && flag("group", 1) != 1) refuse("its last convolution has groups", id);
        const size_t axis = n.is("Conv") || (n.is("Gemm") && flag("transB", 0)) ? 0 : 1;
        old_ = dims[axis];
        fan_in_ = count_of(dims) / std::max<int64_t>(1, old_);
        dims[axis] = out_.outputs;
        replace(id, 1, dims, fan_in_);
        if (n.in(2) != kNone) widen_operand(id, 2);
    }

    /// A constant that holds a number an output: a bias is drawn anew, a shape follows.
    void widen_operand(NodeId id, size_t input) {
        const ValueId v = g_.node(id).in(input);
        const TypeInfo& type = g_.value(v).type;
        if (!type.fixed()) refuse(cat("'", g_.value(v).name, "' has unknown dims"), id);
        Dims dims = dims_of(type.shape);
        if (count_of(dims) == 1 && old_ != 1) return;  // a scale of all
        const Node& n = g_.node(id);
        const bool bias = n.is("Add") || input == 2;
        if (dims.empty() || (!bias && count_of(dims) == 1)) return;
        if (!bias || count_of(dims) != old_ || !is_float(type.dtype)) refuse(cat("'", g_.value(v).name, "', ", to_text(type), ", holds numbers for the outputs"), id);
        *std::find(dims.begin(), dims.end(), old_) = out_.outputs;
        replace(id, input, dims, fan_in_);
    }
    void widen(NodeId id) {
        const Node n = g_.node(id);
        if (n.is("Reshape")) return reshape(id);
        if (!n.is("Add") && !n.is("Sub") && !n.is("Mul") && !n.is("Div")) return;
        for (size_t i = 0; i < n.inputs.size(); ++i)
            if (n.in(i) != kNone && fixed(n.in(i))) widen_operand(id, i);
    }
    void reshape(NodeId id) {
        const ValueId v = g_.node(id).in(1);
        if (!g_.value(v).is_constant()) return;  // it follows
        std::vector<int64_t> dims = g_.value(v).constant.to_i64();
        const auto at = std::find(dims.rbegin(), dims.rend(), old_);
        if (at == dims.rend()) return;
        *at = out_.outputs;
        g_.set_input(id, 1, g_.add_constant(g_.unique_name(g_.value(v).name + ".head"), Tensor::of_i64(dims)));
    }

    /// Of all that comes from the layer: inferred again.
    void forget_types(NodeId layer) {
        std::vector<NodeId> todo = {layer};
        std::set<NodeId> seen;
        while (!todo.empty()) {
            const NodeId id = todo.back();
            todo.pop_back();
            if (!seen.insert(id).second) continue;
            for (ValueId v : g_.node(id).outputs) {
                if (v == kNone) continue;
                g_.value(v).type = {};
                todo.insert(todo.end(), g_.value(v).users.begin(), g_.value(v).users.end());
            }
        }
    }

    NewHead out_;
    Graph& g_;
    uint64_t seed_;
    std::vector<NodeId> behind_;
    int64_t old_ = 0, fan_in_ = 1;
};

}  // namespace

NewHead with_new_head(const Graph& g, int64_t outputs, uint64_t seed) { return Head(g, outputs, seed).run(); }

int64_t outputs_of(const Graph& g) {
    if (g.outputs.empty()) return 0;
    const TypeInfo& t = g.value(g.outputs[0]).type;
    if (!t.rank_known || t.shape.size() < 2 || !t.shape[1].known()) return 0;
    return t.shape[1].value;
}

}  // namespace hone::train
