// SPDX-License-Identifier: Apache-2.0
// A hash at the speed of memory, to see whether a large file is the one that it was. Any one changed word changes it;
// it does not withstand who sets out to collide it (that is SHA-256's office, record/hash.h). Called by the plan file.
//
//   const std::string id = fast_hash_hex(map_file("model.onnx").text());
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace hone::record {

/// The same on every little-endian machine.
uint64_t fast_hash(std::string_view bytes, uint64_t seed = 0);
/// Two hashes and the length: 128 bits and the size, hexadecimal.
std::string fast_hash_hex(std::string_view bytes);

}  // namespace hone::record
