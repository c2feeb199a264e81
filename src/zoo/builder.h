// SPDX-License-Identifier: Apache-2.0
// What the networks of the zoo are put together from: layers with fresh parameters, one stream of random numbers a parameter,
// types inferred at once. Rules say how parameters begin and whether batch normalisation is folded into the convolutions
// (networks for benchmarks) or stays as nodes (networks to train). Private to this folder.
//
//   Builder b("net", {"a net", {3, 224, 224}, 1000, 1}, torchvision);
//   ValueId x = b.conv_norm("conv1", "bn1", b.image(), {.channels = 3, .filters = 64, .kernel = 7, .stride = 2});
//   x = b.relu("relu", x);
//   return b.finish({{"logits", b.linear("fc", b.global_mean(x), 1000)}});
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "op/op.h"
#include "zoo/init.h"
#include "zoo/network.h"

namespace hone::zoo {

/// How the parameters of layers begin.
struct Rules {
    Rule conv, conv_bias, linear, linear_bias;
    bool folds_norm = false;      ///< convolutions have a bias in place of batch normalisation
    Init norm_scale = {Init::Kind::constant, 1, 0};
};
inline constexpr Rules folded{he_fan_in, normal_05, lecun, normal_05, true};
inline constexpr Rules torch_rules{torch_default, torch_default, torch_default, torch_default};
inline constexpr Rules he_rules{he_fan_out, zeros, torch_default, torch_default};  ///< torchvision's ResNet

/// A convolution with square kernel and stride.
struct Conv {
    int64_t channels, filters;  ///< in and out
    int64_t kernel = 1, stride = 1, groups = 1;
    double gain = 1;   ///< what he_fan_in multiplies its deviation by
    int64_t pad = -1;  ///< on each side; -1: kernel / 2
    bool bias = true;
};

struct Pool {
    int64_t kernel = 3, stride = 2, pad = 1;
};

/// What every network of pictures is asked for.
struct Asked {
    std::string what;  ///< in errors: "a ResNet"
    Dims input;        ///< [C,H,W]
    int64_t classes;
    uint64_t seed;
};

class Builder {
  public:
    /// A graph of opset 13 with the input "input" [N,C,H,W]. Throws usage "zoo.input".
    Builder(const std::string& name, const Asked& asked, const Rules& rules);
    /// The same without an input.
    Builder(const std::string& name, uint64_t seed, const Rules& rules);

    ValueId input(const std::string& name, DType type, Shape shape);
    ValueId image() const { return image_; }
    /// Nodes from here on are named prefix + name; parameters are not, so that a layer of the same name has the same ones.
    void branch(const std::string& prefix) { branch_ = prefix; }

    /// Parameters from here on take the streams from this one on.
    void draw_from(uint64_t stream) { stream_ = stream; }

    ValueId conv(const std::string& name, ValueId x, const Conv& c);
    /// A convolution without bias and its batch normalisation, or folded into one.
    ValueId conv_norm(const std::string& name, const std::string& norm, ValueId x, Conv c);
    ValueId deconv(const std::string& name, ValueId x, const Conv& c);  ///< ConvTranspose, without bias
    ValueId batch_norm(const std::string& name, ValueId x);             ///< running statistics 0 and 1
    ValueId layer_norm(const std::string& name, ValueId x);             ///< over the last axis, epsilon 1e-6
    ValueId relu(const std::string& name, ValueId x) { return add("Relu", name, {x}); }
    ValueId relu6(const std::string& name, ValueId x);  ///< Clip to [0, 6]
    ValueId sum(const std::string& name, ValueId a, ValueId b) { return add("Add", name, {a, b}); }
    ValueId max_pool(const std::string& name, ValueId x, const Pool& p = {});
    /// Averages down to at most side x side, windows as even as torch's adaptive pooling where that divides.
    ValueId average_to(const std::string& name, ValueId x, int64_t side);
    ValueId global_mean(ValueId x);                                    ///< [N,C,H,W] to [N,C]
    ValueId mean_over(const std::string& name, ValueId x, int64_t axis);  ///< without that axis
    ValueId flatten(ValueId x);                                        ///< to [N,-]; x where it is that
    ValueId dropout(const std::string& name, ValueId x, float ratio);  ///< does nothing until the trainer switches it on; x at 0
    ValueId linear(const std::string& name, ValueId x, int64_t outputs, bool bias = true);  ///< Gemm over [N,inputs]
    ValueId dense(const std::string& name, ValueId x, int64_t outputs);  ///< MatMul and Add over the last axis
    /// x / its Euclidean norm over the last axis.
    ValueId unit_length(const std::string& name, ValueId x);

    ValueId add(const char* op, const std::string& name, std::vector<ValueId> in, Attributes attributes = {});
    std::vector<ValueId> add_some(const char* op, const std::string& name, std::vector<ValueId> in, int outputs,
                                  Attributes attributes = {});
    /// Drawn when first asked for; under the same name again, the same constant.
    ValueId parameter(const std::string& name, const Dims& dims, const Init& init);
    /// A constant that is not trained.
    ValueId fixed(const std::string& name, const Tensor& t);
    ValueId scalar(const std::string& name, float v) { return fixed(name, Tensor::scalar_f32(v)); }
    ValueId reshape(const std::string& name, ValueId x, const std::vector<int64_t>& dims);

    int64_t dim(ValueId v, size_t axis) const;  ///< must be known
    /// The graph with this value as its output "logits", types inferred.
    Graph finish(ValueId logits);
    Network finish(const std::vector<std::pair<std::string, ValueId>>& outputs, const std::string& part = {});

  private:
    void require_left(const std::string& name, ValueId x, int64_t kernel, int64_t pad) const;

    Graph g_;
    Rules rules_;
    std::string branch_;
    ValueId image_ = kNone;
    uint64_t seed_, stream_ = 0;
    int64_t parameters_ = 0;
};

}  // namespace hone::zoo
