// SPDX-License-Identifier: Apache-2.0
// The builders that the list of architectures names (list.cc), and what they share. A request that reaches them has been
// checked, its depth is set. Private to this folder.
#pragma once
#include <vector>

#include "zoo/builder.h"
#include "zoo/zoo.h"

namespace hone::zoo {

std::vector<Network> linear(const Request& r);
std::vector<Network> mlp(const Request& r);
std::vector<Network> lenet(const Request& r);
std::vector<Network> alexnet(const Request& r);
std::vector<Network> vgg(const Request& r);
std::vector<Network> resnet(const Request& r);
std::vector<Network> mobilenet_v2(const Request& r);
std::vector<Network> rnn(const Request& r);
std::vector<Network> lstm(const Request& r);
std::vector<Network> gru(const Request& r);
std::vector<Network> vit(const Request& r);
std::vector<Network> dcgan(const Request& r);
std::vector<Network> siamese(const Request& r);
std::vector<Network> two_tower(const Request& r);

/// Channels or hidden units at the asked width, at least 1.
int64_t scaled(int64_t channels, double width);
/// The ratio asked for, else the published one.
float dropout_of(const Request& r, double published);
/// Whether the stem for small pictures is taken.
bool small_stem(const Request& r);
/// What a network of pictures is asked for; `what` is "a ResNet".
Asked asked(const std::string& what, const Request& r);
/// A network of one file with the output "logits".
std::vector<Network> classifies(Builder& b, ValueId logits);

}  // namespace hone::zoo
