// SPDX-License-Identifier: Apache-2.0
// Dimensions that may be a number, a symbol ("batch") or unknown; checked products of sizes.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hone {

using Dims = std::vector<int64_t>;

struct Dim {
    int64_t value = -1;  ///< >= 0 when known
    std::string symbol;  ///< name when it is symbolic; empty when unknown
    Dim() = default;
    Dim(int64_t v) : value(v) {}
    static Dim named(std::string s) {
        Dim d;
        d.symbol = std::move(s);
        return d;
    }
    bool known() const { return value >= 0; }
    bool operator==(const Dim&) const = default;
};
using Shape = std::vector<Dim>;

/// a*b of non-negative sizes; throws Error budget "size.overflow" past 2^62.
int64_t checked_mul(int64_t a, int64_t b);
/// Product of all dims, checked; 1 for a scalar.
int64_t count_of(const Dims& dims);
bool is_static(const Shape& s);
/// The numbers of a static shape; HONE_CHECKs that it is static.
Dims dims_of(const Shape& s);
Shape shape_of(const Dims& d);
/// Row-major strides in elements.
Dims strides_of(const Dims& d);
std::string to_text(const Shape& s);  ///< "[N,3,224,224]"; "?" where unknown
std::string to_text(const Dims& d);

}  // namespace hone
