// SPDX-License-Identifier: Apache-2.0
// One dense layer over all numbers of the input: linear and logistic regression, and with the hinge loss a support vector
// machine (Cortes and Vapnik, "Support-vector networks", 1995). Weights begin at 0: the loss is convex.
#include "zoo/build.h"

namespace hone::zoo {

std::vector<Network> linear(const Request& r) {
    Builder b("linear", r.seed, {zeros, zeros, zeros, zeros});
    Shape shape{Dim::named("N")};
    shape.insert(shape.end(), r.input.begin(), r.input.end());
    return classifies(b, b.linear("fc", b.flatten(b.input("input", DType::f32, shape)), r.classes));
}

}  // namespace hone::zoo
