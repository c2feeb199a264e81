// SPDX-License-Identifier: Apache-2.0
// Channels of a batch and their mean and variance, for the references of BatchNormalization, InstanceNormalization and
// their gradient.
#pragma once
#include <cstdint>

#include "op/numeric.h"
#include "op/op.h"

namespace hone::ops {

/// [N,C,spatial...] as planes; an input of rank 1 has one channel.
struct Planes {
    int64_t batch, channels, size;
    explicit Planes(const Dims& d)
        : batch(d[0]), channels(d.size() < 2 ? 1 : d[1]), size(d.size() < 2 ? 1 : count_between(d, 2, d.size())) {}
    int64_t at(int64_t n, int64_t c) const { return (n * channels + c) * size; }
};

struct Moments {
    double mean = 0, variance = 0;
};
/// Of `count` slices of `size` elements, `stride` apart.
inline Moments moments(const double* x, int64_t count, int64_t stride, int64_t size) {
    Moments m;
    const auto n = static_cast<double>(count * size);
    for (int64_t i = 0; i < count; ++i)
        for (int64_t k = 0; k < size; ++k) m.mean += x[i * stride + k];
    m.mean /= n;
    for (int64_t i = 0; i < count; ++i)
        for (int64_t k = 0; k < size; ++k) m.variance += (x[i * stride + k] - m.mean) * (x[i * stride + k] - m.mean);
    m.variance /= n;
    return m;
}

/// Of the runtime, with what stands around them (batch_norm_fused.cc).
std::vector<OpDecl> batch_norm_fused();

}  // namespace hone::ops
