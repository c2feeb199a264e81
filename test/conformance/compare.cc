// SPDX-License-Identifier: Apache-2.0
#include "conformance/compare.h"

#include <cmath>

#include "base/error.h"

namespace conformance {
using namespace hone;

namespace {
bool close(double got, double want) {
    if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
    if (std::isinf(want) || std::isinf(got)) return got == want;
    return std::abs(got - want) <= 1e-7 + 1e-3 * std::abs(want);
}
bool same(const Tensor& a, const Tensor& b, int64_t i) {
    if (a.dtype() == DType::string) return a.str(i) == b.str(i);
    return is_float(a.dtype()) ? close(a.at(i), b.at(i)) : a.at_int(i) == b.at_int(i);
}
std::string element(const Tensor& t, int64_t i) {
    if (t.dtype() == DType::string) return cat("'", t.str(i), "'");
    return is_float(t.dtype()) ? cat(t.at(i)) : cat(t.at_int(i));
}
}  // namespace

std::string difference(const Tensor& got, const Tensor& want, bool values) {
    if (got.dtype() != want.dtype() || got.dims() != want.dims())
        return cat("is ", dtype_name(got.dtype()), to_text(got.dims()), "; expected ", dtype_name(want.dtype()), to_text(want.dims()));
    if (!values) return "";
    int64_t wrong = 0, first = 0;
    for (int64_t i = want.count(); i-- > 0;)
        if (!same(got, want, i)) ++wrong, first = i;
    if (!wrong) return "";
    return cat(wrong, " of ", want.count(), " elements differ, first [", first, "]: ", element(got, first), ", expected ", element(want, first));
}

}  // namespace conformance
