// SPDX-License-Identifier: Apache-2.0
#include "zoo/resnet.h"

#include <array>
#include <cmath>

#include "base/error.h"
#include "zoo/builder.h"

namespace hone::zoo {
namespace {

struct Block {
    std::string name;
    int64_t channels, width, out, stride;
    double gain;  ///< of the last convolution
    bool projects() const { return stride != 1 || channels != out; }
};

ValueId residual(Builder& b, const Block& k, ValueId y, ValueId x) {
    if (k.projects())
        x = b.conv(k.name + ".downsample.0", x, {.channels = k.channels, .filters = k.out, .stride = k.stride});
    return b.relu(k.name + ".relu", b.sum(k.name + ".add", y, x));
}

ValueId basic_block(Builder& b, const Block& k, ValueId x) {
    ValueId y = b.conv(k.name + ".conv1", x,
                       {.channels = k.channels, .filters = k.width, .kernel = 3, .stride = k.stride});
    y = b.conv(k.name + ".conv2", b.relu(k.name + ".relu1", y),
               {.channels = k.width, .filters = k.out, .kernel = 3, .gain = k.gain});
    return residual(b, k, y, x);
}

ValueId bottleneck(Builder& b, const Block& k, ValueId x) {
    ValueId y = b.conv(k.name + ".conv1", x, {.channels = k.channels, .filters = k.width});
    y = b.conv(k.name + ".conv2", b.relu(k.name + ".relu1", y),
               {.channels = k.width, .filters = k.width, .kernel = 3, .stride = k.stride});
    y = b.conv(k.name + ".conv3", b.relu(k.name + ".relu2", y),
               {.channels = k.width, .filters = k.out, .gain = k.gain});
    return residual(b, k, y, x);
}

}  // namespace

Graph resnet(int depth, const Dims& input, int classes, uint64_t seed) {
    if (depth != 18 && depth != 50)
        fail(ErrorKind::usage, "zoo.depth", cat("there is no ResNet-", depth, " here"), "Known: 18, 50.");
    const bool deep = depth == 50;
    const std::array<int, 4> repeats = deep ? std::array{3, 4, 6, 3} : std::array{2, 2, 2, 2};
    Builder b(cat("resnet", depth), {"a ResNet", input, classes, seed});
    ValueId x = b.conv("conv1", b.image(), {.channels = input[0], .filters = 64, .kernel = 7, .stride = 2});
    x = b.max_pool("maxpool", b.relu("relu", x));
    int64_t channels = 64, width = 64;
    for (size_t stage = 0; stage < repeats.size(); ++stage, width *= 2)
        for (int i = 0; i < repeats[stage]; ++i) {
            const Block k{cat("layer", stage + 1, ".", i), channels, width, deep ? 4 * width : width,
                          stage > 0 && i == 0 ? 2 : 1, 1 / std::sqrt(deep ? 16.0 : 8.0)};
            x = deep ? bottleneck(b, k, x) : basic_block(b, k, x);
            channels = k.out;
        }
    return b.finish(b.classifier("fc", x, channels));
}

}  // namespace hone::zoo
