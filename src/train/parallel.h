// SPDX-License-Identifier: Apache-2.0
// Data parallel training: what the loop and the step have to do with the other ranks. Each rank runs the same step on its
// rows of every batch; gradients, running statistics and losses become means, so that all ranks hold the same weights to
// the bit and one checkpoint is everybody's. Without a Comm all of this is nothing.
//
//   Ranks ranks(options.comm);
//   const Loss loss = ranks.mean(runner.run(...));          // of the whole batch; loss.where names who is not finite
//   if (ranks.first()) write_file_atomic(...);
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "dist/comm.h"
#include "pass/exchange.h"
#include "train/loss.h"
#include "train/task.h"

namespace hone::train {

/// In a step's graph: gradients, and the new values of its states so far (running statistics; the optimiser's come later),
/// become means over the ranks. The sum over the ranks where the loss is a sum.
std::vector<ValueId> exchange_step(Graph& g, const std::vector<ValueId>& gradients, Reduction reduction, const ExchangeOptions& options);

/// The loss of a step over all ranks.
struct Loss {
    double value = 0;
    std::string where{};  ///< " on rank 1": those whose own is not finite, where there are ranks
    bool late = false;    ///< the time of a rank is over: all end behind this step
    bool stop = false;    ///< a rank was interrupted: all are
};

class Ranks {
  public:
    explicit Ranks(dist::Comm* comm, Reduction loss = Reduction::mean) : comm_(comm), loss_(loss) {}
    int rank() const { return comm_ ? comm_->rank() : 0; }
    int count() const { return comm_ ? comm_->ranks() : 1; }
    /// The one that writes files and speaks.
    bool first() const { return rank() == 0; }
    dist::Comm* comm() const { return comm_; }

    /// A rank's samples of a batch. Throws usage "train.ranks" where it cannot be cut into equal parts.
    int64_t share(int64_t batch) const;
    /// Of the ranks' own losses; their sum where the loss is one. `late`: the time of this rank is over.
    Loss mean(double own, bool late = false) const;
    /// Throws data "dist.apart" unless `text` and the values are the same on all ranks: before the first step, where `text`
    /// says what the run is (its options, the step it goes on from), and after every epoch.
    void agree(const std::string& text, const std::map<std::string, Tensor>& values) const;
    /// `measure` of the data, each rank on its part where the metrics are averages over samples; the same on all ranks.
    Metrics measure(const Dataset& data, bool averages, const std::function<Metrics(const Dataset&)>& measure) const;

  private:
    dist::Comm* comm_;
    Reduction loss_;
};

}  // namespace hone::train
