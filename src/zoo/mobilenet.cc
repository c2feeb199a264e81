// SPDX-License-Identifier: Apache-2.0
#include "zoo/mobilenet.h"

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "zoo/builder.h"

namespace hone::zoo {
namespace {

/// A line of table 2 of the paper.
struct Stage {
    int64_t expansion, out;
    int repeats;
    int64_t stride;  ///< of its first block
};
constexpr Stage stages[] = {{1, 16, 1, 1},  {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                            {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
constexpr int64_t first_channels = 32, last_channels = 1280;
constexpr double residual_blocks = 10;
constexpr double linear_gain = 1 / std::numbers::sqrt2;  // no activation follows that cuts off half

struct Block {
    std::string name;
    int64_t channels, expansion, out, stride;
    bool residual() const { return stride == 1 && channels == out; }
};

ValueId conv_relu6(Builder& b, const std::string& name, ValueId x, const Conv& c) {
    return b.relu6(name + ".2", b.conv(name + ".0", x, c));
}

ValueId inverted_residual(Builder& b, const Block& k, ValueId x) {
    const int64_t hidden = k.channels * k.expansion;
    int part = 0;
    auto next = [&] { return cat(k.name, ".conv.", part++); };
    ValueId y = x;
    if (k.expansion != 1) y = conv_relu6(b, next(), y, {.channels = k.channels, .filters = hidden});
    y = conv_relu6(b, next(), y,
                   {.channels = hidden, .filters = hidden, .kernel = 3, .stride = k.stride, .groups = hidden});
    const double gain = linear_gain / (k.residual() ? std::sqrt(residual_blocks) : 1);
    y = b.conv(next(), y, {.channels = hidden, .filters = k.out, .gain = gain});
    return k.residual() ? b.sum(k.name + ".add", x, y) : y;
}

}  // namespace

Graph mobilenet_v2(const Dims& input, int classes, uint64_t seed) {
    Builder b("mobilenet_v2", {"a MobileNetV2", input, classes, seed});
    int index = 0;
    auto next = [&] { return cat("features.", index++); };
    ValueId x = conv_relu6(b, next(), b.image(),
                           {.channels = input[0], .filters = first_channels, .kernel = 3, .stride = 2});
    int64_t channels = first_channels;
    for (const Stage& stage : stages)
        for (int i = 0; i < stage.repeats; ++i) {
            const int64_t stride = i == 0 ? stage.stride : 1;
            x = inverted_residual(b, {next(), channels, stage.expansion, stage.out, stride}, x);
            channels = stage.out;
        }
    x = conv_relu6(b, next(), x, {.channels = channels, .filters = last_channels});
    return b.finish(b.classifier("classifier.1", x, last_channels));
}

}  // namespace hone::zoo
