// SPDX-License-Identifier: Apache-2.0
// Fresh networks of the zoo over pictures of Fashion-MNIST's size, or over their rows, for ten classes.
#pragma once
#include <optional>

#include "op/op.h"
#include "zoo/zoo.h"

namespace hone::train {

/// depth 0: the architecture's.
inline Graph network(const std::string& architecture, int64_t batch, double width, int64_t depth, std::optional<double> dropout = {}) {
    zoo::Request r{.input = {1, 28, 28}, .classes = 10, .width = width, .depth = depth, .seed = 3};
    r.dropout = dropout;
    const zoo::Architecture& a = zoo::find_architecture(architecture);
    if (a.most_rank < 3) r.input = {28, 28};
    if (!depth) r.depth = a.depth;
    const Graph g = zoo::make_networks(architecture, r)[0].graph;
    r.input.insert(r.input.begin(), batch);
    return specialise(g, {r.input});
}

}  // namespace hone::train
