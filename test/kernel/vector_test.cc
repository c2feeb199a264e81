// SPDX-License-Identifier: Apache-2.0
// Every vector kernel against a plain double loop, for each instruction set that this machine has.
#include "kernel/vector/vector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "base/dtype.h"
#include "base/error.h"
#include "base/rng.h"
#include "support.h"

namespace hone::vec {
namespace {

const float kInf = std::numeric_limits<float>::infinity();
const std::vector<int64_t> kSizes = {0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 1000};

/// Runs `body` with each table.
void each_isa(const std::function<void(const Table&)>& body) {
    for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        if (isa > machine_isa()) continue;
        SCOPED_TRACE(isa_name(isa));
        body(table_for(isa));
    }
}
std::vector<float> random_floats(int64_t n, float low, float high, uint64_t seed = 1) {
    Rng rng(seed);
    std::vector<float> v(static_cast<size_t>(n));
    for (float& f : v) f = low + (high - low) * static_cast<float>(rng.uniform());
    return v;
}
/// Unaligned on purpose, with a guard behind it.
template <class T>
struct Buffer {
    std::vector<T> v;
    explicit Buffer(int64_t n) : v(static_cast<size_t>(n) + 2, T(77)) {}
    T* data() { return v.data() + 1; }
    bool guarded() const { return v.front() == T(77) && v.back() == T(77); }
};
double relative(double got, double want) {
    if (std::isnan(want)) return std::isnan(got) ? 0 : INFINITY;
    if (std::isinf(want) || std::isinf(got)) return got == want ? 0 : INFINITY;
    const double d = std::fabs(got - want);
    return d < 1.2e-38 ? 0 : d / std::max(std::fabs(want), 1.2e-38);
}

struct UnaryCase {
    Unary kind;
    double (*reference)(double x, double a, double b);
    double low, high, tolerance;
    float alpha, beta;
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
const UnaryCase kUnary[] = {
    {Unary::relu, [](double x, double, double) { return x < 0 ? 0 : x; }, -9, 9, 0, 0, 0},
    {Unary::leaky_relu, [](double x, double a, double) { return x < 0 ? x * a : x; }, -9, 9, 1e-7, 0.1f, 0},
    {Unary::clip, [](double x, double a, double b) { return x < a   ? a
                                                            : x > b ? b
                                                                    : x; }, -9, 9, 0, -1.5f, 6},
    {Unary::sigmoid, [](double x, double, double) { return sigmoid(x); }, -87, 120, 1e-6, 0, 0},
    {Unary::tanh, [](double x, double, double) { return std::tanh(x); }, -12, 12, 1e-6, 0, 0},
    {Unary::silu, [](double x, double, double) { return x * sigmoid(x); }, -87, 120, 1e-6, 0, 0},
    {Unary::hard_sigmoid,
     [](double x, double a, double b) { return a * x + b < 0   ? 0
                                               : a * x + b > 1 ? 1
                                                               : a * x + b; }, -1.9, 9, 5e-6,
     0.2f, 0.5f},
    {Unary::hard_swish, [](double x, double, double) { return x * std::fmax(0, std::fmin(1, x / 6 + 0.5)); }, -2.8, 9,
     5e-6, 0, 0},
    {Unary::gelu, [](double x, double, double) { return 0.5 * x * std::erfc(-x * std::sqrt(0.5)); }, -12.5, 12.5, 1e-6,
     0, 0},
    {Unary::gelu_tanh,
     [](double x, double, double) { return x * sigmoid(2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)); }, -5, 12,
     3e-6, 0, 0},
    {Unary::erf, [](double x, double, double) { return std::erf(x); }, -6, 6, 1e-6, 0, 0},
    {Unary::exp, [](double x, double, double) { return std::exp(x); }, -87, 88.7, 1e-6, 0, 0},
    {Unary::log, [](double x, double, double) { return std::log(x); }, 1e-6, 5, 1e-6, 0, 0},
    {Unary::sqrt, [](double x, double, double) { return std::sqrt(x); }, 0, 100, 1e-7, 0, 0},
    {Unary::reciprocal, [](double x, double, double) { return 1 / x; }, -9, 9, 1e-7, 0, 0},
    {Unary::abs, [](double x, double, double) { return std::fabs(x); }, -9, 9, 0, 0, 0},
    {Unary::neg, [](double x, double, double) { return -x; }, -9, 9, 0, 0, 0},
    {Unary::floor, [](double x, double, double) { return std::floor(x); }, -9, 9, 0, 0, 0},
    {Unary::ceil, [](double x, double, double) { return std::ceil(x); }, -9, 9, 0, 0, 0},
    {Unary::round, [](double x, double, double) { return std::nearbyint(x); }, -9, 9, 0, 0, 0},
    {Unary::softplus, [](double x, double, double) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); },
     -87, 100, 1e-6, 0, 0},
    {Unary::elu, [](double x, double a, double) { return x > 0 ? x : a * std::expm1(x); }, -30, 9, 1e-6, 1.5f, 0},
    {Unary::sign, [](double x, double, double) { return x > 0   ? 1.0
                                                        : x < 0 ? -1.0
                                                                : 0.0; }, -9, 9, 0, 0, 0},
};

