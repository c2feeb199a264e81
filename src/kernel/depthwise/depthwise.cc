// SPDX-License-Identifier: Apache-2.0
#include "kernel/depthwise/depthwise.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"
#include "base/tensor.h"

namespace hone::depthwise {

namespace {
constexpr int64_t kRound = 64;  ///< channels of packed floats: the widest vector and more

/// Zeroed memory that a kernel owns.
std::shared_ptr<void> zeroed(size_t bytes) {
    const std::shared_ptr<void> p = allocate_aligned(bytes);
    std::memset(p.get(), 0, bytes);
    return p;
}

class F32 final : public Kernel {
  public:
    F32(const Geometry& g, const float* weights, const float* bias, Act act, float alpha, float beta) : g_(g) {
        const int64_t taps = g.kernel_h * g.kernel_w, padded = (g.c + kRound - 1) / kRound * kRound;
        bytes_ = static_cast<size_t>((taps + 1) * padded) * sizeof(float);
        memory_ = zeroed(bytes_);
        float* w = static_cast<float*>(memory_.get());
        float* b = w + taps * padded;
        for (int64_t c = 0; c < g.c; ++c) {
            for (int64_t t = 0; t < taps; ++t) w[t * padded + c] = weights[c * taps + t];
            if (bias) b[c] = bias[c];
        }
        call_ = {.g = &g_, .x = nullptr, .w = w, .bias = b, .padded = padded, .y = nullptr,
                 .low = act == Act::relu ? 0 : alpha, .high = act == Act::relu ? std::numeric_limits<float>::infinity() : beta,
                 .clamp = act == Act::relu || act == Act::clip, .silu = act == Act::silu};
        wide_ = usable_isa() >= Isa::avx512;
    }
    void run(const void* x, void* y, int64_t begin, int64_t end) const override {
        F32Call call = call_;
        call.x = static_cast<const float*>(x);
        call.y = static_cast<float*>(y);
        (wide_ ? f32_avx512 : f32_avx2)(call, begin, end);
    }
    size_t packed_bytes() const override { return bytes_; }
    std::string implementation() const override { return wide_ ? "depthwise avx512" : "depthwise avx2"; }

  private:
    Geometry g_;
    size_t bytes_;
    std::shared_ptr<void> memory_;
    F32Call call_;
    bool wide_;
};

class U8 final : public Kernel {
  public:
    U8(const Geometry& g, const int8_t* weights, const int32_t* bias, const Numbers& n) : g_(g) {
        vnni_ = usable_isa() >= Isa::avx512_vnni;
        const int64_t k = g.kernel_w, vectors = vnni_ ? 4 : 2, taps = vnni_ ? 4 : 2;  // taps that one lane adds
        const int64_t groups = (k + taps - 1) / taps, widest = vnni_ ? 64 : 16;
        const int64_t padded = (g.c + 15) / 16 * 16;
        const size_t w_bytes = static_cast<size_t>(padded * k * groups * 4), row_bytes = static_cast<size_t>(g.c + 64);
        const size_t lanes = static_cast<size_t>(padded) * 4;
        bytes_ = w_bytes + 2 * lanes + row_bytes;
        memory_ = zeroed(bytes_);
        char* at = static_cast<char*>(memory_.get());
        auto* w8 = reinterpret_cast<int8_t*>(at);
        auto* w16 = reinterpret_cast<int16_t*>(at);
        auto* b = reinterpret_cast<int32_t*>(at + w_bytes);
        auto* m = reinterpret_cast<float*>(at + w_bytes + lanes);
        auto* row = reinterpret_cast<uint8_t*>(at + w_bytes + 2 * lanes);
        std::memset(row, n.x_zero, row_bytes);
        int64_t element = 0;
        for (int64_t c = 0; c < padded;) {
            const int64_t width = block_channels(g.c - c, widest), ints = width / vectors;
            for (int64_t v = 0; v < vectors; ++v)
                for (int64_t i = 0; i < ints; ++i) {
                    const int64_t channel = c + lane_channel(vectors, v, i), lane = c + v * ints + i;
                    if (channel >= g.c) continue;
                    int64_t sum = 0;
                    for (int64_t t = 0; t < k * k; ++t) sum += weights[channel * k * k + t];
                    b[lane] = static_cast<int32_t>((bias ? bias[channel] : 0) - n.x_zero * sum);
                    m[lane] = n.scales[n.scale_count == 1 ? 0 : channel];
                }
            for (int64_t kw = 0; kw < k; ++kw)
                for (int64_t q = 0; q < groups; ++q)
                    for (int64_t v = 0; v < vectors; ++v)
                        for (int64_t i = 0; i < ints; ++i)
                            for (int64_t t = 0; t < taps; ++t, ++element) {
                                const int64_t channel = c + lane_channel(vectors, v, i), kh = q * taps + t;
                                const int8_t value = channel < g.c && kh < k ? weights[(channel * k + kh) * k + kw] : int8_t{0};
                                if (vnni_) w8[element] = value;
                                else w16[element] = value;
                            }
            c += width;
        }
        constexpr float infinity = std::numeric_limits<float>::infinity();
        float low = n.to_float ? -infinity : static_cast<float>(-n.y_zero), high = n.to_float ? infinity : static_cast<float>(255 - n.y_zero);
        to_float_ = n.to_float;
        if (n.act == Act::relu) low = std::max(low, 0.f);
        if (n.act == Act::clip) low = std::max(low, n.alpha), high = std::min(high, n.beta);
        call_ = {.g = &g_, .x = nullptr, .pad_row = row, .w = w8, .w16 = w16, .bias = b, .scales = m, .y = nullptr, .y_float = nullptr, .low = low, .high = high, .y_zero = n.y_zero};
    }
    void run(const void* x, void* y, int64_t begin, int64_t end) const override {
        U8Call call = call_;
        call.x = static_cast<const uint8_t*>(x);
        if (to_float_) call.y_float = static_cast<float*>(y);
        else call.y = static_cast<uint8_t*>(y);
        (vnni_ ? u8_avx512vnni : u8_avx2)(call, begin, end);
    }
    size_t packed_bytes() const override { return bytes_; }
    std::string implementation() const override { return vnni_ ? "depthwise avx512_vnni" : "depthwise avx2 madd"; }
    bool sound() const { return call_.low <= call_.high; }

  private:
    Geometry g_;
    size_t bytes_;
    std::shared_ptr<void> memory_;
    U8Call call_;
    bool vnni_, to_float_;
};
}  // namespace

std::unique_ptr<Kernel> make_f32(const Geometry& g, const float* weights, const float* bias, Act act, float alpha, float beta) {
    if (usable_isa() < Isa::avx2 || g.kernel_w > 64) return nullptr;
    return std::make_unique<F32>(g, weights, bias, act, alpha, beta);
}

std::unique_ptr<Kernel> make_u8(const Geometry& g, const int8_t* weights, const int32_t* bias, const Numbers& n) {
    const bool square = g.kernel_h == g.kernel_w && (g.kernel_w == 3 || g.kernel_w == 5 || g.kernel_w == 7);
    if (usable_isa() < Isa::avx2 || !square || g.stride_w > 2 || g.dilation_h != 1 || g.dilation_w != 1) return nullptr;
    HONE_CHECK(n.scale_count == 1 || n.scale_count == g.c, n.scale_count, " scales");
    auto k = std::make_unique<U8>(g, weights, bias, n);
    if (!k->sound()) return nullptr;
    return k;
}

}  // namespace hone::depthwise
