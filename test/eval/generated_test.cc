// SPDX-License-Identifier: Apache-2.0
// A judge that knows dark from bright counts generated pictures, back in pixels and by its own preprocessing.
#include "eval/generated.h"

#include <gtest/gtest.h>

#include <cmath>

#include "op/builder.h"
#include "support.h"

using namespace hone;
using namespace hone::eval;

namespace {

/// Logits (m, 0, -5) of the mean m of a picture.
Graph judge() {
    Graph g;
    g.opsets[""] = 13;
    Builder b(g);
    const ValueId x = g.add_input("x", TypeInfo::tensor(DType::f32, {Dim::named("N"), 1, 2, 2}));
    Tensor w = Tensor::zeros(DType::f32, {4, 3}), bias = Tensor::zeros(DType::f32, {3});
    for (int64_t i = 0; i < 4; ++i) w.set(3 * i, 0.25);
    bias.set(2, -5);
    g.outputs = {b.node("Gemm", {b.node("Flatten", {x}), b.constant(w), b.constant(bias)})};
    return g;
}

TEST(Generated, CountsClassesAndMeansConfidence) {
    Preprocess made, used;
    made.mean = made.std = {0.5};  // [-1, 1]
    used.mean = {0.5}, used.std = {0.1};
    Tensor samples = Tensor::zeros(DType::f32, {250, 1, 2, 2});
    for (int64_t i = 0; i < samples.count(); ++i) samples.set(i, i < 4 * 50 ? 0.5 : -1.7);  // 50 bright ones; beyond the range
    const GeneratedVerdict v = judge_generated(samples, made, judge(), used, 2);
    EXPECT_EQ(v.samples, 250);
    ASSERT_EQ(v.share.size(), 3u);
    EXPECT_NEAR(v.share[0], 0.2, 1e-9);
    EXPECT_NEAR(v.share[1], 0.8, 1e-9);
    EXPECT_EQ(v.least(), 0);
    EXPECT_EQ(v.found(0.02), 2);
    EXPECT_EQ(v.found(0.5), 1);
    // 0.5 is pixel 191, which the judge sees as (191 / 255 - 0.5) / 0.1; -1.7 is cut to pixel 0, seen as -5.
    const auto sure = [](double a, double b, double c) { return std::exp(a) / (std::exp(a) + std::exp(b) + std::exp(c)); };
    EXPECT_NEAR(v.confidence, 0.2 * sure((191 / 255.0 - 0.5) / 0.1, 0, -5) + 0.8 * sure(0, -5, -5), 1e-5);
    samples = Tensor::zeros(DType::f32, {3, 1, 3, 3});
    EXPECT_EQ(error_of([&] { judge_generated(samples, made, judge(), used, 1); }), "data.shape");
}

}  // namespace
