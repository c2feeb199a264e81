// SPDX-License-Identifier: Apache-2.0
// What the convolutional networks of the zoo are put together from. Batch normalisation is folded, so every convolution
// has a bias; weights are seeded normal values, one stream of random numbers a parameter. Private to this folder.
//
//   Builder b("net", {"a net", {3, 224, 224}, 1000, 1});
//   ValueId x = b.relu("relu", b.conv("conv1", b.image(), {.channels = 3, .filters = 64, .kernel = 7, .stride = 2}));
//   return b.finish(b.classifier("fc", x, 64));
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace hone::zoo {

/// A convolution with square kernel and stride, padded by kernel / 2.
struct Conv {
    int64_t channels, filters;  ///< in and out
    int64_t kernel = 1, stride = 1, groups = 1;
    double gain = 1;  ///< the standard deviation of its weights is gain * sqrt(2 / (channels / groups * kernel^2))
};

/// What every network is asked for.
struct Asked {
    std::string what;  ///< in errors: "a ResNet"
    Dims input;        ///< [C,H,W]
    int64_t classes;
    uint64_t seed;
};

class Builder {
  public:
    /// A graph of opset 13 with the input "input" [N,C,H,W]. Throws usage "zoo.input".
    Builder(const std::string& name, const Asked& asked);

    ValueId image() const { return image_; }
    ValueId conv(const std::string& name, ValueId x, const Conv& c);
    ValueId relu(const std::string& name, ValueId x) { return add("Relu", name, {x}); }
    ValueId relu6(const std::string& name, ValueId x);  ///< Clip to [0, 6]
    ValueId sum(const std::string& name, ValueId a, ValueId b) { return add("Add", name, {a, b}); }
    ValueId max_pool(const std::string& name, ValueId x);  ///< 3x3, stride 2
    /// The mean over the picture and a dense layer to the classes.
    ValueId classifier(const std::string& name, ValueId x, int64_t channels);
    /// The graph with this value as its output "logits", types inferred.
    Graph finish(ValueId logits);

  private:
    ValueId add(const char* op, const std::string& name, std::vector<ValueId> in, Attributes attributes = {});
    ValueId normal(const std::string& name, const Dims& dims, double deviation);

    Graph g_;
    ValueId image_, zero_ = kNone, six_ = kNone;
    int64_t classes_;
    uint64_t seed_, stream_ = 0;
};

}  // namespace hone::zoo
