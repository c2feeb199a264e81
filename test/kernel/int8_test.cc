// SPDX-License-Identifier: Apache-2.0
// The own int8 products against a plain loop of docs/int8.md, for each instruction set that this machine has.
#include "kernel/int8/int8.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "isa_cap.h"
#include "support.h"

namespace hone::int8 {
namespace {

struct Case {
    int64_t n, h, w, in, out, groups, kh, kw, stride, dilation, pad;
};
const Case kCases[] = {
    {1, 7, 7, 96, 384, 1, 1, 1, 1, 1, 0}, {2, 9, 5, 3, 17, 1, 3, 3, 2, 1, 1},  {1, 14, 14, 16, 16, 1, 3, 3, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0},
    {2, 6, 8, 5, 33, 1, 3, 2, 1, 2, 2},   {1, 1, 30, 7, 9, 1, 1, 5, 2, 1, 2},   {1, 10, 10, 6, 8, 2, 3, 3, 1, 1, 1},   {1, 8, 8, 9, 9, 9, 3, 3, 1, 1, 1},
    {1, 20, 20, 1, 16, 1, 7, 7, 2, 1, 3}, {5, 1, 1, 301, 40, 1, 1, 1, 1, 1, 0}, {1, 12, 11, 64, 31, 1, 1, 1, 2, 1, 0}, {1, 3, 3, 12, 70, 2, 3, 3, 1, 3, 3},
};

class Check {
  public:
    Check(const Case& c, Rng& rng) : c_(c), rng_(rng) {
        s_.n = c.n, s_.h = c.h, s_.w = c.w, s_.in_channels = c.in, s_.out_channels = c.out, s_.groups = c.groups;
        s_.kernel_h = c.kh, s_.kernel_w = c.kw, s_.stride_h = s_.stride_w = c.stride, s_.dilation_h = s_.dilation_w = c.dilation;
        s_.pad_top = c.h > 1 || c.kh > 1 ? c.pad : 0, s_.pad_left = c.pad;
        s_.out_h = (c.h + 2 * s_.pad_top - (c.kh - 1) * c.dilation - 1) / c.stride + 1;
        s_.out_w = (c.w + 2 * s_.pad_left - (c.kw - 1) * c.dilation - 1) / c.stride + 1;
    }
    void run(DType src, DType dst, Act act, bool residual) {
        s_.src = src, s_.dst = dst, s_.act = act, s_.residual = residual;
        s_.x_zero = src == DType::u8 ? 113 : -9;
        s_.y_zero = dst == DType::u8 ? 21 : dst == DType::i8 ? -4 : 0;
        s_.alpha = act == Act::clip ? -3.5f : 0.125f, s_.beta = 90.25f;
        s_.residual_scale = 0.37f;
        const int64_t each = c_.in / c_.groups * c_.kh * c_.kw, outs = s_.n * s_.out_h * s_.out_w * c_.out;
        std::vector<int8_t> w(static_cast<size_t>(c_.out * each));
        std::vector<int32_t> bias(static_cast<size_t>(c_.out));
        std::vector<float> scales(static_cast<size_t>(c_.out));
        for (auto& v : w) v = static_cast<int8_t>(rng_.uniform() < 0.2 ? (rng_.uniform() < 0.5 ? 127 : -128) : rng_.uniform() * 256 - 128);
        for (auto& v : bias) v = static_cast<int32_t>(rng_.uniform() * 2000 - 1000);
        for (auto& v : scales) v = static_cast<float>((rng_.uniform() + 0.2) * 0.02 / std::sqrt(static_cast<double>(each)));
        s_.scales = scales.data(), s_.scale_count = c_.out;
        Tensor x = Tensor::zeros(src, {s_.n, s_.h, s_.w, c_.in}), y = Tensor::zeros(dst, {outs}), r = Tensor::zeros(dst, {outs});
        for (int64_t i = 0; i < x.count(); ++i) x.set_int(i, static_cast<int64_t>(rng_.uniform() * 256) - (src == DType::u8 ? 0 : 128));
        for (int64_t i = 0; i < outs; ++i) {
            if (dst == DType::f32) r.set(i, rng_.normal());
            else r.set_int(i, static_cast<int64_t>(rng_.uniform() * 256) - (dst == DType::u8 ? 0 : 128));
        }
        const auto k = make(s_, w.data(), bias.data());
        ASSERT_TRUE(k);
        const std::shared_ptr<void> scratch = allocate_aligned(k->scratch_bytes());
        k->run({x.raw(), y.raw_mut(), residual ? r.raw() : nullptr, scratch.get()});
        for (int64_t i = 0; i < outs; ++i) {
            const int64_t o = i % c_.out, ow = i / c_.out % s_.out_w, oh = i / (c_.out * s_.out_w) % s_.out_h, n = i / (c_.out * s_.out_w * s_.out_h);
            const int64_t in_each = c_.in / c_.groups, first = o / (c_.out / c_.groups) * in_each;
            int32_t acc = bias[static_cast<size_t>(o)];
            for (int64_t kh = 0; kh < c_.kh; ++kh)
                for (int64_t kw = 0; kw < c_.kw; ++kw) {
                    const int64_t ih = oh * c_.stride - s_.pad_top + kh * c_.dilation, iw = ow * c_.stride - s_.pad_left + kw * c_.dilation;
                    if (ih < 0 || ih >= s_.h || iw < 0 || iw >= s_.w) continue;
                    for (int64_t ch = 0; ch < in_each; ++ch)
                        acc += static_cast<int32_t>(x.at_int(((n * s_.h + ih) * s_.w + iw) * c_.in + first + ch) - s_.x_zero) *
                               w[static_cast<size_t>(((o * in_each + ch) * c_.kh + kh) * c_.kw + kw)];
                }
            float p = static_cast<float>(acc) * scales[static_cast<size_t>(o)];
            if (residual) p = std::fmaf(s_.residual_scale, static_cast<float>(r.at(i)), p);
            if (act == Act::relu) p = std::max(p, 0.f);
            if (act == Act::clip) p = std::clamp(p, s_.alpha, s_.beta);
            if (act == Act::leaky_relu) p = p < 0 ? p * s_.alpha : p;
            if (dst == DType::f32) ASSERT_EQ(y.at(i), p) << i;
            else {
                const float low = dst == DType::u8 ? 0.f : -128.f;
                ASSERT_EQ(static_cast<float>(y.at_int(i)), std::clamp(std::nearbyint(p) + static_cast<float>(s_.y_zero), low, low + 255)) << i;
            }
        }
    }

