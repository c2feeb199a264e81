// SPDX-License-Identifier: Apache-2.0
// Where a forward pass is cut so that recomputing its segments takes the least memory. Used by pass/recompute.
#pragma once
#include <cstddef>
#include <vector>

namespace hone {

/// A value of the forward pass, whose nodes are numbered in the order they run in.
struct SizedValue {
    size_t made, last;  ///< the node that makes it, the last that reads it on the way forward
    bool kept;          ///< the way back reads it
    double bytes;
};

/// What the step holds at most, as these sizes tell it: when the gradient stands in a segment, all that crosses the cuts
/// before and behind it, what the way back reads of the segment, and some gradients of its largest value.
double segments_peak(const std::vector<SizedValue>& values, const std::vector<size_t>& ends);

/// The ends of the segments (one past the last node of each, ascending, the last the number of nodes) with the least peak of
/// those that, for some limit on what a segment holds, keep the least at the cuts (found by dynamic programming).
std::vector<size_t> segment_ends(const std::vector<SizedValue>& values);

}  // namespace hone
