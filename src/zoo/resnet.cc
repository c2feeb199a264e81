// SPDX-License-Identifier: Apache-2.0
#include "zoo/resnet.h"

#include <array>
#include <cmath>

#include "base/rng.h"
#include "op/op.h"

namespace hone::zoo {
namespace {

constexpr double bias_deviation = 0.05;

class Builder {
  public:
    Builder(Graph& g, uint64_t seed) : g_(g), seed_(seed) {}

    ValueId conv(const std::string& name, ValueId x, int64_t channels, int64_t filters, int64_t kernel, int64_t stride,
                 double gain = 1) {
        const ValueId w = normal(name + ".weight", {filters, channels, kernel, kernel},
                                 gain * std::sqrt(2.0 / static_cast<double>(channels * kernel * kernel)));
        return add("Conv", name, {x, w, normal(name + ".bias", {filters}, bias_deviation)},
                   {{"dilations", std::vector<int64_t>{1, 1}},
                    {"group", int64_t{1}},
                    {"kernel_shape", std::vector<int64_t>{kernel, kernel}},
                    {"pads", std::vector<int64_t>(4, kernel / 2)},
                    {"strides", std::vector<int64_t>{stride, stride}}});
    }
    ValueId relu(const std::string& name, ValueId x) { return add("Relu", name, {x}); }
    ValueId sum(const std::string& name, ValueId a, ValueId b) { return add("Add", name, {a, b}); }
    ValueId max_pool(ValueId x) {
        return add("MaxPool", "maxpool", {x},
                   {{"kernel_shape", std::vector<int64_t>{3, 3}},
                    {"pads", std::vector<int64_t>(4, 1)},
                    {"strides", std::vector<int64_t>{2, 2}}});
    }
    ValueId classifier(ValueId x, int64_t channels, int64_t classes) {
        x = add("Flatten", "flatten", {add("GlobalAveragePool", "avgpool", {x})}, {{"axis", int64_t{1}}});
        const ValueId w = normal("fc.weight", {classes, channels}, std::sqrt(1.0 / static_cast<double>(channels)));
        return add("Gemm", "fc", {x, w, normal("fc.bias", {classes}, bias_deviation)}, {{"transB", int64_t{1}}});
    }

  private:
    ValueId add(const char* op, const std::string& name, std::vector<ValueId> in, Attributes attributes = {}) {
        return g_.node(g_.add_node("", op, std::move(in), 1, std::move(attributes), name, {name})).out();
    }
    ValueId normal(const std::string& name, const Dims& dims, double deviation) {
        Tensor t = Tensor::zeros(DType::f32, dims);
        Rng rng(seed_, stream_++);
        for (float *p = t.data<float>(), *end = p + t.count(); p < end; ++p)
            *p = static_cast<float>(rng.normal() * deviation);
        return g_.add_constant(name, t);
    }

    Graph& g_;
    uint64_t seed_, stream_ = 0;
};

struct Block {
    std::string name;
    int64_t channels, width, out, stride;
    double gain;  ///< of the last convolution
    bool projects() const { return stride != 1 || channels != out; }
};

ValueId residual(Builder& b, const Block& k, ValueId y, ValueId x) {
    if (k.projects()) x = b.conv(k.name + ".downsample.0", x, k.channels, k.out, 1, k.stride);
    return b.relu(k.name + ".relu", b.sum(k.name + ".add", y, x));
}

ValueId basic_block(Builder& b, const Block& k, ValueId x) {
    ValueId y = b.conv(k.name + ".conv1", x, k.channels, k.width, 3, k.stride);
    y = b.conv(k.name + ".conv2", b.relu(k.name + ".relu1", y), k.width, k.out, 3, 1, k.gain);
    return residual(b, k, y, x);
}

ValueId bottleneck(Builder& b, const Block& k, ValueId x) {
    ValueId y = b.conv(k.name + ".conv1", x, k.channels, k.width, 1, 1);
    y = b.conv(k.name + ".conv2", b.relu(k.name + ".relu1", y), k.width, k.width, 3, k.stride);
    y = b.conv(k.name + ".conv3", b.relu(k.name + ".relu2", y), k.width, k.out, 1, 1, k.gain);
    return residual(b, k, y, x);
}

}  // namespace

Graph resnet(int depth, const Dims& input, int classes, uint64_t seed) {
    if (depth != 18 && depth != 50)
        fail(ErrorKind::usage, "zoo.depth", cat("there is no ResNet-", depth, " here"), "Known: 18, 50.");
    if (input.size() != 3 || input[0] < 1 || input[1] < 1 || input[2] < 1 || classes < 1)
        fail(ErrorKind::usage, "zoo.input", cat("a ResNet needs [C,H,W] and classes, got ", to_text(input), " and ", classes));
    const bool deep = depth == 50;
    const std::array<int, 4> repeats = deep ? std::array{3, 4, 6, 3} : std::array{2, 2, 2, 2};
    Graph g;
    g.name = cat("resnet", depth);
    g.producer = "hone";
    g.ir_version = 8;
    g.opsets[""] = 13;
    Builder b(g, seed);
    const ValueId image = g.add_input("input", TypeInfo::tensor(DType::f32, {Dim::named("N"), input[0], input[1], input[2]}));
    ValueId x = b.max_pool(b.relu("relu", b.conv("conv1", image, input[0], 64, 7, 2)));
    int64_t channels = 64, width = 64;
    for (size_t stage = 0; stage < repeats.size(); ++stage, width *= 2)
        for (int i = 0; i < repeats[stage]; ++i) {
            const Block k{cat("layer", stage + 1, ".", i), channels, width, deep ? 4 * width : width,
                          stage > 0 && i == 0 ? 2 : 1, 1 / std::sqrt(deep ? 16.0 : 8.0)};
            x = deep ? bottleneck(b, k, x) : basic_block(b, k, x);
            channels = k.out;
        }
    x = b.classifier(x, channels, classes);
    g.rename_value(x, "logits");
    g.outputs = {x};
    infer_graph(g);
    return g;
}

}  // namespace hone::zoo
