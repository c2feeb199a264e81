// SPDX-License-Identifier: Apache-2.0
// A 64-bit content hash for run records (which data was used); not against forgery. Datasets and tests call it.
//
//   Hasher h;
//   h.add(bytes, size);
//   std::string text = h.hex();
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hone {

class Hasher {
  public:
    void add(const void* data, size_t size) {
        const auto* p = static_cast<const unsigned char*>(data);
        add_word(size);
        for (; size >= 8; p += 8, size -= 8) {
            uint64_t w;
            std::memcpy(&w, p, 8);
            add_word(w);
        }
        uint64_t tail = 0;
        if (size) {
            std::memcpy(&tail, p, size);
            add_word(tail);
        }
    }
    void add(std::string_view s) { add(s.data(), s.size()); }
    void add_word(uint64_t w) {
        state_ = (state_ ^ w) * 0x9E3779B97F4A7C15u;
        state_ ^= state_ >> 32;
    }
    uint64_t value() const { return state_; }
    std::string hex() const {
        std::string s(16, '0');
        for (size_t i = 0; i < 16; ++i) s[i] = "0123456789abcdef"[(state_ >> (60 - 4 * i)) & 15];
        return s;
    }

  private:
    uint64_t state_ = 0xCBF29CE484222325u;
};

}  // namespace hone
