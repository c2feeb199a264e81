// SPDX-License-Identifier: Apache-2.0
// What the ranks of a parallel run say to one another. Every rank calls the same functions in the same order; one thread a
// rank uses its Comm. Averages have the same bits on every rank. A transport (mpi.h; threads, in tests) is a class below
// this one. The executor averages gradients with it while the backward pass goes on, the training loop its losses.
//
//   comm.start(3, DType::f32, parts);       // bucket 3 is on its way; the parts may be overwritten
//   ...                                     // poke() now and then moves it on
//   comm.finish(3, parts);                  // each part is now its mean over the ranks
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace hone::dist {

/// Values in a row.
struct Part {
    void* data;
    int64_t count;
};

/// Why a rank ends the run.
struct Reason {
    int code = 70;  ///< of the process: an ErrorKind's number
    std::string id, message, hint, where;
    bool own = true;  ///< false: it ends because another does
};

class Comm {
  public:
    virtual ~Comm() = default;
    virtual int rank() const = 0;
    virtual int ranks() const = 0;

    /// Copies the parts (f32 or f64) and begins to add them up over the ranks.
    void start(int64_t bucket, DType type, std::span<const Part> parts);
    /// Waits for the bucket and writes the means. The parts have the counts that were started.
    void finish(int64_t bucket, std::span<const Part> parts);
    /// Both at once.
    void mean(DType type, Part part);
    /// Moves on what is under way; cheap. The transport has no thread of its own.
    void poke();
    /// `bytes` of every rank, in order, into `all`, which has room for ranks() times as many.
    void gather(const void* mine, size_t bytes, void* all);
    std::vector<double> gather(double mine);

    /// Tells the other ranks why this one ends, and waits up to `seconds` to hear the same of them. Nothing is averaged
    /// or gathered afterwards. What each said, by rank; this rank's own where nothing was heard: `heard` says of whom.
    virtual std::vector<Reason> stop(const Reason& why, double seconds, std::vector<bool>* heard) = 0;
    /// The end of a run that went well.
    virtual void close() {}

  protected:
    using Request = int;
    /// Both without waiting; the memory stays, and what is read is not what is written.
    virtual Request begin_sum(const void* mine, void* sum, int64_t count, DType type) = 0;
    virtual Request begin_gather(const void* mine, size_t bytes, void* all) = 0;
    /// Whether it is done; true once, then the request is gone.
    virtual bool done(Request r) = 0;
    /// Called while waiting: throws what another rank stopped for ("dist.stopped"), or "interrupted".
    virtual void check() = 0;

  private:
    struct Bucket {
        std::shared_ptr<void> own{}, sum{};
        size_t room = 0;
        int64_t count = 0;
        DType type = DType::f32;
        Request request = -1;
        bool flying = false;
    };
    void wait(Request r);
    std::vector<char> gathered_;  ///< ours, as the buckets' memory is: a rank that ends while waiting frees nothing under MPI
    std::map<int64_t, Bucket> buckets_;
    std::vector<int64_t> flying_;  ///< in the order in which they were started
};

}  // namespace hone::dist
