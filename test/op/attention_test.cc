// SPDX-License-Identifier: Apache-2.0
// The operators of opset 23 that exporters write: small cases by hand.
#include <cmath>

#include "op/run_node.h"

using namespace hone;

namespace {
const double kE = std::exp(1.0);
Tensor four(Dims dims, const std::vector<float>& v) { return Tensor::of_f32(v).reshaped(std::move(dims)); }
}  // namespace

TEST(Attention, WeighsValuesBySoftmaxOfScores) {
    const Tensor q = four({1, 1, 2, 1}, {1, 0}), k = four({1, 1, 2, 1}, {1, 0}), v = four({1, 1, 2, 2}, {1, 2, 3, 4});
    const double a = kE / (kE + 1);
    expect_values(run("Attention", {q, k, v})[0], {1, 1, 2, 2}, {a + 3 * (1 - a), 2 * a + 4 * (1 - a), 2, 3});
    expect_values(run("Attention", {q, k, v}, {{"is_causal", int64_t{1}}})[0], {1, 1, 2, 2}, {1, 2, 2, 3});
    const Tensor mask = of(DType::boolean, {1, 0, 0, 0}, {2, 2});
    expect_values(run("Attention", {q, k, v, mask})[0], {1, 1, 2, 2}, {1, 2, 0, 0});
    const Tensor bias = four({2}, {0, 1});
    expect_values(run("Attention", {q, k, v, bias})[0], {1, 1, 2, 2}, {2, 3, (1 + 3 * kE) / (1 + kE), (2 + 4 * kE) / (1 + kE)});
    const Tensor two = run("Attention", {q, k, v}, {{"scale", 2.f}})[0];
    EXPECT_NEAR(two.at(0), 3 - 2 * std::exp(2.0) / (std::exp(2.0) + 1), 1e-6);
}

TEST(Attention, HeadsSideBySideAndShared) {
    const Tensor q = iota({1, 2, 4}), k = iota({1, 2, 2}), v = iota({1, 2, 2}, 1);
    const Attributes heads = {{"q_num_heads", int64_t{4}}, {"kv_num_heads", int64_t{2}}};
    const Tensor y = run("Attention", {q, k, v}, heads)[0];
    EXPECT_EQ(y.dims(), (Dims{1, 2, 4}));
    // Query 1 of head 3 is 7; its keys, of shared head 1, are 1 and 3, their values 2 and 4.
    EXPECT_NEAR(y.at(7), (2 + 4 * std::exp(14.0)) / (1 + std::exp(14.0)), 1e-6);
    EXPECT_EQ(error_of([&] { run("Attention", {q, k, v}, {{"q_num_heads", int64_t{4}}}); }), "op.invalid");
    EXPECT_EQ(error_of([&] { run("Attention", {q, k, v}, {{"q_num_heads", int64_t{1}}, {"kv_num_heads", int64_t{2}}}); }), "op.invalid");
}

TEST(Attention, PastComesFirst) {
    const Tensor q = four({1, 1, 1, 1}, {0}), k = four({1, 1, 1, 1}, {5}), v = four({1, 1, 1, 1}, {6});
    const Tensor past_k = four({1, 1, 1, 1}, {7}), past_v = four({1, 1, 1, 1}, {8});
    const std::vector<Tensor> y = run("Attention", {q, k, v, Tensor(), past_k, past_v}, {{"is_causal", int64_t{1}}}, 3);
    expect_values(y[0], {1, 1, 1, 1}, {7});
    expect_values(y[1], {1, 1, 2, 1}, {7, 5});
    expect_values(y[2], {1, 1, 2, 1}, {8, 6});
    EXPECT_EQ(error_of([&] { run("Attention", {q, k, v, Tensor(), past_k}); }), "op.invalid");
}

TEST(RotaryEmbedding, TurnsPairs) {
    const Tensor x = four({1, 1, 1, 4}, {1, 2, 3, 4}), cos = four({1, 1, 2}, {0, 1}), sin = four({1, 1, 2}, {1, 0});
    expect_values(run("RotaryEmbedding", {x, cos, sin})[0], {1, 1, 1, 4}, {-3, 2, 1, 4});
    expect_values(run("RotaryEmbedding", {x, cos, sin}, {{"interleaved", int64_t{1}}})[0], {1, 1, 1, 4}, {-2, 1, 3, 4});
    const Tensor table = four({3, 1}, {1, 1, 0}), turn = four({3, 1}, {0, 0, 1});
    expect_values(run("RotaryEmbedding", {x, table, turn, of(DType::i64, {2}, {1, 1})}, {{"rotary_embedding_dim", int64_t{2}}})[0], {1, 1, 1, 4}, {-2, 1, 3, 4});
    EXPECT_EQ(error_of([&] { run("RotaryEmbedding", {x, table, turn, of(DType::i64, {3}, {1, 1})}, {{"rotary_embedding_dim", int64_t{2}}}); }), "op.invalid");
}

TEST(RMSNormalization, DividesByTheRoot) {
    expect_values(run("RMSNormalization", {four({2, 2}, {3, 4, 0, 2}), Tensor::of_f32({1, 10})}, {{"epsilon", 0.f}})[0], {2, 2},
                  {3 / std::sqrt(12.5), 40 / std::sqrt(12.5), 0, 20 / std::sqrt(2.0)});
    expect_values(run("Swish", {Tensor::of_f32({2})}, {{"alpha", 3.f}})[0], {1}, {2 / (1 + std::exp(-6.0))});
}
