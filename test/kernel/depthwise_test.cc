// SPDX-License-Identifier: Apache-2.0
// Depthwise kernels against a plain loop, for each instruction set that this machine has, on awkward sizes.
#include "kernel/depthwise/depthwise.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "isa_cap.h"
#include "support.h"

namespace hone::depthwise {
namespace {

struct Case {
    int64_t h, w, c, k, stride, dilation, pad;
};
const Case kCases[] = {
    {7, 7, 384, 3, 1, 1, 1}, {14, 14, 96, 3, 2, 1, 1}, {28, 28, 16, 3, 1, 1, 1}, {5, 9, 24, 3, 1, 1, 1}, {1, 1, 3, 3, 1, 1, 1},
    {2, 3, 17, 3, 2, 1, 1},  {13, 20, 33, 5, 1, 1, 2}, {9, 41, 70, 5, 2, 1, 2},  {6, 6, 100, 5, 1, 1, 0}, {11, 11, 48, 7, 1, 1, 3},
    {8, 35, 15, 7, 2, 1, 3}, {10, 12, 20, 3, 1, 2, 2}, {9, 9, 8, 3, 3, 1, 1},   {4, 4, 130, 4, 1, 1, 1},  {3, 50, 65, 3, 1, 1, 2},
};

Geometry geometry_of(const Case& c, int64_t n) {
    Geometry g{.n = n, .h = c.h, .w = c.w, .c = c.c};
    g.kernel_h = g.kernel_w = c.k;
    g.stride_h = g.stride_w = c.stride;
    g.dilation_h = g.dilation_w = c.dilation;
    g.pad_top = g.pad_left = c.pad;
    g.out_h = (c.h + 2 * c.pad - (c.k - 1) * c.dilation - 1) / c.stride + 1;
    g.out_w = (c.w + 2 * c.pad - (c.k - 1) * c.dilation - 1) / c.stride + 1;
    return g;
}

/// Calls f(output index, channel, tap, source index) for every product.
template <class F>
void each_product(const Geometry& g, const F& f) {
    for (int64_t n = 0; n < g.n; ++n)
        for (int64_t oh = 0; oh < g.out_h; ++oh)
            for (int64_t ow = 0; ow < g.out_w; ++ow)
                for (int64_t kh = 0; kh < g.kernel_h; ++kh)
                    for (int64_t kw = 0; kw < g.kernel_w; ++kw) {
                        const int64_t ih = oh * g.stride_h - g.pad_top + kh * g.dilation_h, iw = ow * g.stride_w - g.pad_left + kw * g.dilation_w;
                        if (ih < 0 || ih >= g.h || iw < 0 || iw >= g.w) continue;
                        for (int64_t c = 0; c < g.c; ++c)
                            f(((n * g.out_h + oh) * g.out_w + ow) * g.c + c, c, kh * g.kernel_w + kw, ((n * g.h + ih) * g.w + iw) * g.c + c);
                    }
}

std::string name_of(const Case& c) { return cat(c.h, "x", c.w, "x", c.c, " k", c.k, " s", c.stride, " d", c.dilation, " p", c.pad); }

TEST(Depthwise, FloatMatchesTheLoop) {
    Rng rng(3);
    for (Isa isa : {Isa::avx2, Isa::avx512}) {
        if (isa > machine_isa()) continue;
        const Cap cap(isa);
        for (const Case& c : kCases)
            for (const Act act : {Act::none, Act::relu, Act::clip, Act::silu}) {
                SCOPED_TRACE(cat(name_of(c), " ", isa_name(isa)));
                const Geometry g = geometry_of(c, 2);
                const int64_t taps = g.kernel_h * g.kernel_w, in = g.n * g.h * g.w * g.c, out = g.rows() * g.out_w * g.c;
                std::vector<float> x(static_cast<size_t>(in)), w(static_cast<size_t>(g.c * taps)), b(static_cast<size_t>(g.c));
                for (auto* v : {&x, &w, &b})
                    for (float& f : *v) f = static_cast<float>(rng.uniform() * 2 - 1);
                std::vector<double> want(static_cast<size_t>(out));
                for (int64_t i = 0; i < out; ++i) want[static_cast<size_t>(i)] = b[static_cast<size_t>(i % g.c)];
                each_product(g, [&](int64_t o, int64_t ch, int64_t t, int64_t s) { want[static_cast<size_t>(o)] += static_cast<double>(x[static_cast<size_t>(s)]) * w[static_cast<size_t>(ch * taps + t)]; });
                std::vector<float> y(static_cast<size_t>(out) + 1, 77);
                const auto k = make_f32(g, w.data(), b.data(), act, -0.5f, 0.75f);
                ASSERT_TRUE(k);
                k->run(x.data(), y.data(), 1, g.rows());
                k->run(x.data(), y.data(), 0, 1);
                EXPECT_EQ(y.back(), 77);
                for (int64_t i = 0; i < out; ++i) {
                    double v = want[static_cast<size_t>(i)];
                    if (act == Act::relu) v = std::max(v, 0.0);
                    if (act == Act::clip) v = std::clamp(v, -0.5, 0.75);
                    if (act == Act::silu) v = v / (1 + std::exp(-v));
                    ASSERT_NEAR(y[static_cast<size_t>(i)], v, 1e-5) << i;
                }
            }
    }
}

TEST(Depthwise, BytesAreTheSpecification) {
    Rng rng(4);
    int made = 0;
    for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_vnni}) {
        if (isa > machine_isa()) continue;
        const Cap cap(isa);
        for (const Case& c : kCases)
            for (const Act act : {Act::none, Act::relu, Act::clip}) {
                SCOPED_TRACE(cat(name_of(c), " ", isa_name(isa)));
                const Geometry g = geometry_of(c, 2);
                const int64_t taps = g.kernel_h * g.kernel_w, in = g.n * g.h * g.w * g.c, out = g.rows() * g.out_w * g.c;
                std::vector<uint8_t> x(static_cast<size_t>(in)), y(static_cast<size_t>(out) + 1, 77);
                std::vector<int8_t> w(static_cast<size_t>(g.c * taps));
                std::vector<int32_t> b(static_cast<size_t>(g.c)), acc(static_cast<size_t>(out));
                std::vector<float> m(static_cast<size_t>(g.c));
                for (auto& v : x) v = static_cast<uint8_t>(rng.uniform() < 0.3 ? 255 : rng.uniform() * 256);
                for (auto& v : w) v = static_cast<int8_t>(rng.uniform() < 0.3 ? -128 + 255 * (rng.uniform() < 0.5) : rng.uniform() * 256 - 128);
                for (auto& v : b) v = static_cast<int32_t>(rng.uniform() * 20000 - 10000);
                for (auto& v : m) v = static_cast<float>(rng.uniform() * 0.01 + 1e-4);
                Numbers n{m.data(), g.c, 119, 7, act, -3.25f, 130.5f};
                for (int64_t i = 0; i < out; ++i) acc[static_cast<size_t>(i)] = b[static_cast<size_t>(i % g.c)];
                each_product(g, [&](int64_t o, int64_t ch, int64_t t, int64_t s) { acc[static_cast<size_t>(o)] += (x[static_cast<size_t>(s)] - n.x_zero) * w[static_cast<size_t>(ch * taps + t)]; });
                const auto k = make_u8(g, w.data(), b.data(), n);
                const bool has = (c.k == 3 || c.k == 5 || c.k == 7) && c.stride <= 2 && c.dilation == 1;
                ASSERT_EQ(k != nullptr, has);
                if (!k) continue;
                ++made;
                k->run(x.data(), y.data(), 1, g.rows());
                k->run(x.data(), y.data(), 0, 1);
                EXPECT_EQ(y.back(), 77);
                std::vector<float> z(static_cast<size_t>(out) + 1, 77);
                n.to_float = true;
                make_u8(g, w.data(), b.data(), n)->run(x.data(), z.data(), 0, g.rows());
                EXPECT_EQ(z.back(), 77);
                for (int64_t i = 0; i < out; ++i) {
                    float p = static_cast<float>(acc[static_cast<size_t>(i)]) * m[static_cast<size_t>(i % g.c)];
                    if (act == Act::relu) p = std::max(p, 0.f);
                    if (act == Act::clip) p = std::clamp(p, n.alpha, n.beta);
                    ASSERT_EQ(z[static_cast<size_t>(i)], p) << i;
                    ASSERT_EQ(static_cast<float>(y[static_cast<size_t>(i)]), std::clamp(std::nearbyint(p) + 7, 0.f, 255.f)) << i;
                }
            }
    }
    EXPECT_GT(made, 0);
}

}  // namespace
}  // namespace hone::depthwise