TEST(Vector, UnaryMatchesDouble) {
    ASSERT_EQ(std::size(kUnary), static_cast<size_t>(Unary::count));
    each_isa([](const Table& t) {
        for (const UnaryCase& c : kUnary) {
            const auto f = t.unary[static_cast<int>(c.kind)];
            SCOPED_TRACE(static_cast<int>(c.kind));
            for (int64_t n : kSizes) {
                std::vector<float> x = random_floats(n, static_cast<float>(c.low), static_cast<float>(c.high));
                Buffer<float> y(n);
                f(x.data(), y.data(), n, c.alpha, c.beta);
                EXPECT_TRUE(y.guarded());
                for (int64_t i = 0; i < n; ++i)
                    ASSERT_LE(relative(y.data()[i], c.reference(x[i], c.alpha, c.beta)), c.tolerance) << "x " << x[i];
                f(x.data(), x.data(), n, c.alpha, c.beta);
                EXPECT_TRUE(n == 0 || std::memcmp(x.data(), y.data(), static_cast<size_t>(n) * 4) == 0) << "in place";
            }
            // Dense and near zero.
            std::vector<float> x = random_floats(200000, static_cast<float>(c.low), static_cast<float>(c.high), 2),
                               y = x;
            for (int i = 0; i < 2000; ++i)
                x[static_cast<size_t>(i)] = static_cast<float>((c.low < 0 && i % 2 ? -1 : 1) * std::exp2(-i / 20.0));
            f(x.data(), y.data(), static_cast<int64_t>(x.size()), c.alpha, c.beta);
            double worst = 0;
            float at = 0;
            for (size_t i = 0; i < x.size(); ++i) {
                const double e = relative(y[i], c.reference(x[i], c.alpha, c.beta));
                if (e > worst) worst = e, at = x[i];
            }
            EXPECT_LE(worst, c.tolerance) << "x " << at;
        }
    });
}

TEST(Vector, UnaryAtTheEdges) {
    each_isa([](const Table& t) {
        for (const UnaryCase& c : kUnary)
            for (float x : {kInf, -kInf, std::nanf(""), 0.0f, -0.0f, 1e30f, -1e30f, 100.0f, -100.0f, 2.5f, 3.5f, -2.5f,
                            -0.5f, 8388609.0f}) {
                float y = 5;
                t.unary[static_cast<int>(c.kind)](&x, &y, 1, c.alpha, c.beta);
                const double want = c.reference(x, c.alpha, c.beta);
                if (c.kind == Unary::sign && std::isnan(x)) continue;
                // -inf * 0 is NaN by the formula; the limit is right as well.
                const bool limit = x == -kInf && (c.kind == Unary::gelu || c.kind == Unary::hard_swish) && y == 0;
                if (!limit && std::isnan(want))
                    EXPECT_TRUE(std::isnan(y)) << static_cast<int>(c.kind) << " of " << x << " gave " << y;
                else if (!limit && std::fabs(want) < 3e38)
                    EXPECT_NEAR(y, want, std::max(1e-37, std::fabs(want) * std::max(c.tolerance, 3e-7)))
                        << static_cast<int>(c.kind) << " of " << x;
                else if (!limit)
                    EXPECT_EQ(y, static_cast<float>(want)) << static_cast<int>(c.kind) << " of " << x;
            }
    });
}

struct BinaryCase {
    Binary kind;
    double (*reference)(double a, double b);
    double tolerance;
};
const BinaryCase kBinary[] = {
    {Binary::add, [](double a, double b) { return a + b; }, 1e-7},
    {Binary::sub, [](double a, double b) { return a - b; }, 1e-7},
    {Binary::mul, [](double a, double b) { return a * b; }, 1e-7},
    {Binary::div, [](double a, double b) { return a / b; }, 1e-7},
    {Binary::max, [](double a, double b) { return a > b ? a : b; }, 0},
    {Binary::min, [](double a, double b) { return a < b ? a : b; }, 0},
    {Binary::pow, [](double a, double b) { return std::pow(a, b); }, 1e-6},
    {Binary::prelu, [](double a, double b) { return a >= 0 ? a : a * b; }, 1e-7},
    {Binary::add_relu, [](double a, double b) { return std::fmax(a + b, 0); }, 1e-7},
    {Binary::mul_sigmoid, [](double a, double b) { return a * sigmoid(b); }, 1e-6},
    {Binary::relu_gradient, [](double a, double b) { return b > 0 ? a : 0; }, 0},
};

