// SPDX-License-Identifier: Apache-2.0
// The network: a graph of nodes in pure SSA form. Values are produced once (by a node, as an input, or constant);
// nodes keep the names of the original nodes they came from (`origins`) through every change. Everything done to a
// network is a pass over this (src/pass).
//
//   Graph g;
//   ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 3}));
//   NodeId n = g.add_node("", "Relu", {x}, 1);
//   g.outputs = {g.node(n).outputs[0]};
#pragma once
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/tensor.h"

namespace hone {

class Graph;
using ValueId = int32_t;
using NodeId = int32_t;
constexpr int32_t kNone = -1;  ///< an omitted optional input or output

/// What is known of a value before it exists. `rank_known` false: nothing is known of its dims.
struct TypeInfo {
    enum class Kind { unknown, tensor, sequence, optional } kind = Kind::unknown;
    DType dtype = DType::undefined;  ///< of the tensor, or of a sequence's or optional's tensors
    bool rank_known = false;
    Shape shape;
    static TypeInfo tensor(DType t) { return {Kind::tensor, t, false, {}}; }
    static TypeInfo tensor(DType t, Shape s) { return {Kind::tensor, t, true, std::move(s)}; }
    static TypeInfo of(const Tensor& t) { return tensor(t.dtype(), shape_of(t.dims())); }
    bool fixed() const { return kind == Kind::tensor && dtype != DType::undefined && rank_known && is_static(shape); }
    bool operator==(const TypeInfo&) const = default;
};
std::string to_text(const TypeInfo& t);  ///< "f32[N,3,28,28]"

using Attribute = std::variant<int64_t, float, std::string, Tensor, std::shared_ptr<const Graph>, std::vector<int64_t>,
                               std::vector<float>, std::vector<std::string>>;
using Attributes = std::map<std::string, Attribute>;

struct Value {
    std::string name;  ///< unique within the graph
    TypeInfo type;
    Tensor constant;         ///< defined for constants (initialisers and folded values)
    NodeId producer = kNone; ///< kNone for inputs and constants
    std::vector<NodeId> users;  ///< one entry a use; kept by Graph
    bool is_constant() const { return constant.defined(); }
};

struct Node {
    std::string domain;  ///< "" is ai.onnx; fused operators are in "hone"
    std::string op;
    std::string name;    ///< unique within the graph
    std::vector<ValueId> inputs, outputs;  ///< kNone where optional ones are omitted
    Attributes attributes;
    std::vector<std::string> origins;  ///< names of the original nodes
    bool alive = true;
    ValueId in(size_t i) const { return i < inputs.size() ? inputs[i] : kNone; }
    ValueId out(size_t i = 0) const { return i < outputs.size() ? outputs[i] : kNone; }
    bool is(std::string_view o, std::string_view d = "") const { return op == o && domain == d; }
};

/// What outlives a run (weights, moments, statistics): graph input `input` reads the old value, graph output `output` is the
/// new one, of the same type. Indices, so that passes need not know of them.
struct State {
    std::string name;
    size_t input, output;
};

class Graph {
  public:
    std::string name = "graph";
    std::vector<ValueId> inputs, outputs;
    std::vector<State> states;
    std::map<std::string, std::string> metadata;  ///< ONNX metadata_props
    std::map<std::string, int> opsets;            ///< of the file it came from, by domain; what it is written as
    int ir_version = 0;
    std::string producer;
    std::string doc;

    ValueId add_value(const std::string& name, TypeInfo type);
    ValueId add_input(const std::string& name, TypeInfo type);
    ValueId add_constant(const std::string& name, Tensor t);
    /// Outputs are fresh values named after the node. `like` gives the origins (kNone: none).
    NodeId add_node(const std::string& domain, const std::string& op, std::vector<ValueId> inputs, int outputs,
                    Attributes attributes = {}, const std::string& name = {}, const std::vector<std::string>& origins = {});
    /// With output values that exist (for readers and subgraph copies).
    NodeId add_node_with(Node node);

    const Value& value(ValueId v) const { return values_[check(v, values_.size())]; }
    Value& value(ValueId v) { return values_[check(v, values_.size())]; }
    const Node& node(NodeId n) const { return nodes_[check(n, nodes_.size())]; }
    /// For op, name, attributes, origins; inputs and outputs change only through the functions below.
    Node& node(NodeId n) { return nodes_[check(n, nodes_.size())]; }
    ValueId value_count() const { return static_cast<ValueId>(values_.size()); }
    NodeId node_count() const { return static_cast<NodeId>(nodes_.size()); }  ///< dead ones included
    int alive_count() const;

    void set_input(NodeId n, size_t index, ValueId v);
    void add_node_input(NodeId n, ValueId v);
    /// Output `index` of the node; a fresh value when it has none yet.
    ValueId add_node_output(NodeId n, size_t index);
    /// Every use of `from`, graph outputs included, becomes `to`. A graph output keeps its name: `to` takes it over
    /// when it has a producer and is not itself an output.
    void replace_uses(ValueId from, ValueId to);
    void remove_node(NodeId n);  ///< its outputs must be unused (checked)
    bool is_output(ValueId v) const;
    bool is_input(ValueId v) const;
    /// Sole user of v when it has exactly one use and is no graph output; else kNone.
    NodeId sole_user(ValueId v) const;
    /// Live nodes in topological order, stable in node id. Throws model "graph.cycle".
    std::vector<NodeId> order() const;
    std::string unique_name(const std::string& base) const;
    ValueId find_value(const std::string& name) const;  ///< kNone when absent
    void rename_value(ValueId v, const std::string& name);  ///< the name must be free
    /// Drops dead nodes and unused values; ids change. Constants are shared, so it is O(nodes).
    /// `in_order`: all living nodes in an order that fits their inputs; from then on that is order(). Empty: order() as it is.
    Graph compacted(const std::vector<NodeId>& in_order = {}) const;
    /// Structure: SSA, users, names, order. Throws internal errors: a pass that breaks it has a bug.
    void check_structure() const;

  private:
    static size_t check(int32_t i, size_t n) {
        HONE_CHECK(i >= 0 && static_cast<size_t>(i) < n, "id ", i, " of ", static_cast<unsigned long>(n));
        return static_cast<size_t>(i);
    }
    void drop_use(ValueId v, NodeId n);
    std::vector<Value> values_;
    std::vector<Node> nodes_;
    std::map<std::string, ValueId> by_name_;
    mutable std::map<std::string, int> next_suffix_;
    std::map<std::string, NodeId> node_names_;
};

/// Readable text: inputs, one line a node with types and attributes, outputs. Large constants are abbreviated.
std::string to_text(const Graph& g);
std::string to_text(const Attribute& a);

}  // namespace hone
