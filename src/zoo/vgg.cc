// SPDX-License-Identifier: Apache-2.0
// VGG (Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
// configurations A, B, D, E) as torchvision builds it. The dense layers see at most 7x7; a pooling that would leave nothing
// of a small picture is left out.
#include <algorithm>
#include <array>

#include "zoo/build.h"

namespace hone::zoo {
namespace {

constexpr Rules rules{he_fan_out, zeros, normal_01, zeros};

std::array<int, 5> convolutions(int64_t depth) {
    switch (depth) {
        case 11: return {1, 1, 2, 2, 2};
        case 13: return {2, 2, 2, 2, 2};
        case 16: return {2, 2, 3, 3, 3};
        default: return {2, 2, 4, 4, 4};
    }
}

}  // namespace

std::vector<Network> vgg(const Request& r) {
    Builder b(cat("vgg", r.depth), asked("a VGG", r), rules);
    ValueId x = b.image();
    int64_t channels = r.input[0], filters = 64;
    int index = 0;  // as torchvision counts the modules of `features`
    const auto next = [&] { return cat("features.", index++); };
    for (int repeats : convolutions(r.depth)) {
        const int64_t width = scaled(filters, r.width);
        for (int i = 0; i < repeats; ++i, channels = width) {
            const Conv conv{.channels = channels, .filters = width, .kernel = 3};
            const std::string name = next();
            x = b.conv(name, x, conv);
            if (r.batch_norm) x = b.batch_norm(next(), x);  // torchvision's convolutions keep their bias
            x = b.relu(next(), x);
        }
        const std::string pool = next();
        if (std::min(b.dim(x, 2), b.dim(x, 3)) >= 2) x = b.max_pool(pool, x, {2, 2, 0});
        filters = std::min<int64_t>(512, 2 * filters);
    }
    x = b.flatten(b.average_to("avgpool", x, 7));
    x = b.relu("classifier.1", b.linear("classifier.0", x, scaled(4096, r.width)));
    x = b.linear("classifier.3", b.dropout("classifier.2", x, dropout_of(r, 0.5)), scaled(4096, r.width));
    x = b.dropout("classifier.5", b.relu("classifier.4", x), dropout_of(r, 0.5));
    return classifies(b, b.linear("classifier.6", x, r.classes));
}

}  // namespace hone::zoo