TEST(Vector, BinaryFormsMatchDouble) {
    ASSERT_EQ(std::size(kBinary), static_cast<size_t>(Binary::count));
    each_isa([](const Table& t) {
        for (const BinaryCase& c : kBinary) {
            SCOPED_TRACE(static_cast<int>(c.kind));
            const BinaryForms& f = t.binary[static_cast<int>(c.kind)];
            const float low = c.kind == Binary::pow ? 0.1f : -3;
            const auto near = [&](float got, float a, float b) {
                // Of add and sub the sum of the magnitudes counts.
                const double slack = 1e-7 * (std::fabs(a) + std::fabs(b));
                EXPECT_NEAR(got, c.reference(a, b),
                            std::fabs(c.reference(a, b)) * c.tolerance + (c.tolerance > 0 ? slack : 0));
            };
            for (int64_t n : kSizes) {
                const std::vector<float> a = random_floats(n, low, 3, 3), b = random_floats(n, low, 3, 4);
                Buffer<float> y(n);
                f.vv(a.data(), b.data(), y.data(), n);
                for (int64_t i = 0; i < n; ++i) near(y.data()[i], a[i], b[i]);
                for (float s : {2.0f, 3.0f, 0.5f, -1.0f, 1.7f}) {
                    f.vs(a.data(), s, y.data(), n);
                    for (int64_t i = 0; i < n; ++i) near(y.data()[i], a[i], s);
                }
                f.sv(1.5f, b.data(), y.data(), n);
                for (int64_t i = 0; i < n; ++i) near(y.data()[i], 1.5f, b[i]);
                EXPECT_TRUE(y.guarded());
                const int64_t outer = 5, count = outer * n;
                const std::vector<float> m = random_floats(count, low, 3, 5), rows = random_floats(outer, low, 3, 6);
                Buffer<float> z(count);
                f.row(m.data(), b.data(), z.data(), outer, n);
                for (int64_t i = 0; i < count; ++i) near(z.data()[i], m[i], b[i % n]);
                f.col(m.data(), rows.data(), z.data(), outer, n);
                for (int64_t i = 0; i < count; ++i) near(z.data()[i], m[i], rows[i / n]);
                EXPECT_TRUE(z.guarded());
            }
        }
        const float nan = std::nanf(""), one = 1;
        float y = 0;
        t.binary[static_cast<int>(Binary::max)].vv(&nan, &one, &y, 1);
        EXPECT_TRUE(std::isnan(y));
        t.binary[static_cast<int>(Binary::min)].vv(&one, &nan, &y, 1);
        EXPECT_TRUE(std::isnan(y));
    });
}

TEST(Vector, BroadcastOfAnyShapeInAnyRange) {
    const struct {
        Dims y, a, b;
    } cases[] = {{{2, 3, 4, 5}, {2, 3, 4, 5}, {5}},
                 {{2, 3, 4, 5}, {2, 3, 4, 5}, {3, 1, 1}},
                 {{2, 3, 4, 5}, {3, 1, 5}, {2, 3, 4, 1}},
                 {{7, 33}, {33}, {7, 33}},
                 {{7, 3}, {3}, {7, 3}},
                 {{700, 3}, {700, 3}, {1, 3}},
                 {{4, 1, 6}, {4, 1, 1}, {1, 1, 6}},
                 {{2, 2, 2, 2, 2}, {2, 1, 2, 1, 2}, {1, 2, 1, 2, 1}},
                 {{}, {}, {}},
                 {{1, 1}, {1}, {1, 1}},
                 {{5, 0, 3}, {5, 0, 3}, {3}},
                 {{3, 100}, {1}, {3, 100}},
                 {{2, 3, 50}, {2, 1, 50}, {3, 1}},
                 {{6, 40, 7}, {6, 1, 7}, {6, 40, 7}}};
    each_isa([&](const Table& t) {
        for (const auto& c : cases) {
            SCOPED_TRACE(to_text(c.y) + to_text(c.a) + to_text(c.b));
            const Broadcast s = make_broadcast(c.y, c.a, c.b);
            const int64_t n = count_of(c.y);
            ASSERT_EQ(s.count, n);
            const std::vector<float> a = random_floats(count_of(c.a), -1, 1, 7),
                                     b = random_floats(count_of(c.b), -1, 1, 8);
            std::vector<float> want(static_cast<size_t>(n));
            for (int64_t i = 0; i < n; ++i) {
                const auto index = [&](const Dims& d) {
                    int64_t at = 0, step = 1, rest = i;
                    for (size_t k = 0; k < c.y.size(); ++k) {
                        const int64_t p = rest % c.y[c.y.size() - 1 - k];
                        rest /= c.y[c.y.size() - 1 - k];
                        if (k >= d.size()) continue;
                        const int64_t size = d[d.size() - 1 - k];
                        at += (size == 1 ? 0 : p) * step;
                        step *= size;
                    }
                    return static_cast<size_t>(at);
                };
                want[static_cast<size_t>(i)] = a[index(c.a)] - b[index(c.b)];
            }
            for (int64_t cut : {int64_t{0}, n / 3, n / 2, n}) {
                Buffer<float> y(n);
                const auto nd = t.binary[static_cast<int>(Binary::sub)].nd;
                nd(s, a.data(), b.data(), y.data(), 0, cut);
                nd(s, a.data(), b.data(), y.data(), cut, n);
                EXPECT_TRUE(y.guarded());
                for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y.data()[i], want[static_cast<size_t>(i)]) << i;
            }
        }
    });
}

