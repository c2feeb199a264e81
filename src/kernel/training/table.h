// SPDX-License-Identifier: Apache-2.0
// Kernels of the training step that no inference needs: statistics of a batch, the gradient through them, the gradient
// of a max pool. Plain types only: the sources built with instruction-set flags include this and no standard library.
// Every function runs on one thread over the range that it is given. Sums are kept in float over short runs and in double
// beyond them, so that their error does not grow with the batch.
#pragma once
#include <cstdint>

namespace hone::train {

/// Three spatial axes always: missing ones are of size 1 in front. Output o reads o*stride - pad + k*dilation.
struct PoolWindow {
    int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0};
};
constexpr int64_t kMostTaps = 4096;  ///< of a max pool's window

/// One range of a fused batch normalisation: [rows, channels] elements, channels last, or with `plane` one channel's plane of
/// `channels` elements, whose numbers a channel are single ones. Null: not there.
struct BatchNormRange {
    const void *x = nullptr, *residual = nullptr;                ///< forward
    const void *dy = nullptr, *dy2 = nullptr, *y = nullptr;      ///< backward: the gradient is dy + dy2
    void *out = nullptr, *masked = nullptr;
    const float *slope = nullptr, *bias = nullptr, *shift = nullptr, *k = nullptr;  ///< k: [3, stride]
    double* sums = nullptr;                                      ///< [4, stride]
    int64_t rows = 0, channels = 0, stride = 0;
    bool relu = false, plane = false;
};

struct Dropout {
    uint64_t key = 0, draw = 0;
    uint32_t least = 0;
    float scale = 1;
};

struct Table {
    /// sums[0][c] += x - shift[c], sums[1][c] += (x - shift[c])^2 over x [rows, channels]; sums is [2, channels].
    void (*moments_last)(const float* x, const float* shift, int64_t rows, int64_t channels, double* sums);
    /// The same of one channel's plane of n elements.
    void (*moments_plane)(const float* x, float shift, int64_t n, double* sums);
    /// Likewise with d = x - shift: sums of d, d^2, dy, dy * d; sums is [4, channels].
    void (*gradient_sums_last)(const float* dy, const float* x, const float* shift, int64_t rows, int64_t channels, double* sums);
    void (*gradient_sums_plane)(const float* dy, const float* x, float shift, int64_t n, double* sums);
    /// dx = a[c] * dy + b[c] * x + k[c]; dx may be dy or x.
    void (*gradient_last)(const float* dy, const float* x, const float* a, const float* b, const float* k, float* dx, int64_t rows, int64_t channels);
    void (*gradient_plane)(const float* dy, const float* x, float a, float b, float k, float* dx, int64_t n);
    // The next three of f32 and of bf16 (nearest even), which compute in f32.
    /// out = x * slope + bias (+ residual), not below 0 with relu.
    void (*batch_norm_apply[2])(const BatchNormRange& r);
    /// g = dy + dy2; with relu 0 where y, or without y x * slope + bias, is not above 0. masked, where given, becomes g. sums
    /// as gradient_sums_last with g for dy.
    void (*batch_norm_sums[2])(const BatchNormRange& r);
    /// out = k[0] g + k[1] x + k[2] with the same g.
    void (*batch_norm_gradient[2])(const BatchNormRange& r);
    /// Channels [begin, end) of one sample, channels last: dx, cleared first, gets each dy at the first greatest tap of its
    /// window, or at the first NaN. At most kMostTaps taps.
    void (*max_pool_gradient)(const PoolWindow& w, const float* dy, const float* x, float* dx, int64_t channels, int64_t begin, int64_t end);
    /// y = scale * x where word i % 4 of Philox4x32-10's block (i / 4, draw) under key is at least `least`, else 0, for
    /// i = first, first + 1, ... n elements. y may be x.
    void (*dropout)(const Dropout& d, uint64_t first, const float* x, float* y, int64_t n);
};

}  // namespace hone::train
