// SPDX-License-Identifier: Apache-2.0
#include "op/pool_loop.h"

#include <algorithm>

namespace hone::ops {
namespace {

/// Taps k in [0, kernel) with low <= start + k*dilation < high: the first, and how many.
std::array<int64_t, 2> taps_within(int64_t start, int64_t kernel, int64_t dilation, int64_t low, int64_t high) {
    const int64_t first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    const int64_t last = high <= start ? 0 : std::min(kernel, (high - start + dilation - 1) / dilation);
    return {first, std::max<int64_t>(0, last - first)};
}

}  // namespace

PoolLoop::PoolLoop(const OpContext& c, const Dims& src) {
    const Window w = pool_window(c, src);
    HONE_CHECK(w.axes() <= 3);
    for (size_t a = 0; a < w.axes(); ++a) {
        const size_t i = 3 - w.axes() + a;
        in[i] = src[a + 2], out[i] = w.out[a], kernel[i] = w.kernel[a], stride[i] = w.strides[a];
        dilation[i] = w.dilations[a], pad[i] = w.pads_begin[a], pad_end[i] = w.pads_end[a];
        in_size *= in[i], out_size *= out[i];
    }
}

Taps PoolLoop::taps(const std::array<int64_t, 3>& o) const {
    Taps t;
    for (size_t a = 0; a < 3; ++a) {
        const int64_t start = o[a] * stride[a] - pad[a];
        const auto [first, count] = taps_within(start, kernel[a], dilation[a], 0, in[a]);
        t.begin[a] = start + first * dilation[a];
        t.count[a] = count;
        t.step[a] = dilation[a];
        t.padded *= taps_within(start, kernel[a], dilation[a], -pad[a], in[a] + pad_end[a])[1];
    }
    return t;
}

std::vector<AttrSpec> window_attributes(std::vector<AttrSpec> more) {
    std::vector<AttrSpec> a{{"auto_pad", AttrKind::text, std::string("NOTSET")},
                            {"ceil_mode", AttrKind::integer, int64_t{0}},
                            {"dilations", AttrKind::integers},
                            {"kernel_shape", AttrKind::integers, std::nullopt, true},
                            {"pads", AttrKind::integers},
                            {"strides", AttrKind::integers}};
    a.insert(a.end(), more.begin(), more.end());
    return a;
}

}  // namespace hone::ops
