// SPDX-License-Identifier: Apache-2.0
// What declarations share: checks of input types and shapes that work with whatever is known, and whole tensors as
// doubles or int64 for references whose inner loops must not dispatch on the element type.
//
//   const DType t = require_type(c, {0, 1, 2}, is_float, "a float type");
//   require_shape(c, 2, {channels}, "bias");
//   std::vector<double> x = values<double>(c.in[0]);
#pragma once
#include <initializer_list>
#include <type_traits>

#include "op/op.h"

namespace hone {

bool is_number(DType t);  ///< floats and integers
bool is_number_or_bool(DType t);

/// The one element type of the given inputs among `inputs`; refuses a mixture and types that `accepts` does not take.
/// undefined when nothing is known.
DType require_type(const InferContext& c, std::initializer_list<size_t> inputs, bool (*accepts)(DType),
                   const char* expected);
/// The float type that the attribute `to` names: in it sums over samples are delivered; `t` where it is not given.
DType float_to(const OpContext& c, DType t);
/// Refuses input `i` when it is known not to have this shape. Unknown dims of either side agree with all.
void require_shape(const InferContext& c, size_t i, const Shape& expected, const char* what);
/// Refuses input `i` when its rank is known and outside [low, high].
void require_rank(const InferContext& c, size_t i, size_t low, size_t high);
/// Refuses input `i` when it is known not to be one number (a scalar, [1]) or, where `n` is given, a vector of n.
void require_one(const InferContext& c, size_t i, const char* what);
void require_one_or(const InferContext& c, size_t i, const Dim& n, const char* what);
/// The more precise of two dims that must agree; refuses when they do not.
Dim agree(const OpContext& c, const Dim& a, const Dim& b, const char* what);
/// Product of dims, unknown when one is (0 when one is 0).
Dim product(const Shape& s, size_t begin, size_t end);

/// Product of dims [begin, end), checked.
int64_t count_between(const Dims& d, size_t begin, size_t end);

/// a + b and a * b; int64 wraps around as fixed-size integers do.
template <class T>
T wrapping_add(T a, T b) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    else return a + b;
}
template <class T>
T wrapping_mul(T a, T b) {
    if constexpr (std::is_integral_v<T>) return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    else return a * b;
}

/// All elements as T (double or int64_t).
template <class T>
std::vector<T> values(const Tensor& t);
/// Stores all elements: conversion as store_double and store_int.
template <class T>
void assign(Tensor& t, const std::vector<T>& v);

/// Round half to even, then into the range of an integer type.
int64_t round_saturate(double v, DType t);
/// Into the range of an integer type of at most 32 bits (or i64).
int64_t saturate(int64_t v, DType t);

/// int8 specification (architecture, decision 6): saturate(round-half-even(float(acc) * m) + zero), one fp32 multiply.
int64_t requantise(int64_t acc, float m, int64_t zero, DType t);
/// The multiplier of the above: from_scale / to_scale computed in double.
inline float multiplier(double from_scale, double to_scale) { return static_cast<float>(from_scale / to_scale); }

/// All uses of `output` become `by`, a value computed from it; node `keeper` alone goes on reading `output`. For upgrades
/// that append nodes.
void put_after(Graph& g, ValueId output, ValueId by, NodeId keeper);
/// Drops an attribute; for upgrades and downgrades.
inline void drop_attribute(Graph& g, NodeId n, const char* name) { g.node(n).attributes.erase(name); }

}  // namespace hone
