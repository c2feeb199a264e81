// SPDX-License-Identifier: Apache-2.0
// How the numbers of a fresh parameter are drawn, and the rules by which frameworks choose it. Element i of a parameter is
// a function of (seed, stream, i) alone, so that the current ThreadPool may draw it in pieces. Private to this folder.
//
//   Tensor w = draw(he_fan_out({.in = 27, .out = 576}), {64, 3, 3, 3}, seed, stream);
#pragma once
#include <cstdint>

#include "base/tensor.h"

namespace hone::zoo {

/// value, or value + a normal number of this deviation, or value + a uniform number within +-spread.
struct Init {
    enum class Kind { constant, normal, uniform } kind = Kind::constant;
    double value = 0, spread = 0;
};
Init constant(double value);
Init normal(double deviation, double mean = 0);
Init uniform(double bound);

/// f32. Throws budget "memory.limit".
Tensor draw(const Init& init, const Dims& dims, uint64_t seed, uint64_t stream);

/// What a rule sees of a layer: inputs an output has, outputs an input reaches (both times the kernel's area), and the gain
/// that the network asks for.
struct Fan {
    int64_t in = 1, out = 1;
    double gain = 1;
};
using Rule = Init (*)(const Fan&);

Init zeros(const Fan& fan);
/// torch.nn.Linear and Conv2d: kaiming_uniform with a = sqrt 5, for weights and biases alike +-1 / sqrt(fan in).
Init torch_default(const Fan& fan);
/// He et al. 2015, "Delving deep into rectifiers", with the fan out: torchvision's convolutions.
Init he_fan_out(const Fan& fan);
/// The same with the fan in, times the gain: keeps activations of one size without batch normalisation.
Init he_fan_in(const Fan& fan);
/// Deviation 1 / sqrt(fan in).
Init lecun(const Fan& fan);
/// Glorot and Bengio 2010: uniform within sqrt(6 / (fan in + fan out)).
Init xavier(const Fan& fan);
Init normal_05(const Fan& fan);   ///< deviation 0.05
Init normal_02(const Fan& fan);   ///< 0.02: DCGAN
Init normal_01(const Fan& fan);   ///< 0.01: torchvision's classifiers

}  // namespace hone::zoo
