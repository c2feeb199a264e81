// SPDX-License-Identifier: Apache-2.0
// The networks of the zoo that are measured, and their files. Weights are random: good for latency, never for accuracy.
// To add one: a line in networks.cc.
//
//   const Network n = make_network("resnet50", "build/bench", 2);
//   measure({{"hone", n.int8}}, ...);
#pragma once
#include <string>
#include <vector>

namespace hone::suite {

struct Network {
    std::string name, fp32, int8;  ///< paths of the files
    double macs = 0, weights = 0;  ///< of one sample; known when the network was made
};

std::vector<std::string> network_names();
/// Where the files of a network are; nothing is made. Throws usage "bench.network".
Network network_paths(const std::string& name, const std::string& folder);
/// Writes the fp32 file and one quantised to int8 on a few pictures, for 224x224 and 1000 classes.
Network make_network(const std::string& name, const std::string& folder, int threads);

}  // namespace hone::suite
