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

/// The forward pass: its values, and for each node what comes and goes when the gradient passes it.
struct SizedForward {
    std::vector<SizedValue> values;
    std::vector<double> passing;  ///< bytes, an entry a node
};

/// What the step holds at most, as these sizes tell it: when the gradient stands in a segment, all that crosses the cuts
/// before and behind it, what the way back reads of the segment, and the most that is passing in it.
double segments_peak(const SizedForward& forward, const std::vector<size_t>& ends);

/// The ends of a forward pass's segments: one past the last node of each, ascending, the last the number of nodes.
using Segments = std::vector<size_t>;

/// Ways to cut, the one with the least peak first: those that, for some limit on what a segment holds, keep the least at the
/// cuts (found by dynamic programming), and the best of their neighbours.
std::vector<Segments> segmentations(const SizedForward& forward);

/// The ways that are one cut away from `from`, by ascending peak: a cut taken away, added, or moved to the next place on either
/// side where no place beside it is cheaper.
std::vector<Segments> neighbours(const SizedForward& forward, const Segments& from);

}  // namespace hone