TEST(Vector, SoftmaxAlongEitherAxis) {
    each_isa([](const Table& t) {
        for (int64_t axis : kSizes)
            for (int64_t inner : {1, 3, 17, 40}) {
                if (axis == 0) continue;
                const int64_t outer = 2, n = outer * axis * inner;
                const std::vector<float> x = random_floats(n, -20, 20, 9);
                Buffer<float> y(n), l(n);
                if (inner == 1) {
                    t.softmax(x.data(), y.data(), outer, axis);
                    t.log_softmax(x.data(), l.data(), outer, axis);
                } else {
                    t.softmax_middle(x.data(), y.data(), outer, axis, inner, 0, inner / 2);
                    t.softmax_middle(x.data(), y.data(), outer, axis, inner, inner / 2, inner);
                    t.log_softmax_middle(x.data(), l.data(), outer, axis, inner, 0, inner);
                }
                EXPECT_TRUE(y.guarded() && l.guarded());
                for (int64_t o = 0; o < outer; ++o)
                    for (int64_t i = 0; i < inner; ++i) {
                        double top = -1e30, sum = 0;
                        const auto at = [&](int64_t k) { return (o * axis + k) * inner + i; };
                        for (int64_t k = 0; k < axis; ++k) top = std::max<double>(top, x[at(k)]);
                        for (int64_t k = 0; k < axis; ++k) sum += std::exp(x[at(k)] - top);
                        for (int64_t k = 0; k < axis; ++k) {
                            ASSERT_LE(relative(y.data()[at(k)], std::exp(x[at(k)] - top) / sum), 5e-6);
                            ASSERT_NEAR(l.data()[at(k)], x[at(k)] - top - std::log(sum), 1e-5);
                        }
                    }
            }
        std::vector<float> mask = {-kInf, 0, -kInf, 1};
        t.softmax(mask.data(), mask.data(), 1, 4);
        EXPECT_EQ(mask[0], 0);
        EXPECT_NEAR(mask[1], 1 / (1 + std::exp(1.0)), 1e-7);
    });
}

TEST(Vector, Normalisation) {
    each_isa([](const Table& t) {
        for (int64_t cols : kSizes) {
            if (cols == 0) continue;
            const int64_t rows = 6, n = rows * cols;
            // A mean far from zero shows cancellation.
            const std::vector<float> x = random_floats(n, 99, 101, 10), s = random_floats(cols, 0.5f, 2, 11),
                                     b = random_floats(cols, -1, 1, 12);
            Buffer<float> y(n), rms(n), grouped(n), last(n), middle(n);
            t.layer_norm(x.data(), s.data(), b.data(), 1e-5f, y.data(), rows, cols);
            t.rms_norm(x.data(), s.data(), 1e-5f, rms.data(), rows, cols);
            t.group_norm(x.data(), s.data(), b.data(), 1e-5f, grouped.data(), 1, 1, n, 1);
            if (cols >= 6) t.group_norm(x.data(), s.data(), b.data(), 1e-5f, grouped.data(), 1, 6, cols, 3);
            t.affine_last(x.data(), s.data(), b.data(), last.data(), rows, cols, false);
            if (cols >= 3) t.affine_middle(x.data(), s.data(), b.data(), middle.data(), 2, 3, cols, true);
            EXPECT_TRUE(y.guarded() && rms.guarded() && grouped.guarded() && last.guarded() && middle.guarded());
            const auto moments = [&](int64_t begin, int64_t count) {
                double mean = 0, variance = 0, square = 0;
                for (int64_t i = 0; i < count; ++i) mean += x[begin + i], square += double{x[begin + i]} * x[begin + i];
                mean /= static_cast<double>(count);
                for (int64_t i = 0; i < count; ++i) variance += std::pow(x[begin + i] - mean, 2);
                return std::array{mean, std::sqrt(variance / static_cast<double>(count) + 1e-5),
                                  std::sqrt(square / static_cast<double>(count) + 1e-5)};
            };
            for (int64_t i = 0; i < n; ++i) {
                const int64_t r = i / cols, c = i % cols;
                const auto m = moments(r * cols, cols);
                ASSERT_NEAR(y.data()[i], (x[i] - m[0]) / m[1] * s[c] + b[c], cols == 1 ? 2e-3 : 2e-4) << cols;
                ASSERT_LE(relative(rms.data()[i], x[i] / m[2] * s[c]), 2e-6);
                ASSERT_NEAR(last.data()[i], double{x[i]} * s[c] + b[c], 3e-5);
                if (cols >= 3) ASSERT_NEAR(middle.data()[i], std::max(0.0, double{x[i]} * s[r % 3] + b[r % 3]), 3e-5);
                if (cols >= 6) {
                    const auto g = moments(r / 2 * 2 * cols, 2 * cols);
                    ASSERT_NEAR(grouped.data()[i], (x[i] - g[0]) / g[1] * s[r] + b[r], 2e-4);
                }
            }
        }
    });
}

