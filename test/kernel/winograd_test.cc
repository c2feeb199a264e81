// SPDX-License-Identifier: Apache-2.0
// Winograd by oneDNN against a plain loop, and with its weights packed before.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/cpu.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "kernel/onednn/onednn.h"

using namespace hone;

namespace {

struct Case {
    int64_t in, out, side, pad;
    bool residual;
    int threads;
};

/// Channels last, relu(conv + bias + residual) in double.
std::vector<double> reference(const Case& c, const std::vector<float>& x, const std::vector<float>& w, const std::vector<float>& b, const std::vector<float>& r) {
    const int64_t o_side = c.side + 2 * c.pad - 2;
    std::vector<double> y;
    for (int64_t h = 0; h < o_side; ++h)
        for (int64_t v = 0; v < o_side; ++v)
            for (int64_t o = 0; o < c.out; ++o) {
                double sum = b[static_cast<size_t>(o)];
                for (int64_t kh = 0; kh < 3; ++kh)
                    for (int64_t kv = 0; kv < 3; ++kv) {
                        const int64_t ih = h + kh - c.pad, iv = v + kv - c.pad;
                        if (ih < 0 || iv < 0 || ih >= c.side || iv >= c.side) continue;
                        for (int64_t i = 0; i < c.in; ++i)
                            sum += static_cast<double>(x[static_cast<size_t>((ih * c.side + iv) * c.in + i)]) * w[static_cast<size_t>(((o * c.in + i) * 3 + kh) * 3 + kv)];
                    }
                if (c.residual) sum += r[y.size()];
                y.push_back(std::max(sum, 0.0));
            }
    return y;
}

TEST(Winograd, AnswersAsAPlainLoop) {
    if (usable_isa() < Isa::avx512) GTEST_SKIP() << "oneDNN has it for AVX-512 only";
    Rng rng(4);
    auto numbers = [&](int64_t n) {
        std::vector<float> v(static_cast<size_t>(n));
        for (float& f : v) f = static_cast<float>(rng.normal());
        return v;
    };
    int made = 0;
    for (const Case& c : {Case{64, 64, 14, 1, true, 2}, Case{32, 64, 17, 1, false, 1}, Case{64, 32, 12, 0, true, 1}}) {
        const int64_t o_side = c.side + 2 * c.pad - 2;
        onednn::ConvSpec s;
        s.bias = DType::f32;
        s.src_dims = {1, c.in, c.side, c.side};
        s.weight_dims = {c.out, c.in, 3, 3};
        s.dst_dims = {1, c.out, o_side, o_side};
        s.strides = s.dilations = {1, 1};
        s.pads_begin = s.pads_end = {c.pad, c.pad};
        s.epilogue.act = onednn::Act::relu;
        s.epilogue.residual = c.residual;
        s.threads = c.threads;
        const auto x = numbers(c.in * c.side * c.side), w = numbers(c.out * c.in * 9), b = numbers(c.out), r = numbers(c.out * o_side * o_side);
        const auto kernel = onednn::make_winograd(s, w.data(), b.data());
        if (!kernel) continue;
        ++made;
        EXPECT_NE(kernel->implementation().find("wino"), std::string::npos);
        const std::vector<double> want = reference(c, x, w, b, r);
        double greatest = 0;
        for (double v : want) greatest = std::max(greatest, v);
        ThreadPool pool(2);
        const ThreadPool::Use use(&pool);
        const auto scratch = allocate_aligned(kernel->scratch_bytes());
        auto answer = [&](const onednn::Kernel& k) {
            std::vector<float> y(r);  // the residual lies where the result goes
            k.run({.src = x.data(), .dst = y.data(), .residual = y.data(), .scratch = scratch.get()});
            return y;
        };
        const std::vector<float> y = answer(*kernel);
        for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], want[i], 2e-4 * greatest) << i;

        const onednn::PackedWeights packed = kernel->packed_weights();
        ASSERT_TRUE(packed.data);
        s.packed = packed;
        const auto again = onednn::make_winograd(s, nullptr, b.data());
        ASSERT_TRUE(again);
        EXPECT_EQ(answer(*again), y);
        s.packed.bytes -= 64;
        EXPECT_FALSE(onednn::make_winograd(s, nullptr, b.data()));
    }
    EXPECT_GT(made, 0);
}

TEST(Winograd, RefusesWhatItIsNotFor) {
    onednn::ConvSpec s;
    s.src_dims = {1, 16, 8, 8};
    s.weight_dims = {16, 16, 3, 3};
    s.dst_dims = {1, 16, 4, 4};
    s.strides = {2, 2};
    s.dilations = {1, 1};
    s.pads_begin = s.pads_end = {1, 1};
    const std::vector<float> w(16 * 16 * 9, 1.f);
    EXPECT_FALSE(onednn::make_winograd(s, w.data(), nullptr));
}

}  // namespace
