// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <cmath>
#include <numbers>

#include "base/error.h"

namespace hone {

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * c[0];
        const uint64_t p1 = uint64_t{0xCD9E8D57u} * c[2];
        c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
             static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    return c;
}

uint64_t derive_seed(uint64_t seed, uint64_t a, uint64_t b) {
    const auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
    const auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
    const auto block = philox4x32({low(a), high(a), low(b), high(b)}, {low(seed), high(seed)});
    return block[0] | (static_cast<uint64_t>(block[1]) << 32);
}

uint32_t Rng::next_u32() {
    if (used_ == 4) {
        block_ = philox4x32({static_cast<uint32_t>(counter_), static_cast<uint32_t>(counter_ >> 32),
                             static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                            {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
        ++counter_;
        used_ = 0;
    }
    return block_[static_cast<size_t>(used_++)];
}
uint64_t Rng::next_u64() {
    const uint64_t low = next_u32();
    return low | (static_cast<uint64_t>(next_u32()) << 32);
}
double Rng::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }
double Rng::normal() {
    const double u = 1.0 - uniform();
    const double v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}
uint64_t Rng::below(uint64_t n) {
    HONE_CHECK(n > 0);
    const uint64_t reject = (0 - n) % n;
    for (;;) {
        const uint64_t v = next_u64();
        if (v >= reject) return v % n;
    }
}
std::vector<int64_t> Rng::permutation(int64_t n) {
    std::vector<int64_t> p(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) p[static_cast<size_t>(i)] = i;
    for (int64_t i = n - 1; i > 0; --i)
        std::swap(p[static_cast<size_t>(i)], p[below(static_cast<uint64_t>(i) + 1)]);
    return p;
}

}  // namespace hone