TEST(Vector, ReductionsAndArgmax) {
    each_isa([](const Table& t) {
        for (int64_t axis : kSizes)
            for (int64_t inner : {1, 5, 16, 70}) {
                const int64_t outer = 3, n = outer * axis * inner;
                std::vector<float> x = random_floats(n, -2, 2, 13);
                for (float& f : x) f = std::round(f * 8) / 8;  // with equals
                for (int kind = 0; kind < static_cast<int>(Reduce::count); ++kind) {
                    Buffer<float> y(outer * inner);
                    if (inner == 1)
                        t.reduce_last[kind](x.data(), y.data(), outer, axis);
                    else
                        t.reduce_middle[kind](x.data(), y.data(), outer, axis, inner);
                    EXPECT_TRUE(y.guarded());
                    for (int64_t p = 0; p < outer * inner; ++p) {
                        double sum = 0, top = -kInf, low = kInf, square = 0;
                        for (int64_t k = 0; k < axis; ++k) {
                            const double v = x[(p / inner * axis + k) * inner + p % inner];
                            sum += v, square += v * v, top = std::max(top, v), low = std::min(low, v);
                        }
                        const double want[] = {sum, sum / static_cast<double>(axis), top, low, square};
                        if (std::isnan(want[kind]))
                            ASSERT_TRUE(std::isnan(y.data()[p]));
                        else if (std::isinf(want[kind]))
                            ASSERT_EQ(y.data()[p], want[kind]);
                        else
                            ASSERT_NEAR(y.data()[p], want[kind], 1e-6 * (1 + square))
                                << kind << " " << axis << " " << inner;
                    }
                }
                if (axis == 0) continue;
                for (bool last : {false, true}) {
                    Buffer<int64_t> y(outer * inner);
                    if (inner == 1)
                        t.argmax_last(x.data(), y.data(), outer, axis, last);
                    else
                        t.argmax_middle(x.data(), y.data(), outer, axis, inner, last);
                    for (int64_t p = 0; p < outer * inner; ++p) {
                        int64_t best = 0;
                        const auto at = [&](int64_t k) { return x[(p / inner * axis + k) * inner + p % inner]; };
                        for (int64_t k = 1; k < axis; ++k)
                            if (at(k) > at(best) || (last && at(k) == at(best))) best = k;
                        ASSERT_EQ(y.data()[p], best);
                    }
                }
            }
    });
}

int range_low(Int t) { return t == Int::u8 ? 0 : -128; }
int range_high(Int t) { return t == Int::u8 ? 255 : 127; }
int stored(Int t, const void* p, int64_t i) {
    return t == Int::u8 ? static_cast<const uint8_t*>(p)[i] : static_cast<const int8_t*>(p)[i];
}
int saturate(float v, int zero, Int t) {
    const double r = std::nearbyint(static_cast<double>(v)) + zero;
    return static_cast<int>(std::min<double>(range_high(t), std::max<double>(range_low(t), r)));
}

TEST(Vector, QuantizeIsOnnxBitForBit) {
    each_isa([](const Table& t) {
        for (Int type : {Int::u8, Int::s8})
            for (float scale : {1.0f, 0.5f, 0.1f, 0.0123f, 3.3f})
                for (int zero : {range_low(type), 0, 5, range_high(type)}) {
                    std::vector<float> x = random_floats(3001, -300 * scale, 300 * scale, 14);
                    for (int i = 0; i < 1000; ++i)
                        x[static_cast<size_t>(i)] = (static_cast<float>(i - 500) + 0.5f) * scale;
                    const float edges[] = {kInf, -kInf, 1e30f, -1e30f, 0.0f, -0.0f, 2147483648.0f, -2147483648.0f};
                    std::copy(std::begin(edges), std::end(edges), x.begin() + 1000);
                    for (int64_t n : {int64_t{3001}, int64_t{7}, int64_t{17}}) {
                        Buffer<uint8_t> y(n);
                        t.quantize[static_cast<int>(type)](x.data(), scale, zero, y.data(), n);
                        EXPECT_TRUE(y.guarded());
                        for (int64_t i = 0; i < n; ++i)
                            ASSERT_EQ(stored(type, y.data(), i), saturate(x[i] / scale, zero, type))
                                << x[i] << " / " << scale;
                    }
                }
    });
}

