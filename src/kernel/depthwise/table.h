// SPDX-License-Identifier: Apache-2.0
// What depthwise.cc and the sources of each instruction set share. No standard library (architecture, decision 13).
#pragma once
#include <cstdint>

namespace hone::depthwise {

struct Geometry {
    int64_t n = 1, h = 1, w = 1, c = 1, out_h = 1, out_w = 1;
    int64_t kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
    int64_t rows() const { return n * out_h; }
};

struct F32Call {
    const Geometry* g;
    const float *x, *w, *bias;  ///< w [taps][padded], bias [padded]
    int64_t padded;
    float* y;
    float low, high;            ///< clamp, where `clamp`
    bool clamp, silu;
};

struct U8Call {
    const Geometry* g;
    const uint8_t* x;
    const uint8_t* pad_row;     ///< c bytes of the zero point, readable for 64 more
    const int8_t* w;            ///< vnni: by blocks of channels
    const int16_t* w16;         ///< avx2: by blocks of 16 channels
    const int32_t* bias;        ///< in the order of the accumulators, the zero point's share taken off
    const float* scales;        ///< likewise
    uint8_t* y;
    float* y_float;             ///< where given: the result is float, in place of y
    float low, high;            ///< clamp before rounding
    int32_t y_zero;
};

constexpr int kMaxKernel = 7;
constexpr int kTileColumns = 16;  ///< output columns whose sources are interleaved at a time
/// Blocks of channels, in order: as many as fit of 64, 32, 16, then one of 16 that is not full.
constexpr int64_t block_channels(int64_t left, int64_t widest) {
    const int64_t w = left >= 64 ? 64 : left >= 32 ? 32 : 16;
    return w < widest ? w : widest;
}
/// The channel, within its block, of int32 lane `i` of accumulator vector `a` where sources of `width` channels were
/// interleaved within lanes of 128 bits; `vectors`: accumulators a block (4 by bytes, 2 by 16-bit words).
constexpr int64_t lane_channel(int64_t vectors, int64_t a, int64_t i) { return i / 4 * (4 * vectors) + 4 * a + i % 4; }

void f32_avx2(const F32Call& a, int64_t begin, int64_t end);
void f32_avx512(const F32Call& a, int64_t begin, int64_t end);
void u8_avx2(const U8Call& a, int64_t begin, int64_t end);
void u8_avx512vnni(const U8Call& a, int64_t begin, int64_t end);

}  // namespace hone::depthwise
