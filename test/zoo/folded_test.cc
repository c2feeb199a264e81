// SPDX-License-Identifier: Apache-2.0
// The networks of the benchmarks, batch normalisation folded: every parameter is the number that its rule names, to the bit,
// so that figures of different days are of the same network.
#include <cmath>
#include <functional>
#include <numbers>

#include "base/rng.h"
#include "support.h"
#include "zoo/mobilenet.h"
#include "zoo/resnet.h"

namespace hone {
namespace {

/// Elements of normal numbers of this deviation, from the start and at the end.
void expect_normal(const Tensor& t, double deviation, uint64_t seed, uint64_t stream, const std::string& name) {
    Rng rng(seed, stream);
    for (int64_t i = 0; i < std::min<int64_t>(t.count(), 500); ++i)
        ASSERT_EQ(t.data<float>()[i], static_cast<float>(rng.normal() * deviation)) << name << " " << i;
    const int64_t last = t.count() - 1;
    EXPECT_EQ(t.data<float>()[last], static_cast<float>(Rng(seed, stream, static_cast<uint64_t>(last)).normal() * deviation)) << name;
}

/// Convolutions and the dense layer in the order in which they were made; `gain` of a convolution.
int expect_rules(const Graph& g, uint64_t seed, const std::function<double(const Graph&, const Node&)>& gain) {
    uint64_t stream = 0;
    for (NodeId id = 0; id < g.node_count(); ++id) {
        const Node& n = g.node(id);
        if (!n.is("Conv") && !n.is("Gemm")) continue;
        const Tensor &w = g.value(n.in(1)).constant, &b = g.value(n.in(2)).constant;
        const double fan = static_cast<double>(w.count() / w.dim(0));
        expect_normal(w, n.is("Conv") ? gain(g, n) * std::sqrt(2.0 / fan) : std::sqrt(1.0 / fan), seed, stream++, n.name);
        expect_normal(b, 0.05, seed, stream++, n.name + " bias");
    }
    return static_cast<int>(stream);
}

auto gain_of(const std::string& last, double blocks) {
    return [=](const Graph&, const Node& n) { return n.name.ends_with(last) ? 1 / std::sqrt(blocks) : 1.0; };
}

TEST(Folded, Resnet18IsItsRules) { EXPECT_EQ(expect_rules(zoo::resnet(18, {3, 32, 32}, 10, 7), 7, gain_of(".conv2", 8)), 2 * 21); }
TEST(Folded, SLOW_Resnet50IsItsRules) { EXPECT_EQ(expect_rules(zoo::resnet(50, {3, 32, 32}, 10, 1), 1, gain_of(".conv3", 16)), 2 * 54); }

TEST(Folded, MobilenetsAreTheirRules) {
    const auto gain = [](const Graph& g, const Node& n) {
        bool clipped = false, added = false;
        for (NodeId user : g.value(n.out()).users) {
            clipped |= g.node(user).is("Clip");
            added |= g.node(user).is("Add") && g.node(user).in(1) == n.out();
        }
        return clipped ? 1.0 : (1 / std::numbers::sqrt2) / (added ? std::sqrt(10.0) : 1);
    };
    EXPECT_EQ(expect_rules(zoo::mobilenet_v2({1, 28, 28}, 10, 9), 9, gain), 2 * 53);
}

}  // namespace
}  // namespace hone
