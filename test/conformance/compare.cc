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
int64_t steps = 0;

/// The spacing of bf16 is wider than rtol, so that one step there is the least that can be asked.
bool close_bf16(double got, double want) {
    if (close(got, want)) return true;
    const bool one_step = std::abs(got - want) <= 0x1p-7 * std::abs(want);
    steps += one_step;
    return one_step;
}
bool same(const Tensor& a, const Tensor& b, int64_t i) {
    if (a.dtype() == DType::string) return a.str(i) == b.str(i);
    if (a.dtype() == DType::bf16) return close_bf16(a.at(i), b.at(i));
    return is_float(a.dtype()) ? close(a.at(i), b.at(i)) : a.at_int(i) == b.at_int(i);
}
std::string element(const Tensor& t, int64_t i) {
    if (t.dtype() == DType::string) return cat("'", t.str(i), "'");
    return is_float(t.dtype()) ? cat(t.at(i)) : cat(t.at_int(i));
}
}  // namespace

int64_t bf16_steps() { return steps; }

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
