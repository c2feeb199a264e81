// SPDX-License-Identifier: Apache-2.0
// LeNet-5 (LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 1998) with ReLU and
// max-pooling. The paper pads 28x28 digits to 32x32: pictures below 32 are padded by 2 in the first convolution.
#include <algorithm>

#include "zoo/build.h"

namespace hone::zoo {

std::vector<Network> lenet(const Request& r) {
    Builder b("lenet5", asked("LeNet-5", r), torch_rules);
    const int64_t first = scaled(6, r.width), second = scaled(16, r.width);
    const int64_t pad = std::min(r.input[1], r.input[2]) < 32 ? 2 : 0;
    const Pool halves{2, 2, 0};
    ValueId x = b.conv("conv1", b.image(), {.channels = r.input[0], .filters = first, .kernel = 5, .pad = pad});
    x = b.max_pool("pool1", b.relu("relu1", x), halves);
    x = b.conv("conv2", x, {.channels = first, .filters = second, .kernel = 5, .pad = 0});
    x = b.flatten(b.max_pool("pool2", b.relu("relu2", x), halves));
    x = b.relu("relu3", b.linear("fc1", x, scaled(120, r.width)));
    x = b.relu("relu4", b.linear("fc2", x, scaled(84, r.width)));
    return classifies(b, b.linear("fc3", x, r.classes));
}

}  // namespace hone::zoo
