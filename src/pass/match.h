// SPDX-License-Identifier: Apache-2.0
// Small questions that several passes ask of a graph.
#pragma once
#include <optional>

#include "pass/pass.h"

namespace hone::passes {

/// An activation node that a Conv or Gemm can take into its epilogue.
struct Activation {
    std::string name;  ///< as in op/fused.h
    float alpha = 0, beta = 0;
};
/// Empty when `n` is no such node (Clip needs constant limits).
std::optional<Activation> activation_of(const Graph& g, const Node& n);

/// An elementwise operator of one or two inputs, all of this type, that a vector kernel computes in f32
/// (plan/lower_elementwise.cc).
bool vector_elementwise(const Graph& g, const Node& n, DType type = DType::f32);

/// A QuantizeLinear or DequantizeLinear with constant per-tensor or per-axis parameters.
struct QuantParams {
    Tensor scale;        ///< f32, [1] or [n]
    int64_t zero_point;  ///< one for all
    DType type;          ///< of the quantised side
    int64_t axis;        ///< meaningful with scale.count() > 1
    double scalar() const { return scale.at(0); }
    bool per_tensor() const { return scale.count() == 1; }
    bool same(const QuantParams& o) const {
        return type == o.type && zero_point == o.zero_point && scale.same_bits(o.scale);
    }
};
std::optional<QuantParams> quant_params(const Graph& g, const Node& n);
/// The DequantizeLinear that makes v, or kNone.
NodeId dequantizer_of(const Graph& g, ValueId v);
int64_t int_attribute(const Node& n, const char* name, int64_t fallback);
float real_attribute(const Node& n, const char* name, float fallback);
/// Calls `rewrite` (true when it changed something) for every living node in order, and removes what nobody uses then.
bool rewrite_nodes(Graph& g, bool (*rewrite)(Graph&, NodeId));
bool is_byte(DType t);  ///< u8 or i8
bool same_fixed_shape(const Graph& g, ValueId a, ValueId b);

}  // namespace hone::passes
