// SPDX-License-Identifier: Apache-2.0
// Vector kernels for everything that is not a convolution or a matrix product. The planner calls the functions of
// `table()` on ranges that it cuts, and makes a Broadcast or a Permute once per node.
//
//   const vec::Table& t = vec::table();
//   t.binary[int(vec::Binary::add)].nd(vec::make_broadcast(y_dims, a_dims, b_dims), a, b, y, 0, count);
//   vec::permute(vec::make_permute(x_dims, {0, 2, 3, 1}), 4, x, y);
#pragma once
#include "base/cpu.h"
#include "base/shape.h"
#include "kernel/vector/table.h"

namespace hone::vec {

/// The table for usable_isa(), looked up at each call (cheap), so that a cap set by a test is obeyed.
const Table& table();
/// The table of scalar, avx2 or avx512 (higher levels give avx512). The machine must have it.
const Table& table_for(Isa isa);

/// Numpy broadcasting of a and b to y. HONE_CHECKs that they broadcast and that it collapses to at most 8 dims.
Broadcast make_broadcast(const Dims& y, const Dims& a, const Dims& b);

/// A transposition of any rank, collapsed. Cut it by ranges of `outer`.
struct Permute {
    Dims dims;       ///< of y, outermost first, after collapsing; the last `inner_rank` of them are done as one block
    Dims strides;    ///< of x for each of dims, in elements
    int inner_rank = 1;  ///< 1: contiguous or strided run; 2: a transposed pair, cut into blocks of rows
    int64_t outer = 1;   ///< how many blocks there are
};
/// y.dims[i] = x.dims[perm[i]], as ONNX Transpose.
Permute make_permute(const Dims& x, const std::vector<int64_t>& perm);
/// Blocks [begin, end) of outer; end < 0 means all. Pointers are to element 0. element_bytes is 1, 2, 4 or 8.
void permute(const Permute& p, size_t element_bytes, const void* x, void* y, int64_t begin = 0, int64_t end = -1);

}  // namespace hone::vec
