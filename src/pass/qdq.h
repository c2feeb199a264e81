// SPDX-License-Identifier: Apache-2.0
// Steps of the pass lower_qdq that live in sources of their own. Each looks at one node; true when it changed the graph.
#pragma once
#include "graph/graph.h"

namespace hone::passes {

/// At a QuantizeLinear: what lies between it and one 8-bit value, all elementwise, becomes hone.QTable.
bool lower_table(Graph& g, NodeId id);
/// DQ, DQ -> Mul -> Q becomes hone.QMul.
bool lower_q_mul(Graph& g, NodeId id);
/// DQ -> GlobalAveragePool -> Q becomes hone.QGlobalAveragePool.
bool lower_q_average(Graph& g, NodeId id);

}  // namespace hone::passes
