// SPDX-License-Identifier: Apache-2.0
// Batches for training, endlessly, in one order per seed: worker threads decode, augment, normalise and assemble ahead of
// the caller. A batch is a function of the options (workers and prefetch left out), the epoch and its number alone: the
// same bits come under any number of workers, and again after a restart from a saved state. The training loop calls it.
//
//   LoaderOptions o;  o.batch = 64;  o.seed = 1;  o.augment = parse_augmentations("flip,shift=2");
//   Loader loader(parts.training, o);          // or with a LoaderState that was saved
//   Batch b;
//   while (loader.state().epoch < epochs) loader.next(b);     // b.x [64,C,H,W], b.labels [64]
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "data/augment.h"
#include "data/dataset.h"

namespace hone {

struct LoaderOptions {
    int64_t batch = 64;      ///< samples of a batch, over all ranks
    bool shuffle = true;     ///< a new order each epoch; else 0, 1, 2, ...
    bool drop_last = false;  ///< leaves out an epoch's last batch where it is smaller (always where a rank would get no row)
    uint64_t seed = 0;
    Augmentations augment{};
    /// The samples of an epoch in place of `shuffle`'s order, each any number of times; as many every epoch (data/pairs.h).
    std::function<std::vector<int64_t>(int64_t epoch)> order = {};
    /// Threads beside the caller's; 0: `next` assembles the batch itself, on the current pool.
    int workers = 1;
    int prefetch = 4;  ///< batches finished or under way at most, that the caller has not taken; >= 1
    /// Rank r of n gets rows [size * r / n, size * (r + 1) / n) of each batch.
    int rank = 0, ranks = 1;
};

struct Batch {
    Tensor x;        ///< [n, sample_dims...] of the data's sample_type()
    Tensor labels;   ///< i64 [n]; with mixup those of the rows themselves
    Tensor soft;     ///< f32 [n, classes] where the list has mixup and there are classes; else undefined
    Tensor targets;  ///< f32 [n, K] of a regression; else undefined
    int64_t epoch = 0, number = 0;
    int64_t whole = 0;             ///< samples of the batch over all ranks
    std::vector<int64_t> indices;  ///< of the rows' samples in the data set
};

/// The next batch that `next` gives: what a checkpoint keeps beside the options.
struct LoaderState {
    int64_t epoch = 0, batch = 0;
    bool operator==(const LoaderState&) const = default;
};

class Loader {
  public:
    /// Throws usage "usage.augment", "usage.batch"; data "data.empty", "data.batch" where no batch can be made.
    Loader(DatasetPtr data, LoaderOptions options, LoaderState start = {});
    /// Stops the workers after the samples in their hands.
    ~Loader();
    Loader(const Loader&) = delete;

    /// `into` is a fresh Batch or one that came from here: the memory of its x, where no other tensor shares it, is used
    /// for batches to come. Throws what reading a
    /// sample threw, for the batch that holds it and again when asked again; "interrupted".
    void next(Batch& into);
    LoaderState state() const;
    int64_t batches_per_epoch() const;
    /// Seconds that `next` has kept its callers waiting for data.
    double seconds_waited() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// The order of an epoch's samples: a permutation of 0..n-1 by the seed and the epoch alone.
std::vector<int64_t> epoch_order(int64_t n, bool shuffle, uint64_t seed, int64_t epoch);

}  // namespace hone
