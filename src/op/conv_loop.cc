// SPDX-License-Identifier: Apache-2.0
#include "op/conv_loop.h"

namespace hone::ops {

ConvLoop::ConvLoop(const Window& window, int64_t group, const Dims& x, const Dims& w, const Dims& y)
    : batch(x[0]), outputs(w[0]), inputs_per_group(w[1]), outputs_per_group(w[0] / group), channels(x[1]) {
    HONE_CHECK(window.axes() <= 3 && x.size() == window.axes() + 2 && y.size() == x.size() && w.size() == x.size());
    HONE_CHECK(y[0] == batch && y[1] == outputs && channels == inputs_per_group * group, to_text(x), " ", to_text(w), " ", to_text(y));
    for (size_t a = 0; a < window.axes(); ++a) {
        const size_t i = 3 - window.axes() + a;
        in[i] = x[a + 2], out[i] = y[a + 2], kernel[i] = window.kernel[a], stride[i] = window.strides[a];
        dilation[i] = window.dilations[a], pad[i] = window.pads_begin[a];
    }
}

void scatter_rows(const ConvLoop& loop, const std::vector<double>& y, const std::vector<double>& w, std::vector<double>& x) {
    loop.rows([&](int64_t xi, int64_t wi, int64_t yi, int64_t n) {
        const double weight = w[static_cast<size_t>(wi)];
        const double* from = y.data() + yi;
        double* to = x.data() + xi;
        for (int64_t i = 0; i < n; ++i) to[i * loop.stride[2]] += weight * from[i];
    });
}

std::vector<AttrSpec> conv_attributes() {
    return {{"auto_pad", AttrKind::text, std::string("NOTSET")},
            {"dilations", AttrKind::integers},
            {"group", AttrKind::integer, int64_t{1}},
            {"kernel_shape", AttrKind::integers},
            {"pads", AttrKind::integers},
            {"strides", AttrKind::integers}};
}

}  // namespace hone::ops
