// SPDX-License-Identifier: Apache-2.0
// The OpenMP entry points that oneDNN imports, served from hone::ThreadPool. An executable that links this folder (with
// ENABLE_EXPORTS) interposes libgomp's, so that oneDNN runs on our threads and libgomp never starts one. How wide a
// parallel region may be is said by the caller, because oneDNN freezes it in a primitive descriptor:
//
//   omp::Width width(2);            // while the primitive descriptor is made, and again while it runs
//   dnnl_primitive_execute(...);
#pragma once
#include <cstdint>

namespace hone::omp {

/// What omp_get_max_threads() answers on this thread within the scope (outside a chunk or a team, where it is 1).
/// Without a Width it is the current pool's thread count, and 1 without a pool.
class Width {
  public:
    explicit Width(int threads);
    ~Width();
    Width(const Width&) = delete;

  private:
    int before_;
};

/// Parallel regions that went through the shim so far; tests hold it against zero.
uint64_t regions();

}  // namespace hone::omp
