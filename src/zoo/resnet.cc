// SPDX-License-Identifier: Apache-2.0
#include "zoo/resnet.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "zoo/build.h"

namespace hone::zoo {
namespace {

/// A member of the family.
struct Form {
    std::vector<int> repeats;
    int64_t width = 64;      ///< of the first stage
    bool bottleneck = false;
    bool projects = true;    ///< shortcuts that change shape are convolutions; else option A: every second pixel, zero channels
    bool small = false;      ///< the stem: 3x3 of stride 1, no pooling
};

Form form_of(int64_t depth) {
    switch (depth) {
        case 18: return {{2, 2, 2, 2}};
        case 34: return {{3, 4, 6, 3}};
        case 50: return {{3, 4, 6, 3}, 64, true};
        default: return {std::vector<int>(3, static_cast<int>((depth - 2) / 6)), 16, false, false, true};
    }
}

struct Block {
    std::string name;
    int64_t channels, width, out, stride;
    double gain;  ///< of the last convolution
    bool changes() const { return stride != 1 || channels != out; }
};

/// Option A of the paper: no parameters.
ValueId strided_and_padded(Builder& b, const Block& k, ValueId x) {
    if (k.stride != 1) {
        const int64_t far = std::numeric_limits<int64_t>::max();
        x = b.add("Slice", k.name + ".shortcut.slice",
                  {x, b.fixed("shortcut.starts", Tensor::of_i64({0, 0})), b.fixed("shortcut.ends", Tensor::of_i64({far, far})),
                   b.fixed("shortcut.axes", Tensor::of_i64({2, 3})),
                   b.fixed(cat("shortcut.steps", k.stride), Tensor::of_i64({k.stride, k.stride}))});
    }
    const int64_t more = k.out - k.channels;
    if (more == 0) return x;
    return b.add("Pad", k.name + ".shortcut.pad",
                 {x, b.fixed(cat("shortcut.pads", more), Tensor::of_i64({0, 0, 0, 0, 0, more, 0, 0}))});
}

ValueId residual(Builder& b, const Form& f, const Block& k, ValueId y, ValueId x) {
    if (k.changes())
        x = f.projects ? b.conv_norm(k.name + ".downsample.0", k.name + ".downsample.1", x,
                                     {.channels = k.channels, .filters = k.out, .stride = k.stride})
                       : strided_and_padded(b, k, x);
    return b.relu(k.name + ".relu", b.sum(k.name + ".add", y, x));
}

ValueId basic_block(Builder& b, const Form& f, const Block& k, ValueId x) {
    ValueId y = b.conv_norm(k.name + ".conv1", k.name + ".bn1", x,
                            {.channels = k.channels, .filters = k.width, .kernel = 3, .stride = k.stride});
    y = b.conv_norm(k.name + ".conv2", k.name + ".bn2", b.relu(k.name + ".relu1", y),
                    {.channels = k.width, .filters = k.out, .kernel = 3, .gain = k.gain});
    return residual(b, f, k, y, x);
}

ValueId bottleneck(Builder& b, const Form& f, const Block& k, ValueId x) {
    ValueId y = b.conv_norm(k.name + ".conv1", k.name + ".bn1", x, {.channels = k.channels, .filters = k.width});
    y = b.conv_norm(k.name + ".conv2", k.name + ".bn2", b.relu(k.name + ".relu1", y),
                    {.channels = k.width, .filters = k.width, .kernel = 3, .stride = k.stride});
    y = b.conv_norm(k.name + ".conv3", k.name + ".bn3", b.relu(k.name + ".relu2", y),
                    {.channels = k.width, .filters = k.out, .gain = k.gain});
    return residual(b, f, k, y, x);
}

ValueId logits(Builder& b, const Form& f, int64_t image_channels, int64_t classes) {
    int64_t channels = f.width, width = f.width;
    const int64_t k = f.small ? 3 : 7, stride = f.small ? 1 : 2;
    ValueId x = b.conv_norm("conv1", "bn1", b.image(), {.channels = image_channels, .filters = width, .kernel = k, .stride = stride});
    x = b.relu("relu", x);
    if (!f.small) x = b.max_pool("maxpool", x);
    const double gain = 1 / std::sqrt(static_cast<double>(std::accumulate(f.repeats.begin(), f.repeats.end(), 0)));
    for (size_t stage = 0; stage < f.repeats.size(); ++stage, width *= 2)
        for (int i = 0; i < f.repeats[stage]; ++i) {
            const Block block{cat("layer", stage + 1, ".", i), channels, width, f.bottleneck ? 4 * width : width,
                              stage > 0 && i == 0 ? 2 : 1, gain};
            x = f.bottleneck ? bottleneck(b, f, block, x) : basic_block(b, f, block, x);
            channels = block.out;
        }
    return b.linear("fc", b.global_mean(x), classes);
}

}  // namespace

Graph resnet(int depth, const Dims& input, int classes, uint64_t seed) {
    if (depth != 18 && depth != 50)
        fail(ErrorKind::usage, "zoo.depth", cat("there is no ResNet-", depth, " here"), "Known: 18, 50.");
    Builder b(cat("resnet", depth), {"a ResNet", input, classes, seed}, folded);
    return b.finish(logits(b, form_of(depth), input[0], classes));
}

std::vector<Network> resnet(const Request& r) {
    Form f = form_of(r.depth);
    if (f.small && r.stem == Stem::imagenet)
        fail(ErrorKind::usage, "zoo.stem", cat("ResNet-", r.depth, " is made for small pictures: it has no ImageNet stem"),
             "Leave --stem out, or take --depth 18, 34 or 50.");
    f.small = f.small || small_stem(r);
    f.width = scaled(f.width, r.width);
    Builder b(cat("resnet", r.depth), asked("a ResNet", r), he_rules);
    return classifies(b, logits(b, f, r.input[0], r.classes));
}

}  // namespace hone::zoo
