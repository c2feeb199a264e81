// SPDX-License-Identifier: Apache-2.0
// The pair of DCGAN (Radford et al., "Unsupervised representation learning with deep convolutional generative adversarial
// networks", ICLR 2016), with the 4x4 windows of PyTorch's example: for 64x64 pictures it has that example's parameters.
// The generator projects the latent numbers to a small picture and doubles it, the discriminator halves it back.
#include <algorithm>

#include "base/error.h"
#include "zoo/build.h"

namespace hone::zoo {
namespace {

constexpr Rules rules{normal_02, zeros, normal_02, zeros, false, {Init::Kind::normal, 1, 0.02}};
constexpr int64_t least_side = 4, most_side = 7;  // of the picture that the generator begins with

struct Form {
    int64_t height, width;  ///< that the generator begins with
    int64_t doublings;
    int64_t base;           ///< channels at half the picture's size; twice as many a halving
    int64_t channels(int64_t halvings) const { return base << (halvings - 1); }
};

Form form_of(const Request& r) {
    Form f{r.input[1], r.input[2], 0, scaled(64, r.width)};
    for (; f.height % 2 == 0 && f.width % 2 == 0 && std::min(f.height, f.width) >= 2 * least_side; ++f.doublings) {
        f.height /= 2;
        f.width /= 2;
    }
    if (f.doublings == 0 || f.height < least_side || f.width < least_side || std::min(f.height, f.width) > most_side)
        fail(ErrorKind::usage, "zoo.input", cat("dcgan cannot double its way to a picture of ", r.input[1], "x", r.input[2]),
             "The shorter side is 4, 5, 6 or 7 doubled one or more times: 28, 32, 40, 48, 64 ...; the longer doubles as often.");
    return f;
}

constexpr Conv window(int64_t channels, int64_t filters) {
    return {.channels = channels, .filters = filters, .kernel = 4, .stride = 2, .pad = 1, .bias = false};
}

Network generator(const Form& f, const Request& r) {
    Builder b("dcgan_generator", r.seed, rules);
    ValueId x = b.input("latent", DType::f32, {Dim::named("N"), r.latent});
    int64_t channels = f.channels(f.doublings);
    x = b.linear("project", x, channels * f.height * f.width, false);
    x = b.reshape("reshape", x, {0, channels, f.height, f.width});
    for (int64_t i = f.doublings; i > 0; --i) {
        x = b.relu(cat("relu", i), b.batch_norm(cat("bn", i), x));
        const int64_t filters = i == 1 ? r.input[0] : f.channels(i - 1);
        x = b.deconv(cat("deconv", i), x, window(channels, filters));
        channels = filters;
    }
    return b.finish({{"image", b.add("Tanh", "tanh", {x})}}, "generator");
}

Network discriminator(const Form& f, const Request& r) {
    Builder b("dcgan_discriminator", r.seed, rules);
    b.draw_from(uint64_t{1} << 32);
    ValueId x = b.input("image", DType::f32, {Dim::named("N"), r.input[0], r.input[1], r.input[2]});
    int64_t channels = r.input[0];
    for (int64_t i = 1; i <= f.doublings; ++i) {
        x = b.conv(cat("conv", i), x, window(channels, f.channels(i)));
        channels = f.channels(i);
        if (i > 1) x = b.batch_norm(cat("bn", i), x);
        x = b.add("LeakyRelu", cat("leaky", i), {x}, {{"alpha", 0.2F}});
    }
    return b.finish({{"logits", b.linear("real", b.flatten(x), 1, false)}}, "discriminator");
}

}  // namespace

std::vector<Network> dcgan(const Request& r) {
    const Form f = form_of(r);
    std::vector<Network> pair;
    pair.push_back(generator(f, r));
    pair.push_back(discriminator(f, r));
    return pair;
}

}  // namespace hone::zoo
