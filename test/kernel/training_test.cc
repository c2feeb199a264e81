// SPDX-License-Identifier: Apache-2.0
// Kernels of the training step on each instruction set, against plain loops in double.
#include "kernel/training/training.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "isa_cap.h"

namespace {
using namespace hone;

std::vector<float> numbers(int64_t n, uint64_t seed, double mean = 0) {
    std::vector<float> v(static_cast<size_t>(n));
    Rng rng(seed);
    for (float& f : v) f = static_cast<float>(mean + rng.normal());
    return v;
}
template <class F>
void each_isa(F f) {
    for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        SCOPED_TRACE(static_cast<int>(isa));
        const Cap cap(isa);
        f(train::table());
    }
}

TEST(Training, SumsAndGradientsOfABatch) {
    each_isa([](const train::Table& t) {
        for (int64_t channels : {1, 3, 16, 17, 67, 129})
            for (int64_t rows : {1, 63, 64, 65, 200}) {
                const auto n = static_cast<size_t>(channels);
                const std::vector<float> x = numbers(rows * channels, 1, 3), dy = numbers(rows * channels, 2), shift = numbers(channels, 3, 3), a = numbers(channels, 4), b = numbers(channels, 5);
                std::vector<double> two(2 * n, 1), four(4 * n, 1);  // they add to what is there
                t.moments_last(x.data(), shift.data(), rows, channels, two.data());
                t.gradient_sums_last(dy.data(), x.data(), shift.data(), rows, channels, four.data());
                std::vector<float> dx(dy);
                t.gradient_last(dx.data(), x.data(), a.data(), b.data(), shift.data(), dx.data(), rows, channels);
                for (size_t c = 0; c < n; ++c) {
                    double want[4] = {1, 1, 1, 1};
                    std::vector<float> plane, slope;
                    for (int64_t r = 0; r < rows; ++r) {
                        const size_t i = static_cast<size_t>(r) * n + c;
                        const double d = static_cast<double>(x[i]) - static_cast<double>(shift[c]), g = static_cast<double>(dy[i]);
                        want[0] += d, want[1] += d * d, want[2] += g, want[3] += g * d;
                        plane.push_back(x[i]), slope.push_back(dy[i]);
                        const double y = static_cast<double>(a[c]) * g + static_cast<double>(b[c]) * static_cast<double>(x[i]) + static_cast<double>(shift[c]);
                        ASSERT_NEAR(dx[i], y, 2e-5) << c << " of " << channels;
                    }
                    const double bound = 1e-5 * std::sqrt(static_cast<double>(rows)) + 1e-6 * want[1];
                    for (size_t k = 0; k < 4; ++k) {
                        if (k < 2) ASSERT_NEAR(two[k * n + c], want[k], bound) << c << " of " << channels << " rows " << rows;
                        ASSERT_NEAR(four[k * n + c], want[k], bound) << c << " of " << channels << " rows " << rows;
                    }
                    double one[2] = {1, 1}, all[4] = {1, 1, 1, 1};
                    t.moments_plane(plane.data(), shift[c], rows, one);
                    t.gradient_sums_plane(slope.data(), plane.data(), shift[c], rows, all);
                    for (size_t k = 0; k < 4; ++k) {
                        if (k < 2) ASSERT_NEAR(one[k], want[k], bound);
                        ASSERT_NEAR(all[k], want[k], bound);
                    }
                    t.gradient_plane(slope.data(), plane.data(), a[c], b[c], shift[c], slope.data(), rows);
                    for (int64_t r = 0; r < rows; ++r) ASSERT_NEAR(slope[static_cast<size_t>(r)], dx[static_cast<size_t>(r) * n + c], 2e-5);
                }
            }
    });
}

/// Among equals the first has it all, a NaN before any number, and channels outside the range stay as they were.
TEST(Training, MaxPoolGradientPicksAsThePoolDoes) {
    train::PoolWindow w;
    w.in[2] = 5, w.out[2] = 3, w.kernel[2] = 3, w.stride[2] = 2, w.pad[2] = 1;
    const float nan = std::numeric_limits<float>::quiet_NaN();
    // windows {0,1}, {1,2,3}, {3,4}
    const std::vector<std::vector<float>> planes = {{1, 1, 1, 1, 1}, {0, 2, 3, 5, 4}, {-3, -1, -2, -5, -4}, {0, nan, 9, nan, 1}};
    const std::vector<std::vector<float>> want = {{1, 2, 0, 4, 0}, {0, 1, 0, 6, 0}, {0, 3, 0, 0, 4}, {0, 3, 0, 4, 0}};
    each_isa([&](const train::Table& t) {
        for (int64_t channels : {4, 21, 40}) {
            const auto n = static_cast<size_t>(channels);
            std::vector<float> x(5 * n), dy(3 * n), dx(5 * n, 7);
            for (size_t c = 0; c < n; ++c) {
                for (size_t i = 0; i < 5; ++i) x[i * n + c] = planes[c % 4][i];
                dy[c] = 1, dy[n + c] = 2, dy[2 * n + c] = 4;
            }
            t.max_pool_gradient(w, dy.data(), x.data(), dx.data(), channels, 1, channels - 1);
            for (size_t c = 0; c < n; ++c)
                for (size_t i = 0; i < 5; ++i) ASSERT_EQ(dx[i * n + c], c == 0 || c == n - 1 ? 7 : want[c % 4][i]) << "channel " << c << " of " << n << ", position " << i;
        }
    });
}

TEST(Training, DropoutDrawsTheSameMaskAnywhere) {
    const std::vector<float> x = numbers(1000, 1, 9);
    train::Dropout d;
    d.key = 0x123456789ABCDEF0u, d.draw = 0x100000003u, d.least = 0x40000000u, d.scale = 4.f / 3;
    std::vector<float> want(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        const uint64_t at = 0xFFFFFFFF0u + i;  // across 32 bits of the block's number, and not at its begin
        const auto block = philox4x32({static_cast<uint32_t>(at / 4), static_cast<uint32_t>(at / 4 >> 32), 3, 1}, {0x9ABCDEF0u, 0x12345678u});
        want[i] = block[at % 4] >= d.least ? x[i] * d.scale : 0.f;
    }
    each_isa([&](const train::Table& t) {
        for (const std::pair<size_t, size_t>& cut : {std::pair<size_t, size_t>{0, 1000}, {3, 64}, {1, 2}, {61, 300}}) {
            std::vector<float> y(x);
            t.dropout(d, 0xFFFFFFFF0u + cut.first, y.data() + cut.first, y.data() + cut.first, static_cast<int64_t>(cut.second));
            for (size_t i = 0; i < x.size(); ++i)
                ASSERT_EQ(y[i], i < cut.first || i >= cut.first + cut.second ? x[i] : want[i]) << i << " of " << cut.first;
        }
    });
}

}  // namespace
