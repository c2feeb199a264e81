// SPDX-License-Identifier: Apache-2.0
// Distribution functions that the verdict and the speed-up share. Called by verdict.cc and speedup.cc only.
//
//   normal_quantile(0.95);            // 1.6449
//   student_quantile(0.975, 4);       // 2.7764
//   binomial_upper(3, 10, 0.05);      // 0.6066
#pragma once
#include <cstdint>

namespace hone::eval {

double normal_quantile(double p);
/// p in (0, 1), `degrees` > 0.
double student_quantile(double p, double degrees);
/// Regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x);
/// P(X <= k), X ~ Bin(n, p).
double binomial_cdf(int64_t k, int64_t n, double p);
/// Clopper-Pearson limits, each of error `alpha`.
double binomial_lower(int64_t k, int64_t n, double alpha);
double binomial_upper(int64_t k, int64_t n, double alpha);

}  // namespace hone::eval
