// SPDX-License-Identifier: Apache-2.0
// Dense layers with ReLU, and dropout where it is asked for, over all numbers of the input.
#include "zoo/build.h"

namespace hone::zoo {

std::vector<Network> mlp(const Request& r) {
    Builder b("mlp", r.seed, torch_rules);
    Shape shape{Dim::named("N")};
    shape.insert(shape.end(), r.input.begin(), r.input.end());
    ValueId x = b.flatten(b.input("input", DType::f32, shape));
    for (int64_t i = 1; i <= r.depth; ++i)
        x = b.dropout(cat("dropout", i), b.relu(cat("relu", i), b.linear(cat("fc", i), x, scaled(512, r.width))), dropout_of(r, 0));
    return classifies(b, b.linear(cat("fc", r.depth + 1), x, r.classes));
}

}  // namespace hone::zoo