template <class T>
void check_dequantize(const Table& t, Int type, int64_t n) {
    const int k = static_cast<int>(type);
    Rng rng(15);
    std::vector<T> x(static_cast<size_t>(6 * n));
    for (T& v : x) v = static_cast<T>(rng.next_u32());
    const std::vector<float> s = random_floats(std::max<int64_t>(n, 3), 0.01f, 1, 16);
    std::vector<int32_t> z(s.size());
    for (int32_t& v : z) v = type == Int::s32 ? 0 : static_cast<int32_t>(rng.below(120));
    Buffer<float> y(6 * n);
    t.dequantize[k](x.data(), s[0], z[0], y.data(), 6 * n);
    for (int64_t i = 0; i < 6 * n; ++i)
        ASSERT_EQ(y.data()[i], static_cast<float>(static_cast<int32_t>(x[i]) - z[0]) * s[0]);
    t.dequantize_last[k](x.data(), s.data(), z.data(), y.data(), 6, n);
    for (int64_t i = 0; i < 6 * n; ++i)
        ASSERT_EQ(y.data()[i], static_cast<float>(static_cast<int32_t>(x[i]) - z[i % n]) * s[i % n]);
    t.dequantize_middle[k](x.data(), s.data(), nullptr, y.data(), 2, 3, n);
    for (int64_t i = 0; i < 6 * n; ++i)
        ASSERT_EQ(y.data()[i], static_cast<float>(static_cast<int32_t>(x[i])) * s[i / n % 3]);
    EXPECT_TRUE(y.guarded());
}
TEST(Vector, Dequantize) {
    each_isa([](const Table& t) {
        for (int64_t n : kSizes) {
            check_dequantize<uint8_t>(t, Int::u8, n);
            check_dequantize<int8_t>(t, Int::s8, n);
            check_dequantize<int32_t>(t, Int::s32, n);
        }
    });
}

TEST(Vector, SumAndRequantize) {
    each_isa([](const Table& t) {
        Rng rng(17);
        for (Int type : {Int::u8, Int::s8})
            for (int64_t axis : {0, 1, 49, 333})
                for (int64_t inner : kSizes) {
                    std::vector<uint8_t> x(static_cast<size_t>(2 * axis * inner));
                    for (uint8_t& v : x) v = static_cast<uint8_t>(rng.next_u32());
                    Buffer<int32_t> y(2 * inner);
                    t.sum_middle[static_cast<int>(type)](x.data(), y.data(), 2, axis, inner);
                    EXPECT_TRUE(y.guarded());
                    for (int64_t p = 0; p < 2 * inner; ++p) {
                        int sum = 0;
                        for (int64_t k = 0; k < axis; ++k)
                            sum += stored(type, x.data(), (p / inner * axis + k) * inner + p % inner);
                        ASSERT_EQ(y.data()[p], sum);
                    }
                    const std::vector<float> m = random_floats(inner, 0.001f, 0.1f, 18);
                    for (int64_t count : {int64_t{1}, inner}) {
                        if (inner == 0) continue;
                        Buffer<uint8_t> q(2 * inner);
                        t.requantize[static_cast<int>(type)](y.data(), m.data(), count, 3, q.data(), 2, inner);
                        EXPECT_TRUE(q.guarded());
                        for (int64_t p = 0; p < 2 * inner; ++p)
                            ASSERT_EQ(
                                stored(type, q.data(), p),
                                saturate(static_cast<float>(y.data()[p]) * m[count == 1 ? 0 : p % inner], 3, type));
                    }
                }
    });
}

