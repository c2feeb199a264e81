// SPDX-License-Identifier: Apache-2.0
// An engine that is ready to run a model on its inputs: hone in this process, a peer in its own.
//
//   const std::unique_ptr<Runner> runner = make_runner(entry, options, pool, inputs);
//   median(runner->run(10));
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "suite/contest.h"

namespace hone::suite {

class Runner {
  public:
    virtual ~Runner() = default;
    virtual std::vector<double> run(int n) = 0;  ///< ms of each
    virtual void rest() {}  ///< between its turn and another's: until its threads no longer spin
    virtual std::vector<Tensor> outputs() = 0;
    virtual std::string version() const { return {}; }  ///< of a peer
};

/// Throws what the engine has against the model, io "peer.absent", unsupported "bench.bf16".
std::unique_ptr<Runner> make_runner(const Entry& entry, const ContestOptions& options, ThreadPool& pool,
                                    const std::vector<Tensor>& inputs);

}  // namespace hone::suite
