// SPDX-License-Identifier: Apache-2.0
// Elements of any type picked by one index map an axis: slices, padding, tiles, nearest neighbours. Made once a node.
//
//   const Pick p = make_pick(x_dims, {{0, 1}, {-1, 0, 1, 2, -1}}, 4);     // pads the second axis by one
//   pick(p, x, &fill, y, 0, p.rows);
#pragma once
#include <cstddef>
#include <vector>

#include "base/shape.h"

namespace hone::move {

/// A stretch of the innermost mapped axis: `length` positions of y from `to`, whose sources begin at `from` and are
/// `step` apart (0: one source repeated); from -1: the fill value.
struct Stretch {
    int64_t to, from, step, length;
};
struct Pick {
    std::vector<Dims> outer;   ///< maps of the axes before the innermost mapped one
    Dims outer_strides;        ///< of x, in blocks
    std::vector<Stretch> row;  ///< the innermost mapped axis
    int64_t row_length = 0;    ///< its positions in y
    int64_t rows = 1;          ///< product of the outer maps' lengths: what a caller cuts
    size_t block = 0;          ///< bytes of the axes behind it, which are copied as they are
    size_t element = 0;        ///< bytes of one element
};
/// maps[a][i] in [-1, x[a]); as many maps as dims.
Pick make_pick(const Dims& x, const std::vector<Dims>& maps, size_t element_bytes);
/// Rows [begin, end) of y; `fill` is one element, null for zero bytes. y points to row 0 and is apart from x.
void pick(const Pick& p, const void* x, const void* fill, void* y, int64_t begin, int64_t end);

}  // namespace hone::move
