// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), for the hashes of models and data that a record carries. Called by `optimize` and the plan key.
//
//   run.hashes = {{"model", sha256_hex(map_file(path).text())}};
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::record {

class Sha256 {
  public:
    void update(std::string_view bytes);
    /// Lower-case hex of all that was given; the object is spent afterwards.
    std::string hex();

  private:
    void block(const uint8_t* p);
    std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<uint8_t, 64> rest_{};
    uint64_t length_ = 0;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace hone::record
