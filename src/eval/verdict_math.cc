// SPDX-License-Identifier: Apache-2.0
#include "eval/verdict_math.h"

#include <cmath>
#include <initializer_list>

namespace hone::eval {
namespace {

// Lentz's continued fraction; converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
    constexpr double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (std::fabs(d) < tiny ? tiny : d);
    double f = d;
    for (int i = 1; i <= 10000; ++i) {
        const double m = i;
        for (const double term : {m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                                  -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))}) {
            d = 1 + term * d;
            c = 1 + term / c;
            d = 1 / (std::fabs(d) < tiny ? tiny : d);
            c = std::fabs(c) < tiny ? tiny : c;
            f *= c * d;
        }
        if (std::fabs(c * d - 1) < 1e-15) break;
    }
    return f;
}

template <class F>
double bisect(double low, double high, F below) {
    for (int i = 0; i < 100 && high - low > 1e-15 * std::fabs(high); ++i) {
        const double middle = 0.5 * (low + high);
        (below(middle) ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    const double front =
        std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double normal_quantile(double p) {
    return bisect(-40, 40, [&](double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)) < p; });
}

double student_quantile(double p, double degrees) {
    if (p < 0.5) return -student_quantile(1 - p, degrees);
    return bisect(
        0, 1e9, [&](double t) { return 1 - 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t)) < p; });
}

double binomial_cdf(int64_t k, int64_t n, double p) {
    if (k < 0) return 0;
    if (k >= n) return 1;
    return 1 - incomplete_beta(static_cast<double>(k) + 1, static_cast<double>(n - k), p);
}

double binomial_lower(int64_t k, int64_t n, double alpha) {
    if (k <= 0) return 0;
    return bisect(0, 1, [&](double p) { return 1 - binomial_cdf(k - 1, n, p) < alpha; });
}

double binomial_upper(int64_t k, int64_t n, double alpha) {
    if (k >= n) return 1;
    return bisect(0, 1, [&](double p) { return binomial_cdf(k, n, p) > alpha; });
}

}  // namespace hone::eval
