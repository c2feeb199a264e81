// SPDX-License-Identifier: Apache-2.0
#include "zoo/mobilenet.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "zoo/build.h"

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
constexpr Rules rules{he_fan_out, zeros, normal_01, zeros};

/// A member of the family.
struct Form {
    double width = 1;
    bool small = false;  ///< for small pictures: the stem and the second stage keep the size
};

/// Channels at this width: the nearest multiple of 8 that is not more than a tenth below (torchvision's _make_divisible).
int64_t divisible(int64_t channels, double width) {
    const double asked = static_cast<double>(channels) * width;
    const int64_t near = std::max<int64_t>(8, static_cast<int64_t>(asked + 4) / 8 * 8);
    return static_cast<double>(near) < 0.9 * asked ? near + 8 : near;
}

struct Block {
    std::string name;
    int64_t channels, expansion, out, stride;
    bool residual() const { return stride == 1 && channels == out; }
};

ValueId conv_relu6(Builder& b, const std::string& name, ValueId x, const Conv& c) {
    return b.relu6(name + ".2", b.conv_norm(name + ".0", name + ".1", x, c));
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
    const std::string last = next(), norm = next();
    y = b.conv_norm(last, norm, y, {.channels = hidden, .filters = k.out, .gain = gain});
    return k.residual() ? b.sum(k.name + ".add", x, y) : y;
}

/// What the classifier sees, [N,channels].
ValueId features(Builder& b, const Form& f, int64_t image_channels) {
    int index = 0;
    auto next = [&] { return cat("features.", index++); };
    int64_t channels = divisible(first_channels, f.width);
    ValueId x = conv_relu6(b, next(), b.image(),
                           {.channels = image_channels, .filters = channels, .kernel = 3, .stride = f.small ? 1 : 2});
    for (const Stage& stage : stages)
        for (int i = 0; i < stage.repeats; ++i) {
            const bool keeps = i > 0 || (f.small && stage.out == stages[1].out);
            const int64_t out = divisible(stage.out, f.width);
            x = inverted_residual(b, {next(), channels, stage.expansion, out, keeps ? 1 : stage.stride}, x);
            channels = out;
        }
    x = conv_relu6(b, next(), x, {.channels = channels, .filters = divisible(last_channels, std::max(1.0, f.width))});
    return b.global_mean(x);
}

}  // namespace

Graph mobilenet_v2(const Dims& input, int classes, uint64_t seed) {
    Builder b("mobilenet_v2", {"a MobileNetV2", input, classes, seed}, folded);
    return b.finish(b.linear("classifier.1", features(b, {}, input[0]), classes));
}

std::vector<Network> mobilenet_v2(const Request& r) {
    Builder b("mobilenet_v2", asked("a MobileNetV2", r), rules);
    const ValueId x = b.dropout("classifier.0", features(b, {r.width, small_stem(r)}, r.input[0]), dropout_of(r, 0.2));
    return classifies(b, b.linear("classifier.1", x, r.classes));
}

}  // namespace hone::zoo
