// SPDX-License-Identifier: Apache-2.0
// Parameters begin as PyTorch's and torchvision's do: deviation, shape of the distribution, bounds.
#include <cmath>

#include "base/thread_pool.h"
#include "requests.h"
#include "support.h"
#include "zoo/init.h"

namespace hone::zoo {
namespace {

struct Moments {
    double mean = 0, deviation = 0, kurtosis = 0, peak = 0;
};
Moments moments_of(const Tensor& t) {
    Moments m;
    const auto n = static_cast<double>(t.count());
    for (int64_t i = 0; i < t.count(); ++i) {
        m.mean += t.at(i) / n;
        m.peak = std::max(m.peak, std::abs(t.at(i)));
    }
    double fourth = 0;
    for (int64_t i = 0; i < t.count(); ++i) {
        const double d = t.at(i) - m.mean;
        m.deviation += d * d / n;
        fourth += d * d * d * d / n;
    }
    m.kurtosis = fourth / (m.deviation * m.deviation);
    m.deviation = std::sqrt(m.deviation);
    return m;
}

class Parameters {
  public:
    Parameters(const std::string& architecture, const Request& r) : networks_(make_networks(architecture, r)) {}
    const Tensor& operator[](const std::string& name) const {
        for (const Network& n : networks_)
            if (const ValueId v = n.graph.find_value(name); v != kNone) return n.graph.value(v).constant;
        ADD_FAILURE() << "no " << name;
        return nothing_;
    }
    void normal(const std::string& name, double deviation, double mean = 0) const {
        const Moments m = moments_of((*this)[name]);
        const double error = 5 / std::sqrt(static_cast<double>((*this)[name].count()));
        EXPECT_NEAR(m.mean, mean, error * deviation) << name;
        EXPECT_NEAR(m.deviation / deviation, 1, error) << name;
        EXPECT_NEAR(m.kurtosis, 3, 5 * error) << name;
    }
    void uniform(const std::string& name, double bound) const {
        const Moments m = moments_of((*this)[name]);
        const double error = 5 / std::sqrt(static_cast<double>((*this)[name].count()));
        EXPECT_LE(m.peak, bound * (1 + 1e-6)) << name;
        EXPECT_GE(m.peak, bound * (1 - error)) << name;
        EXPECT_NEAR(m.deviation * std::sqrt(3.0) / bound, 1, error) << name;
        EXPECT_NEAR(m.kurtosis, 1.8, 2 * error) << name;
    }
    void constant(const std::string& name, double value) const {
        const Tensor& t = (*this)[name];
        for (int64_t i = 0; i < t.count(); ++i) ASSERT_EQ(t.at(i), value) << name;
    }

  private:
    std::vector<Network> networks_;
    Tensor nothing_;
};

TEST(Init, ResnetIsTorchvisions) {
    const Parameters p("resnet", {.input = {3, 32, 32}, .classes = 100, .width = 0.5, .depth = 18});
    p.normal("conv1.weight", std::sqrt(2.0 / (32 * 9)));
    p.normal("layer2.0.conv1.weight", std::sqrt(2.0 / (64 * 9)));
    p.normal("layer2.0.downsample.0.weight", std::sqrt(2.0 / 64));
    p.constant("layer2.0.bn1.weight", 1);
    p.constant("layer2.0.bn1.bias", 0);
    p.constant("layer2.0.bn1.running_mean", 0);
    p.constant("layer2.0.bn1.running_var", 1);
    p.uniform("fc.weight", 1 / std::sqrt(256.0));
    p.uniform("fc.bias", 1 / std::sqrt(256.0));
}

TEST(Init, DefaultsAreTorchs) {
    const Parameters a("alexnet", {.input = {3, 224, 224}, .classes = 100, .width = 0.25});
    a.uniform("features.0.weight", 1 / std::sqrt(3.0 * 121));
    a.uniform("features.3.bias", 1 / std::sqrt(16.0 * 25));
    a.uniform("classifier.6.weight", 1 / std::sqrt(1024.0));
    for (const std::string name : {"rnn", "lstm", "gru"}) {
        const Parameters r(name, {.input = {1, 28, 28}, .classes = 10});
        for (const char* what : {".0.input.weight", ".0.recurrent.weight", ".0.bias"}) r.uniform(name + what, 1 / std::sqrt(128.0));
    }
}

TEST(Init, VggAndMobilenetAreTorchvisions) {
    const Parameters v("vgg", {.input = {3, 64, 64}, .classes = 10, .width = 0.25});
    v.normal("features.2.weight", std::sqrt(2.0 / (16 * 9)));
    v.normal("classifier.3.weight", 0.01);
    v.constant("features.2.bias", 0);
    v.constant("classifier.3.bias", 0);
    const Parameters m("mobilenetv2", {.input = {3, 64, 64}, .classes = 10});
    m.normal("features.5.conv.1.0.weight", std::sqrt(2.0 / (192 * 9)));  // depthwise: torch's fan out is all filters
    m.normal("features.5.conv.0.0.weight", std::sqrt(2.0 / 192));
    m.normal("classifier.1.weight", 0.01);
}

TEST(Init, VitIsMuchAsTorchvisionsAndDcganAsItsPaper) {
    const Parameters v("vit", {.input = {1, 28, 28}, .classes = 10});
    v.normal("position", 0.02);
    v.normal("patch.weight", 1 / std::sqrt(16.0));
    v.uniform("blocks.0.attn.qkv.weight", std::sqrt(6.0 / (64 + 192)));
    v.uniform("blocks.2.mlp.fc2.weight", std::sqrt(6.0 / (64 + 256)));
    for (const char* name : {"patch.bias", "blocks.0.attn.qkv.bias", "norm.bias"}) v.constant(name, 0);
    v.constant("blocks.1.norm2.weight", 1);
    const Parameters d("dcgan", {.input = {3, 32, 32}});
    for (const char* name : {"project.weight", "deconv1.weight", "conv2.weight", "real.weight"}) d.normal(name, 0.02);
    d.normal("bn3.weight", 0.02, 1);
    d.constant("bn3.bias", 0);
}

TEST(Init, PiecesAreTheSequence) {
    const Dims dims{3, 50001};
    for (const Init& init : {normal(0.5), uniform(2)}) {
        const Tensor serial = draw(init, dims, 5, 9);
        for (int threads : {2, 3}) {
            ThreadPool pool(threads);
            ThreadPool::Use use(&pool);
            EXPECT_TRUE(draw(init, dims, 5, 9).same_bits(serial));
        }
        EXPECT_FALSE(draw(init, dims, 5, 10).same_bits(serial));
        EXPECT_FALSE(draw(init, dims, 6, 9).same_bits(serial));
    }
}

TEST(Init, EveryParameterHasItsStream) {
    const Parameters p("mlp", {.input = {512}, .classes = 512, .depth = 2});
    EXPECT_FALSE(p["fc1.weight"].same_bits(p["fc2.weight"]));
    EXPECT_FALSE(p["fc1.bias"].same_bits(p["fc2.bias"]));
    const Parameters d("dcgan", {.input = {1, 16, 16}});
    EXPECT_NE(d["project.weight"].at(0), d["conv1.weight"].at(0));
}

}  // namespace
}  // namespace hone::zoo
