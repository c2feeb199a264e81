// SPDX-License-Identifier: Apache-2.0
#include "zoo/encoder.h"

#include <algorithm>

#include "base/error.h"

namespace hone::zoo {

ValueId picture_encoder(Builder& b, ValueId x, const Encoder& e) {
    for (int64_t i = 1; i <= e.stages; ++i) {
        const Conv conv{.channels = b.dim(x, 1), .filters = e.base << (i - 1), .kernel = 3};
        const std::string name = cat("conv", i);
        x = e.norm ? b.conv_norm(name, cat("bn", i), x, conv) : b.conv(name, x, conv);
        x = b.relu(cat("relu", i), x);
        if (std::min(b.dim(x, 2), b.dim(x, 3)) >= 2) x = b.max_pool(cat("pool", i), x, {2, 2, 0});
    }
    return b.unit_length("unit", b.linear("embed", b.flatten(x), e.embedding));
}

}  // namespace hone::zoo
