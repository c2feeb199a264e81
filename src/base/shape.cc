// SPDX-License-Identifier: Apache-2.0
#include "base/shape.h"

#include "base/error.h"

namespace hone {

int64_t checked_mul(int64_t a, int64_t b) {
    HONE_CHECK(a >= 0 && b >= 0, a, " * ", b);
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r) || r > (int64_t{1} << 62))
        fail(ErrorKind::model, "size.overflow", cat("a size overflows: ", a, " * ", b));
    return r;
}

int64_t count_of(const Dims& dims) {
    int64_t n = 1;
    bool zero = false;
    for (int64_t d : dims) {
        if (d == 0) zero = true;
        else n = checked_mul(n, d);
    }
    return zero ? 0 : n;
}

bool is_static(const Shape& s) {
    for (const Dim& d : s)
        if (!d.known()) return false;
    return true;
}

Dims dims_of(const Shape& s) {
    Dims out;
    for (const Dim& d : s) {
        HONE_CHECK(d.known(), "shape is not static: ", to_text(s));
        out.push_back(d.value);
    }
    return out;
}

Shape shape_of(const Dims& d) { return Shape(d.begin(), d.end()); }

Dims strides_of(const Dims& d) {
    Dims s(d.size(), 1);
    for (size_t i = d.size(); i-- > 1;) s[i - 1] = s[i] * d[i];
    return s;
}

std::string to_text(const Shape& s) {
    std::vector<std::string> parts;
    for (const Dim& d : s)
        parts.push_back(d.known() ? std::to_string(d.value) : d.symbol.empty() ? "?" : d.symbol);
    return "[" + join(parts, ",") + "]";
}

std::string to_text(const Dims& d) { return to_text(shape_of(d)); }

}  // namespace hone
