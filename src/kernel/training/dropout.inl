// SPDX-License-Identifier: Apache-2.0
// Dropout whose mask is drawn where it is used (op/dropout.cc has the definition), sixteen blocks of Philox4x32-10 at a time.

constexpr int64_t kBlocks = 16;

/// The words of blocks first, first + 1, ... one block after the other.
HONE_INLINE void philox_blocks(const Dropout& d, uint64_t first, uint32_t* words) {
    uint32_t c0[kBlocks], c1[kBlocks], c2[kBlocks], c3[kBlocks];
    for (int64_t l = 0; l < kBlocks; ++l) {
        const uint64_t at = first + static_cast<uint64_t>(l);
        c0[l] = static_cast<uint32_t>(at), c1[l] = static_cast<uint32_t>(at >> 32);
        c2[l] = static_cast<uint32_t>(d.draw), c3[l] = static_cast<uint32_t>(d.draw >> 32);
    }
    auto k0 = static_cast<uint32_t>(d.key), k1 = static_cast<uint32_t>(d.key >> 32);
    for (int round = 0; round < 10; ++round) {
        for (int64_t l = 0; l < kBlocks; ++l) {
            const uint64_t p0 = uint64_t{0xD2511F53u} * c0[l], p1 = uint64_t{0xCD9E8D57u} * c2[l];
            c0[l] = static_cast<uint32_t>(p1 >> 32) ^ c1[l] ^ k0;
            c2[l] = static_cast<uint32_t>(p0 >> 32) ^ c3[l] ^ k1;
            c1[l] = static_cast<uint32_t>(p1);
            c3[l] = static_cast<uint32_t>(p0);
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    for (int64_t l = 0; l < kBlocks; ++l) words[4 * l] = c0[l], words[4 * l + 1] = c1[l], words[4 * l + 2] = c2[l], words[4 * l + 3] = c3[l];
}

void dropout(const Dropout& d, uint64_t first, const float* x, float* y, int64_t n) {
    uint32_t words[4 * kBlocks];
    for (int64_t i = 0; i < n;) {
        const uint64_t at = first + static_cast<uint64_t>(i);
        const auto skip = static_cast<int64_t>(at % 4);
        philox_blocks(d, at / 4, words);
        const int64_t room = 4 * kBlocks - skip, some = n - i < room ? n - i : room;
        for (int64_t j = 0; j < some; ++j) {
            const float kept = x[i + j] * d.scale;
            y[i + j] = words[skip + j] >= d.least ? kept : 0.f;
        }
        i += some;
    }
}
