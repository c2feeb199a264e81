// SPDX-License-Identifier: Apache-2.0
// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// The bits are a function of (seed, stream, counter), so that they do not depend on threads or order.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace hone {

/// Ten rounds of Philox4x32 over a 128-bit counter and a 64-bit key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A seed of its own for each pair (a, b), so that what is drawn for one purpose says nothing about another: the first
/// words of the block that `seed` makes of the counter (a, b).
uint64_t derive_seed(uint64_t seed, uint64_t a, uint64_t b = 0);

class Rng {
  public:
    /// Begins at this block of four u32 (two uniforms, one normal): a long sequence can be drawn in pieces.
    Rng(uint64_t seed, uint64_t stream = 0, uint64_t first_block = 0) : seed_(seed), stream_(stream), counter_(first_block) {}
    uint32_t next_u32();
    uint64_t next_u64();
    double uniform();                  ///< [0, 1), 53 bits
    double normal();                   ///< standard normal (Box-Muller)
    uint64_t below(uint64_t n);        ///< [0, n) without bias; n > 0
    /// A permutation of 0..n-1 (Fisher-Yates).
    std::vector<int64_t> permutation(int64_t n);

  private:
    uint64_t seed_, stream_, counter_;
    std::array<uint32_t, 4> block_{};
    int used_ = 4;
};

}  // namespace hone
