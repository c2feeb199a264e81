// SPDX-License-Identifier: Apache-2.0
// A fresh network, as the builders of the zoo hand it over.
#pragma once
#include <cstdint>
#include <string>

#include "graph/graph.h"

namespace hone::zoo {

struct Network {
    std::string part;  ///< of an architecture of several files: "generator"; else empty
    Graph graph;
    int64_t parameters = 0;  ///< what is trained: the running statistics of batch normalisation are not counted
};

}  // namespace hone::zoo