TEST(Vector, ResidualAddIsTheRuleBitForBit) {
    // All 65536 pairs, and sizes with tails.
    std::vector<uint8_t> a(65536), b(65536);
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<uint8_t>(i), b[i] = static_cast<uint8_t>(i >> 8);
    each_isa([&](const Table& t) {
        Rng rng(19);
        for (int round = 0; round < 48; ++round) {
            QAdd s;
            s.a_type = static_cast<Int>(round & 1);
            s.b_type = static_cast<Int>(round >> 1 & 1);
            s.y_type = static_cast<Int>(round >> 2 & 1);
            s.relu = round >> 3 & 1;
            // Scales of few bits give exact halves.
            s.a_scale = round < 16 ? 0.5f : round < 32 ? 0.75f : static_cast<float>(0.1 + rng.uniform());
            s.b_scale = round < 16 ? 0.25f : round < 32 ? 1.5f : static_cast<float>(0.1 + rng.uniform());
            const auto zero = [&](Int type) { return range_low(type) + static_cast<int>(rng.below(256)); };
            s.a_zero = zero(s.a_type), s.b_zero = zero(s.b_type), s.y_zero = zero(s.y_type);
            for (int64_t n : {int64_t{65536}, int64_t{1}, int64_t{17}, int64_t{31}}) {
                Buffer<uint8_t> y(n), g(n);
                t.q_add(s, a.data(), b.data(), y.data(), n);
                QMul m{s.a_type, s.b_type, s.y_type, s.a_zero, s.b_zero, s.y_zero, s.a_scale * 0.01f};
                t.q_mul(m, a.data(), b.data(), g.data(), 1, n, false);
                EXPECT_TRUE(y.guarded() && g.guarded());
                for (int64_t i = 0; i < n; ++i) {
                    const int qa = stored(s.a_type, a.data(), i) - s.a_zero,
                              qb = stored(s.b_type, b.data(), i) - s.b_zero;
                    const float p = static_cast<float>(qb) * s.b_scale;
                    float v = std::fmaf(s.a_scale, static_cast<float>(qa), p);
                    if (s.relu && v < 0) v = 0;
                    ASSERT_EQ(stored(s.y_type, y.data(), i), saturate(v, s.y_zero, s.y_type)) << qa << " " << qb;
                    ASSERT_EQ(stored(s.y_type, g.data(), i),
                              saturate(static_cast<float>(qa * qb) * m.scale, s.y_zero, s.y_type));
                }
            }
        }
        QMul m{Int::u8, Int::u8, Int::u8, 3, 0, 1, 0.004f};
        Buffer<uint8_t> g(33 * 5);
        t.q_mul(m, a.data(), b.data() + 300, g.data(), 5, 33, true);
        for (int i = 0; i < 33 * 5; ++i)
            ASSERT_EQ(
                g.data()[i],
                saturate(
                    static_cast<float>((a[static_cast<size_t>(i)] - 3) * b[static_cast<size_t>(300 + i % 33)]) * 0.004f,
                    1, Int::u8));
    });
}

TEST(Vector, LookupAndHalfTypes) {
    each_isa([](const Table& t) {
        Rng rng(20);
        uint8_t table[256];
        for (uint8_t& v : table) v = static_cast<uint8_t>(rng.next_u32());
        for (int64_t n : kSizes) {
            std::vector<uint8_t> x(static_cast<size_t>(n));
            for (uint8_t& v : x) v = static_cast<uint8_t>(rng.next_u32());
            Buffer<uint8_t> y(n);
            t.lookup8(table, x.data(), y.data(), n);
            EXPECT_TRUE(y.guarded());
            for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y.data()[i], table[x[static_cast<size_t>(i)]]);
            // All bit patterns that occur, ties and NaN among them.
            std::vector<float> f(static_cast<size_t>(n));
            for (int64_t i = 0; i < n; ++i) {
                uint32_t u = i % 3 ? rng.next_u32() : (rng.next_u32() & 0xffff8000u);
                if (i % 5 == 4) u = (rng.next_u32() & 0x8fffffffu) | 0x38000000u;
                if (i == 10) u = 0x7f800001u;
                if (i == 11) u = 0x477ff000u;
                std::memcpy(&f[static_cast<size_t>(i)], &u, 4);
            }
            Buffer<uint16_t> h(n), b(n);
            t.f32_to_f16(f.data(), h.data(), n);
            t.f32_to_bf16(f.data(), b.data(), n);
            std::vector<float> back(static_cast<size_t>(n)), wide(static_cast<size_t>(n));
            t.f16_to_f32(h.data(), back.data(), n);
            t.bf16_to_f32(b.data(), wide.data(), n);
            EXPECT_TRUE(h.guarded() && b.guarded());
            for (int64_t i = 0; i < n; ++i) {
                const float v = f[static_cast<size_t>(i)];
                ASSERT_EQ(b.data()[i], hone::f32_to_bf16(v));
                if (!std::isnan(v)) {
                    ASSERT_EQ(h.data()[i], hone::f32_to_f16(v)) << v;
                    ASSERT_EQ(back[static_cast<size_t>(i)], hone::f16_to_f32(h.data()[i]));
                    ASSERT_EQ(wide[static_cast<size_t>(i)], hone::bf16_to_f32(b.data()[i]));
                } else {
                    ASSERT_TRUE(std::isnan(back[static_cast<size_t>(i)]) && std::isnan(wide[static_cast<size_t>(i)]));
                }
            }
        }
    });
}

