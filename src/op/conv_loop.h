// SPDX-License-Identifier: Apache-2.0
// The one loop nest of convolution references, whichever of its three operands is computed from the other two: the
// output (Conv), the input (its gradient, ConvTranspose) or the weights (their gradient).
//
//   loop.rows([&](int64_t x, int64_t w, int64_t y, int64_t n) {
//       for (int64_t i = 0; i < n; ++i) Y[y + i] += W[w] * X[x + i * loop.stride[2]];
//   });
#pragma once
#include <array>
#include <vector>

#include "op/window.h"

namespace hone::ops {

/// Three spatial axes always: missing ones are of size 1 in front.
struct ConvLoop {
    using Three = std::array<int64_t, 3>;
    Three in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1}, pad{0, 0, 0};
    int64_t batch, outputs, inputs_per_group, outputs_per_group, channels;

    /// x [N,I,spatial...], w [O,I/group,kernel...], y [N,O,spatial...]: of a convolution, though y may be what is given.
    ConvLoop(const Window& window, int64_t group, const Dims& x, const Dims& w, const Dims& y);

    /// Calls f(first element of x, element of w, first element of y, n) for each row of n outputs that a tap reaches;
    /// x advances by stride[2], y by 1.
    template <class F>
    void rows(F f) const;
};

/// X[x] += W[w] * Y[y]: what a convolution's input gets from its output.
void scatter_rows(const ConvLoop& loop, const std::vector<double>& y, const std::vector<double>& w, std::vector<double>& x);

std::vector<AttrSpec> conv_attributes();

template <class F>
void ConvLoop::rows(F f) const {
    const int64_t in_size = in[0] * in[1] * in[2], out_size = out[0] * out[1] * out[2];
    for (int64_t n = 0; n < batch; ++n)
        for (int64_t o = 0; o < outputs; ++o)
            for (int64_t i = 0; i < inputs_per_group; ++i) {
                const int64_t x = (n * channels + o / outputs_per_group * inputs_per_group + i) * in_size, y = (n * outputs + o) * out_size;
                int64_t w = (o * inputs_per_group + i) * kernel[0] * kernel[1] * kernel[2];
                for (int64_t k0 = 0; k0 < kernel[0]; ++k0)
                    for (int64_t k1 = 0; k1 < kernel[1]; ++k1)
                        for (int64_t k2 = 0; k2 < kernel[2]; ++k2, ++w) {
                            const Three at{k0 * dilation[0] - pad[0], k1 * dilation[1] - pad[1], k2 * dilation[2] - pad[2]};
                            std::array<TapRange, 3> r;
                            for (size_t a = 0; a < 3; ++a) r[a] = tap_range(in[a], out[a], stride[a], 0, at[a]);
                            if (r[2].end == r[2].begin) continue;
                            for (int64_t o0 = r[0].begin; o0 < r[0].end; ++o0)
                                for (int64_t o1 = r[1].begin; o1 < r[1].end; ++o1) {
                                    const int64_t row = (o0 * stride[0] + at[0]) * in[1] + o1 * stride[1] + at[1];
                                    f(x + row * in[2] + r[2].begin * stride[2] + at[2], w, y + (o0 * out[1] + o1) * out[2] + r[2].begin,
                                      r[2].end - r[2].begin);
                                }
                        }
            }
}

}  // namespace hone::ops
