// SPDX-License-Identifier: Apache-2.0
// Networks taken apart and put together compute what they did before.
#include "train/compose.h"

#include "base/rng.h"
#include "op/op.h"
#include "support.h"
#include "train/parameters.h"
#include "zoo/zoo.h"

namespace hone::train {
namespace {

Graph siamese() { return zoo::make_networks("siamese", {.input = {1, 8, 8}, .width = 0.25, .depth = 2, .embedding = 6, .seed = 3})[0].graph; }

Tensor numbers(const Dims& dims, uint64_t seed) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed);
    for (int64_t i = 0; i < t.count(); ++i) t.set(i, rng.normal());
    return t;
}

TEST(Compose, APartNeedsOnlyItsInputs) {
    const Graph g = siamese();
    const Tensor a = numbers({3, 1, 8, 8}, 1), b = numbers({3, 1, 8, 8}, 2);
    const std::vector<Tensor> both = interpret_graph(g, {a, b});
    EXPECT_EQ(inputs_of(g, g.outputs[0]), (std::vector<bool>{true, true}));
    EXPECT_EQ(inputs_of(g, g.outputs[2]), (std::vector<bool>{false, true}));
    const Graph second = part_of(g, {g.outputs[2]});
    ASSERT_EQ(second.inputs.size(), 1u);
    EXPECT_LT(second.alive_count(), g.alive_count());
    EXPECT_TRUE(interpret_graph(second, {b})[0].same_bits(both[2]));
    EXPECT_TRUE(interpret_graph(second, {a})[0].same_bits(both[1]));  // one encoder
}

TEST(Compose, ATwinReadsTheSameConstants) {
    const std::vector<zoo::Network> pair = zoo::make_networks("dcgan", {.input = {1, 8, 8}, .width = 0.125, .latent = 5, .seed = 1});
    const Graph d = specialise(pair[1].graph, {{2, 1, 8, 8}}), t = twin(d);
    t.check_structure();
    const Tensor a = numbers({2, 1, 8, 8}, 1), b = numbers({2, 1, 8, 8}, 2);
    const std::vector<Tensor> out = interpret_graph(t, {a, b});
    EXPECT_TRUE(out[0].same_bits(interpret_graph(d, {a})[0]));
    EXPECT_TRUE(out[1].same_bits(interpret_graph(d, {b})[0]));
    EXPECT_EQ(find_parameters(t).size(), find_parameters(d).size());
    for (const Parameter& p : find_parameters(t)) EXPECT_EQ(t.value(p.value).users.size(), 2 * d.value(d.find_value(p.name)).users.size()) << p.name;
}

TEST(Compose, OneBehindTheOther) {
    const std::vector<zoo::Network> pair = zoo::make_networks("dcgan", {.input = {1, 8, 8}, .width = 0.125, .latent = 5, .seed = 1});
    const Tensor z = numbers({2, 5}, 7);
    Graph g = specialise(pair[0].graph, {{2, 5}});
    const Graph d = specialise(pair[1].graph, {{2, 1, 8, 8}});
    const Tensor picture = interpret_graph(g, {z})[0];
    g.outputs = append(g, d, {g.outputs[0]});
    g.check_structure();
    EXPECT_TRUE(interpret_graph(g, {z})[0].same_bits(interpret_graph(d, {picture})[0]));
}

TEST(Compose, ABorrowedNetworkTakesItsParametersAndTheBatchsStatistics) {
    const std::vector<zoo::Network> pair = zoo::make_networks("dcgan", {.input = {1, 8, 8}, .width = 0.125, .latent = 5, .seed = 1});
    const Graph g = specialise(pair[0].graph, {{4, 5}});
    const Borrowed b = borrow(g);
    ASSERT_EQ(b.graph.inputs.size(), 1 + b.parameters.size());
    EXPECT_EQ(b.parameters.size(), find_parameters(g).size());
    std::vector<Tensor> in{numbers({4, 5}, 1)};
    for (const std::string& name : b.parameters) in.push_back(g.value(g.find_value(name)).constant);
    const Tensor once = interpret_graph(b.graph, in)[0];
    Graph training = g;
    for (NodeId id : training.order())
        if (training.node(id).is("BatchNormalization")) training.node(id).attributes["training_mode"] = int64_t{1};
    EXPECT_TRUE(once.same_bits(interpret_graph(training, {in[0]})[0]));
    EXPECT_FALSE(once.same_bits(interpret_graph(g, {in[0]})[0]));
    for (size_t i = 1; i < in.size(); ++i) in[i] = numbers(in[i].dims(), i);
    EXPECT_FALSE(once.same_bits(interpret_graph(b.graph, in)[0]));
}

}  // namespace
}  // namespace hone::train