template <class T>
void check_transpose(const Table& t, int index, int64_t rows, int64_t cols) {
    const int64_t xs = cols + (rows == 17 ? 3 : 0), ys = rows + (cols == 33 ? 2 : 0);
    Rng rng(21);
    std::vector<T> x(static_cast<size_t>(rows * xs));
    for (T& v : x) v = static_cast<T>(rng.next_u64());
    Buffer<T> y(cols * ys);
    t.transpose[index](x.data(), xs, y.data(), ys, rows, cols);
    EXPECT_TRUE(y.guarded());
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c)
            ASSERT_EQ(y.data()[c * ys + r], x[static_cast<size_t>(r * xs + c)])
                << rows << "x" << cols << " at " << r << "," << c;
    for (int64_t c = 0; c < cols; ++c)
        for (int64_t r = rows; r < ys; ++r) ASSERT_EQ(y.data()[c * ys + r], T(77));
}
TEST(Vector, TransposeOfEachElementSize) {
    each_isa([](const Table& t) {
        for (int64_t rows : {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100})
            for (int64_t cols : {0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 33, 64, 130}) {
                check_transpose<uint8_t>(t, 0, rows, cols);
                check_transpose<uint16_t>(t, 1, rows, cols);
                check_transpose<uint32_t>(t, 2, rows, cols);
                check_transpose<uint64_t>(t, 3, rows, cols);
            }
    });
}

template <class T>
void check_permute(const Dims& x_dims, const std::vector<int64_t>& perm) {
    const int64_t n = count_of(x_dims);
    std::vector<T> x(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i)] = static_cast<T>(i * 7);
    Buffer<T> y(n);
    const Permute p = make_permute(x_dims, perm);
    permute(p, sizeof(T), x.data(), y.data(), 0, p.outer / 2);
    permute(p, sizeof(T), x.data(), y.data(), p.outer / 2, p.outer);
    EXPECT_TRUE(y.guarded());
    Dims y_dims;
    for (int64_t a : perm) y_dims.push_back(x_dims[static_cast<size_t>(a)]);
    const Dims strides = strides_of(x_dims);
    for (int64_t i = 0; i < n; ++i) {
        int64_t rest = i, from = 0;
        for (size_t k = perm.size(); k-- > 0;) {
            from += rest % y_dims[k] * strides[static_cast<size_t>(perm[k])];
            rest /= y_dims[k];
        }
        ASSERT_EQ(y.data()[i], x[static_cast<size_t>(from)]) << to_text(x_dims) << " at " << i;
    }
}
TEST(Vector, PermuteOfAnyRank) {
    for (const Dims& d :
         {Dims{2, 3, 4, 5}, Dims{1, 3, 65, 67}, Dims{2, 64, 9, 8}, Dims{3, 1, 1, 7}, Dims{2, 0, 4, 5}}) {
        std::vector<int64_t> perm = {0, 1, 2, 3};
        do {
            check_permute<uint8_t>(d, perm);
            check_permute<uint32_t>(d, perm);
            check_permute<uint64_t>(d, perm);
        } while (std::next_permutation(perm.begin(), perm.end()));
    }
    check_permute<uint16_t>({2, 3, 4, 5, 6, 2}, {5, 0, 4, 2, 1, 3});
    check_permute<uint16_t>({}, {});
}

/// Sources built with instruction-set flags must not lend inline functions to the rest (architecture, decision 13).
TEST(Vector, IsaObjectsExportNoWeakSymbols) {
    const std::string objects = parent_directory(HONE_BINARY) + "/CMakeFiles/hone_kernel.dir/src/kernel";
    HONE_REQUIRE(is_directory(objects) && std::system("nm --version > /dev/null 2>&1") == 0,
                 "nm or the kernel objects");
    int seen = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(objects)) {
        const std::string path = entry.path().string();
        if (path.find("_avx") == std::string::npos || !path.ends_with(".cc.o")) continue;
        ++seen;
        FILE* pipe = popen(("nm -C '" + path + "'").c_str(), "r");
        ASSERT_NE(pipe, nullptr);
        char line[4096];
        while (std::fgets(line, sizeof line, pipe)) {
            const std::string text = line;
            const bool weak = text.size() > 19 && std::strchr("WVu", text[17]) && text[18] == ' ';
            const bool code = text.find("DW.ref.") == std::string::npos;  // a pointer that exception tables share
            EXPECT_FALSE(weak && code) << path << ": " << text;
        }
        pclose(pipe);
    }
    EXPECT_GE(seen, 4);
}

TEST(Vector, BroadcastRefusesWhatDoesNotBroadcast) {
    EXPECT_THROW(make_broadcast({2, 3}, {2, 3}, {2}), Error);
    EXPECT_EQ(make_broadcast({2, 3, 4, 5}, {2, 3, 4, 5}, {2, 3, 4, 5}).rank, 1);
    EXPECT_EQ(make_broadcast({2, 3, 4, 5}, {2, 3, 4, 5}, {3, 1, 1}).rank, 3);
    EXPECT_EQ(make_broadcast({1, 3, 4, 5}, {1, 3, 4, 5}, {3, 1, 1}).rank, 2);
}

}  // namespace
}  // namespace hone::vec
