// SPDX-License-Identifier: Apache-2.0
// Opset history: what upgrades and downgrades share - moving a value between an attribute and an input.
//
//   integers_to_input(g, n, "axes", 1);                       // Squeeze before 13
//   if (!input_to_integers(g, n, 1, "axes")) return 13;       // the axes are not constant: they stay an input
#pragma once
#include "op/op.h"

namespace hone {

/// Sets input `i`, with omitted ones before it when the node has fewer.
void put_input(Graph& g, NodeId n, size_t i, ValueId v);
/// Omits input `i`; trailing omitted inputs are dropped.
void omit_input(Graph& g, NodeId n, size_t i);
/// A constant named after the node and `what`.
ValueId constant_for(Graph& g, NodeId n, const char* what, Tensor t);
/// The constant of input `i`; null when it is omitted or not constant.
const Tensor* constant_input(const Graph& g, NodeId n, size_t i);
bool has_input(const Graph& g, NodeId n, size_t i);

/// Attribute `name`, when given, becomes an i64 constant at input `i`.
void integers_to_input(Graph& g, NodeId n, const char* name, size_t i);
/// Attribute `name`, when given, becomes a scalar of type `t` at input `i`.
void real_to_input(Graph& g, NodeId n, const char* name, size_t i, DType t = DType::f32);
/// The inverse; false when the input is there and not constant. An omitted input gives no attribute.
bool input_to_integers(Graph& g, NodeId n, size_t i, const char* name);
bool input_to_real(Graph& g, NodeId n, size_t i, const char* name);

/// Rewrites node `n` of opset `from` into canonical form: what its operator's own `upgrade` says, and before 6 the
/// attribute `consumed_inputs`, which any node could have, goes.
void upgrade_node(Graph& g, NodeId n, int from);
/// Gives input `i` this many trailing dims of 1: a constant is reshaped, else an Unsqueeze goes before the node. Refuses a
/// negative number and an input of unknown rank (model "op.invalid", unsupported "op.unsupported").
void append_dims(Graph& g, NodeId n, size_t i, int64_t ones);
/// The `upgrade` of binary operators. Before 7 the second operand broadcast where `broadcast` was 1, its dims beginning at
/// `axis` of the first's (default: ending together, as since then).
void align_operands(Graph& g, NodeId n, int from);

/// The attribute, or `fallback`.
int64_t integer_or(const Node& n, const char* name, int64_t fallback);
std::string text_or(const Node& n, const char* name, const char* fallback);
/// Element type of input `i`, or `fallback` while it is not known.
DType input_type(const Graph& g, NodeId n, size_t i, DType fallback);

}  // namespace hone
