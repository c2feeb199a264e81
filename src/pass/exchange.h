// SPDX-License-Identifier: Apache-2.0
// Data parallel training as passes on the training graph: every rank runs the same graph on rows of its own, and what it
// computed (gradients, statistics) becomes the mean over the ranks. Gradients travel in buckets, filled in the order in
// which the backward pass gives them, each on its way while the pass goes on (Li et al., "PyTorch Distributed", 2020).
//
//   d = add_exchange(g, d, {.ranks = 2});        // d[i]: the mean over the ranks
//   synchronise_batch_norm(g);                   // before the gradients: batches of all ranks are normalised as one
#pragma once
#include <vector>

#include "op/op.h"

namespace hone {

struct ExchangeOptions {
    int ranks = 1;
    bool batch_norm = false;              ///< synchronised statistics
    int64_t bucket_bytes = 256 << 10;     ///< a bucket is sent when it holds as much
};

/// The mean over the ranks of each value, of its type. f16 and bf16 travel as f32. The nodes are where the graph ends;
/// schedule_exchanges, a runtime pass, puts them in their places.
std::vector<ValueId> add_exchange(Graph& g, const std::vector<ValueId>& values, const ExchangeOptions& options);

/// BatchNormalization in training mode becomes one over the batches of all ranks, its gradient too (Ioffe and Szegedy 2015
/// on the whole batch). How many there were.
int synchronise_batch_norm(Graph& g);

}  // namespace hone
