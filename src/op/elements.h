// SPDX-License-Identifier: Apache-2.0
// Moving elements of any type, strings included, and reading small integer inputs: what the shape operators share.
//
//   copy_strided(c.in[0], 0, permuted_strides, c.out[0]);
#pragma once
#include <functional>

#include "op/op.h"

namespace hone {

inline unsigned long number(size_t v) { return static_cast<unsigned long>(v); }
bool is_any(DType t);     ///< every element type that hone holds
bool is_signed(DType t);  ///< signed integers
bool is_unsigned(DType t);

/// `n` consecutive elements. Both tensors have one type.
void copy_elements(const Tensor& from, int64_t from_index, Tensor& to, int64_t to_index, int64_t n);
void copy_all(const Tensor& from, Tensor& to);
/// to[i] = from[offset + strides . index(i)], walking `to` in row-major order. Strides may be 0 or negative.
void copy_strided(const Tensor& from, int64_t offset, const Dims& strides, Tensor& to);

/// Integers of input `i`, which must be i32 or i64 and of rank 1 (or a scalar): refuses otherwise. Null when not known.
std::optional<Dims> known_integers(const InferContext& c, size_t i);
/// The number of elements of a vector input, where known.
std::optional<int64_t> known_length(const InferContext& c, size_t i);
/// Refuses input `i` when its type is known and not one that `accepts` takes.
void require_type_of(const InferContext& c, size_t i, bool (*accepts)(DType), const char* expected);
bool is_index(DType t);  ///< i32, i64
/// Sum of non-negative sizes, checked.
int64_t checked_add(int64_t a, int64_t b);
/// An index that came from a tensor, in [-n, n) to [0, n); refuses others.
int64_t checked_index(const OpContext& c, int64_t index, int64_t n);

}  // namespace hone
