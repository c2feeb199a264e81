// SPDX-License-Identifier: Apache-2.0
// The operator declaration: all that is known of one operator, in one place. One file an operator or small family in
// src/op, one line in the list of src/op/list.cc. It knows no kernel: the reference (a plain loop, double where it
// matters) is enough to run anything slowly, fold constants, and test kernels with.
//
//   const OpDecl* d = find_op("", "Conv");
//   std::vector<Tensor> y = interpret_node(*d, node, inputs);      // infer, allocate, reference
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone {

constexpr int kCanonicalOpset = 21;

enum class AttrKind { integer, real, text, tensor, graph, integers, reals, texts };
struct AttrSpec {
    const char* name;
    AttrKind kind;
    std::optional<Attribute> fallback = std::nullopt;  ///< the standard's default; absent: no default
    bool required = false;
};

struct OpDecl;

/// What every context gives: the node and its attributes with the declared defaults.
struct OpContext {
    const OpDecl& op;
    const Node& node;
    bool has(const char* name) const;  ///< given or with a default
    int64_t integer(const char* name) const;
    float real(const char* name) const;
    const std::string& text(const char* name) const;
    const std::vector<int64_t>& integers(const char* name) const;  ///< empty when absent
    const std::vector<float>& reals(const char* name) const;
    const std::vector<std::string>& texts(const char* name) const;
    const Tensor& tensor(const char* name) const;
    const Graph& graph(const char* name) const;
    std::string where() const;  ///< "node 'conv1' (Conv)"
    /// The model is wrong: Error{model, "op.invalid"} at this node.
    [[noreturn]] void refuse(const std::string& message) const;
    /// hone cannot do this: Error{unsupported, "op.unsupported"} at this node; exit code 4.
    [[noreturn]] void unsupported(const std::string& message) const;

  private:
    const Attribute* find(const char* name) const;
};

/// Types in, types out. Works with whatever is known: unknown rank, symbolic dims. `known[i]` is the value of input i
/// where it is constant (always, when a reference is about to run).
struct InferContext : OpContext {
    std::vector<TypeInfo> in;
    std::vector<const Tensor*> known;
    std::vector<TypeInfo> out;  ///< sized to the node's outputs
    size_t inputs() const { return in.size(); }
    bool given(size_t i) const { return i < node.inputs.size() && node.inputs[i] != kNone; }
    const Tensor* value(size_t i) const { return i < known.size() ? known[i] : nullptr; }
    bool rank_known(size_t i) const { return i < in.size() && in[i].rank_known; }
    const Shape& shape(size_t i) const { return in[i].shape; }
    DType dtype(size_t i) const { return i < in.size() ? in[i].dtype : DType::undefined; }
    void set(size_t i, DType t, Shape s) {
        if (i < out.size()) out[i] = TypeInfo::tensor(t, std::move(s));
    }
    void set(size_t i, DType t) {
        if (i < out.size()) out[i] = TypeInfo::tensor(t);
    }
    void set_like(size_t i, size_t input) {
        if (i < out.size()) out[i] = in[input];
    }
};

/// Concrete tensors in, allocated (zeroed) tensors out. Omitted inputs and outputs are undefined tensors.
struct RefContext : OpContext {
    std::vector<Tensor> in;
    std::vector<Tensor> out;
    bool given(size_t i) const { return i < in.size() && in[i].defined(); }
    bool wanted(size_t i) const { return i < out.size() && out[i].defined(); }
};

/// Multiply-accumulates (of Conv, Gemm, MatMul, RNNs) and other floating-point operations at the given static types.
struct Cost {
    double macs = 0, flops = 0;
};
struct CostContext : OpContext {
    std::vector<TypeInfo> in, out;
};

struct GradientContext;  // op/gradient.h

struct OpDecl {
    const char* domain = "";
    const char* name;
    int min_inputs, max_inputs;  ///< max -1: variadic
    int min_outputs, max_outputs;
    std::vector<AttrSpec> attributes;
    void (*infer)(InferContext&);
    void (*reference)(RefContext&);  ///< null: only folds away or is lowered (never the last word)
    Cost (*cost)(const CostContext&) = nullptr;  ///< null: one flop an output element
    double tolerance = 1e-5;         ///< relative, fp32 kernels against the reference
    bool random = false;             ///< Random*, Bernoulli, ...
    bool elementwise = false;        ///< y[i] depends on x[i] alone (after broadcasting): any layout will do
    /// The rule of reverse-mode differentiation (op/gradient.h); null: none, and a gradient that must pass is refused.
    void (*gradient)(GradientContext&) = nullptr;
    bool flat = false;               ///< the gradient is 0 wherever there is one (Floor, Sign): it ends here
    /// Rewrites a node of opset `from` (not 21) into canonical form, in place. Null: nothing changed since opset 1.
    void (*upgrade)(Graph&, NodeId, int from) = nullptr;
    /// The inverse for writing at opset `to`; returns the least opset that can express the node, <= `to` when done.
    int (*downgrade)(Graph&, NodeId, int to) = nullptr;
    int since = 1;                   ///< the first opset that has the operator
};

/// Null when hone has no such operator.
const OpDecl* find_op(const std::string& domain, const std::string& name);
const std::vector<const OpDecl*>& all_ops();

/// Checks counts and attributes of a node against its declaration (errors: model "op.arity", "op.attribute").
void verify_node(const OpDecl& op, const Node& node);
/// Infers the outputs of one node from `in`; verifies first.
std::vector<TypeInfo> infer_node(const OpDecl& op, const Node& node, std::vector<TypeInfo> in,
                                 std::vector<const Tensor*> known);
/// Re-infers the outputs of one node of the graph; a clash with a declared type is refused (model "graph.type").
void infer_outputs(Graph& g, NodeId n);
/// Re-infers every value of the graph in order; declared output types must agree where both are known.
/// Unknown operators are collected into one unsupported error with counts.
void infer_graph(Graph& g);
/// Infer with actual values, allocate, run the reference.
std::vector<Tensor> interpret_node(const OpDecl& op, const Node& node, const std::vector<Tensor>& inputs);
/// Runs the whole graph by references: the oracle. Inputs in graph order.
std::vector<Tensor> interpret_graph(const Graph& g, const std::vector<Tensor>& inputs);
/// As above but every value computed, by id (for tests and `compare`).
std::vector<Tensor> interpret_values(const Graph& g, const std::vector<Tensor>& inputs);
Cost cost_of(const Graph& g, NodeId n);
/// A clone with the symbolic dims of the inputs bound: `bind("N")` -> number; types re-inferred.
Graph specialise(const Graph& g, const std::vector<Dims>& input_dims);

// Shape helpers for declarations.
/// ONNX multidirectional broadcast; symbolic dims merge. Errors through `ctx.refuse`.
Shape broadcast(const InferContext& ctx, const Shape& a, const Shape& b);
/// Axis in [-rank, rank) to [0, rank). Errors through `ctx.refuse`.
int64_t normal_axis(const OpContext& ctx, int64_t axis, int64_t rank);
/// For reading a broadcast input: strides of `dims` aligned to `out`, 0 where broadcast.
Dims broadcast_strides(const Dims& dims, const Dims& out);
/// Calls f(out_index, offset_a...) — walks `out` in row-major order keeping offsets for each stride vector.
void walk(const Dims& out, const std::vector<Dims>& strides, const std::function<void(int64_t, const int64_t*)>& f);

}  // namespace hone
