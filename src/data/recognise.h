// SPDX-License-Identifier: Apache-2.0
// What a path holds: up to three raw parts, or one without a role. open.cc turns them into datasets.
//
//   RawParts raw = recognise("glyphs.tar");
//   if (raw.parts[0]) use(*raw.parts[0]);
//   if (raw.whole) use(*raw.whole);
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/raw_part.h"

namespace hone {

struct RawParts {
    std::array<std::optional<RawPart>, 3> parts;  ///< by Role
    std::optional<RawPart> whole;                 ///< without parts
    /// Training samples from this index on are the validation part; 0: none. Only known data sets have it.
    int64_t validation_from = 0;
};

/// Throws data.absent, data.format and the formats' own errors.
RawParts recognise(const std::string& spec);

}  // namespace hone
