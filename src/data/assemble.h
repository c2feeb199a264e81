// SPDX-License-Identifier: Apache-2.0
// One batch of an epoch as a function of its number: what loader.cc's threads call. Thread-safe.
//
//   BatchMaker maker(data, options);
//   maker.make(epoch, number, batch, [&] { return stopping; });
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "data/loader.h"

namespace hone {

class BatchMaker {
  public:
    BatchMaker(DatasetPtr data, LoaderOptions options);
    int64_t batches() const { return batches_; }  ///< of an epoch
    /// Fills `b`, whose x is used where it has the size. False when `stop` said so between two samples.
    bool make(int64_t epoch, int64_t number, Batch& b, const std::function<bool()>& stop) const;

  private:
    using Order = std::shared_ptr<const std::vector<int64_t>>;
    Order order_of(int64_t epoch) const;
    /// `out` has sample_count() values of the data's sample_type().
    void load(int64_t epoch, int64_t index, void* out, Image& image) const;
    void mix_rows(int64_t epoch, int64_t number, std::span<const int64_t> whole, int64_t first, Batch& b) const;

    DatasetPtr data_;
    LoaderOptions options_;
    const Augmentation* mixup_ = nullptr;
    bool pictures_ = false, texts_ = false;  ///< something of the list works on such samples
    int64_t samples_ = 0, batches_ = 0;      ///< of an epoch
    mutable std::mutex order_mutex_;
    mutable int64_t order_epoch_[2] = {-1, -1};  ///< batches of two epochs are under way at a time
    mutable Order order_[2];
};

}  // namespace hone
