// SPDX-License-Identifier: Apache-2.0
// What the references of pools and of their gradients share: each output's window clipped to the input, tap by tap, and
// which of them is the greatest.
#pragma once
#include <array>
#include <cmath>

#include "op/window.h"

namespace hone::ops {

/// The window of one output position, clipped to the input, as three axes.
struct Taps {
    std::array<int64_t, 3> begin, count, step;  ///< input positions begin + i*step
    int64_t padded = 1;                         ///< taps inside input and padding
    int64_t inside() const { return count[0] * count[1] * count[2]; }
};
/// Three spatial axes always: missing ones are of size 1 in front.
struct PoolLoop {
    std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, dilation{1, 1, 1};
    std::array<int64_t, 3> pad{0, 0, 0}, pad_end{0, 0, 0};
    int64_t in_size = 1, out_size = 1;

    /// `src` is [N,C,spatial...].
    PoolLoop(const OpContext& c, const Dims& src);
    Taps taps(const std::array<int64_t, 3>& o) const;

    /// Calls f(output element, first input element of the plane, taps) for each of `outputs` elements.
    template <class F>
    void each_output(int64_t outputs, F f) const {
        for (int64_t i = 0; i < outputs; ++i) {
            const int64_t o = i % out_size;
            f(i, i / out_size * in_size, taps({o / out[2] / out[1], o / out[2] % out[1], o % out[2]}));
        }
    }
    /// Calls f(position in the plane, the same with the first axis fastest).
    template <class F>
    void each_tap(const Taps& t, F f) const {
        for (int64_t a = 0; a < t.count[0]; ++a)
            for (int64_t b = 0; b < t.count[1]; ++b)
                for (int64_t d = 0; d < t.count[2]; ++d) {
                    const int64_t x = t.begin[0] + a * t.step[0], y = t.begin[1] + b * t.step[1], z = t.begin[2] + d * t.step[2];
                    f((x * in[1] + y) * in[2] + z, x + in[0] * (y + in[1] * z));
                }
    }
    /// The first greatest tap, or the first NaN; positions -1 where no tap is inside.
    struct Greatest {
        double value = 0;
        int64_t row_major = -1, column_major = -1;
    };
    Greatest greatest(const Taps& t, const double* plane) const {
        Greatest g;
        each_tap(t, [&](int64_t row_major, int64_t column_major) {
            const double v = plane[row_major];
            if (g.row_major >= 0 && (std::isnan(g.value) || (!(v > g.value) && !std::isnan(v)))) return;
            g = {v, row_major, column_major};
        });
        return g;
    }
};

/// Those of all pools, and `more`.
std::vector<AttrSpec> window_attributes(std::vector<AttrSpec> more);

}  // namespace hone::ops
