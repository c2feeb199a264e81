// SPDX-License-Identifier: Apache-2.0
// Requests small enough to run every architecture of the zoo by references.
#pragma once
#include "zoo/zoo.h"

namespace hone::zoo {

inline Request small_request(const std::string& architecture) {
    Request r{.input = {1, 28, 28}, .classes = 10, .seed = 3};
    if (architecture == "alexnet" || architecture == "vgg") r.width = 1.0 / 16;
    if (architecture == "resnet" || architecture == "mobilenetv2") r.width = 1.0 / 4;
    return r;
}

/// Of an architecture of one file.
inline Network one_network(const std::string& architecture, const Request& r) { return std::move(make_networks(architecture, r).at(0)); }

}  // namespace hone::zoo
