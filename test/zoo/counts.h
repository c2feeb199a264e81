// SPDX-License-Identifier: Apache-2.0
// What the tests of the zoo count and draw.
#pragma once
#include <algorithm>
#include <cmath>

#include "graph/graph.h"
#include "op/op.h"

namespace hone {

inline double macs_of(const Graph& g, int64_t side) {
    const Graph s = specialise(g, {{1, 3, side, side}});
    double macs = 0;
    for (NodeId n : s.order()) macs += cost_of(s, n).macs;
    return macs;
}

/// Weights and biases, without the constants of activations.
inline int64_t parameters_of(const Graph& g) {
    int64_t n = 0;
    for (ValueId v = 0; v < g.value_count(); ++v)
        if (g.value(v).is_constant() && (g.value(v).name.ends_with(".weight") || g.value(v).name.ends_with(".bias")))
            n += g.value(v).constant.count();
    return n;
}

inline Tensor waves(const Dims& dims) {
    Tensor x = Tensor::zeros(DType::f32, dims);
    for (int64_t i = 0; i < x.count(); ++i) x.set(i, std::sin(static_cast<double>(i)));
    return x;
}

inline double peak_of(const Tensor& t) {
    double peak = 0;
    for (int64_t i = 0; i < t.count(); ++i) peak = std::max(peak, std::abs(t.at(i)));
    return peak;
}

}  // namespace hone
