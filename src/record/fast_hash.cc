// SPDX-License-Identifier: Apache-2.0
#include "record/fast_hash.h"

#include <bit>
#include <cstdio>
#include <cstring>

namespace hone::record {

namespace {
constexpr size_t kLanes = 8;
constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ull, kOther = 0xd6e8feb86659fd93ull;

uint64_t mix(uint64_t x) {  // the finaliser of SplitMix64
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

struct Lanes {
    uint64_t v[kLanes];
    /// Each lane's step is a bijection of the word, so that no changed word is lost.
    void take(const char* p) {
        for (size_t i = 0; i < kLanes; ++i) {
            uint64_t w;
            std::memcpy(&w, p + 8 * i, 8);
            v[i] = std::rotl((v[i] ^ w) * kOdd, 29);
        }
    }
    uint64_t folded(uint64_t start) const {
        uint64_t h = start;
        for (uint64_t lane : v) h = mix(h ^ lane) * kOther;
        return mix(h);
    }
};
}  // namespace

uint64_t fast_hash(std::string_view bytes, uint64_t seed) {
    Lanes lanes;
    for (size_t i = 0; i < kLanes; ++i) lanes.v[i] = mix(seed + (i + 1) * kOdd);
    const char* p = bytes.data();
    size_t left = bytes.size();
    for (; left >= 8 * kLanes; p += 8 * kLanes, left -= 8 * kLanes) lanes.take(p);
    char rest[8 * kLanes] = {};
    if (left) std::memcpy(rest, p, left);
    lanes.take(rest);
    return lanes.folded(seed ^ bytes.size());
}

std::string fast_hash_hex(std::string_view bytes) {
    // The halves are read once each: a second pass over the same bytes would cost as much as the first.
    const size_t half = bytes.size() / 2;
    char text[64];
    std::snprintf(text, sizeof text, "%016llx%016llx-%zx", static_cast<unsigned long long>(fast_hash(bytes.substr(0, half), 1)),
                  static_cast<unsigned long long>(fast_hash(bytes.substr(half), 2)), bytes.size());
    return text;
}

}  // namespace hone::record
