// SPDX-License-Identifier: Apache-2.0
// Seeded weights and inputs of small networks.
#pragma once
#include "base/rng.h"
#include "base/tensor.h"

namespace hone {

/// Deviation 0.3.
inline Tensor normal(Rng& rng, const Dims& d) {
    Tensor t = Tensor::zeros(DType::f32, d);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, 0.3 * rng.normal());
    return t;
}

}  // namespace hone
