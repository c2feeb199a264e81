// SPDX-License-Identifier: Apache-2.0
// AlexNet (Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014) as torchvision builds it.
// For small pictures the first convolution is 3x3 with stride 1 and no pooling follows. The dense layers see at most 6x6.
#include "zoo/build.h"

namespace hone::zoo {
namespace {

struct Layer {
    int index;  ///< in torchvision's `features`
    int64_t filters, kernel;
    bool pools;
};
constexpr Layer layers[] = {{3, 192, 5, true}, {6, 384, 3, false}, {8, 256, 3, false}, {10, 256, 3, true}};

}  // namespace

std::vector<Network> alexnet(const Request& r) {
    Builder b("alexnet", asked("AlexNet", r), torch_rules);
    const Pool pool{3, 2, 0};
    const bool small = small_stem(r);
    int64_t channels = scaled(64, r.width);
    ValueId x = small ? b.conv("features.0", b.image(), {.channels = r.input[0], .filters = channels, .kernel = 3})
                      : b.conv("features.0", b.image(), {.channels = r.input[0], .filters = channels, .kernel = 11, .stride = 4, .pad = 2});
    x = b.relu("features.1", x);
    if (!small) x = b.max_pool("features.2", x, pool);
    for (const Layer& l : layers) {
        const int64_t filters = scaled(l.filters, r.width);
        x = b.conv(cat("features.", l.index), x, {.channels = channels, .filters = filters, .kernel = l.kernel});
        x = b.relu(cat("features.", l.index + 1), x);
        if (l.pools) x = b.max_pool(cat("features.", l.index + 2), x, pool);
        channels = filters;
    }
    x = b.flatten(b.average_to("avgpool", x, 6));
    x = b.linear("classifier.1", b.dropout("classifier.0", x, dropout_of(r, 0.5)), scaled(4096, r.width));
    x = b.dropout("classifier.3", b.relu("classifier.2", x), dropout_of(r, 0.5));
    x = b.relu("classifier.5", b.linear("classifier.4", x, scaled(4096, r.width)));
    return classifies(b, b.linear("classifier.6", x, r.classes));
}

}  // namespace hone::zoo