  private:
    Case c_;
    Rng& rng_;
    Spec s_;
};

TEST(Int8, IsTheSpecification) {
    Rng rng(5);
    for (Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_vnni}) {
        if (isa > machine_isa()) continue;
        const Cap cap(isa);
        for (size_t i = 0; i < std::size(kCases); ++i)
            for (DType src : {DType::u8, DType::i8})
                for (DType dst : {DType::u8, DType::i8, DType::f32})
                    for (bool residual : {false, true}) {
                        SCOPED_TRACE(cat(isa_name(isa), " case ", static_cast<int>(i), " ", dtype_name(src), " to ", dtype_name(dst), residual ? " residual" : ""));
                        for (Act act : {Act::none, Act::relu, Act::clip}) Check(kCases[i], rng).run(src, dst, act, residual);
                        if (dst == DType::f32) Check(kCases[i], rng).run(src, dst, Act::leaky_relu, residual);
                        if (testing::Test::HasFatalFailure()) return;
                    }
    }
}

TEST(Int8, AnyNumberOfThreadsGivesTheSameBits) {
    Rng rng(6);
    Spec s;
    s.n = 1, s.h = s.w = s.out_h = s.out_w = 40, s.in_channels = 48, s.out_channels = 50, s.kernel_h = s.kernel_w = 3, s.pad_top = s.pad_left = 1;
    const float scale = 0.0003f;
    s.scales = &scale;
    std::vector<int8_t> w(static_cast<size_t>(50 * 48 * 9));
    for (auto& v : w) v = static_cast<int8_t>(rng.uniform() * 256 - 128);
    std::vector<uint8_t> x(static_cast<size_t>(40 * 40 * 48)), a(static_cast<size_t>(40 * 40 * 50)), b = a;
    for (auto& v : x) v = static_cast<uint8_t>(rng.uniform() * 256);
    const auto k = make(s, w.data(), nullptr);
    ASSERT_TRUE(k || usable_isa() < Isa::avx2);
    if (!k) return;
    const std::shared_ptr<void> scratch = allocate_aligned(k->scratch_bytes());
    k->run({x.data(), a.data(), nullptr, scratch.get()});
    ThreadPool pool(3);
    const ThreadPool::Use use(&pool);
    k->run({x.data(), b.data(), nullptr, scratch.get()});
    EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace hone::int8
