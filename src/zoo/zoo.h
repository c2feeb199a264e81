// SPDX-License-Identifier: Apache-2.0
// The architectures that `hone new` writes, one declaration each: name, help, the options it takes, its builder. Called by
// the verb `new`, and by whoever needs a network to train.
//
//   std::vector<Network> n = make_networks("resnet", {.input = {3, 32, 32}, .classes = 10, .depth = 20, .seed = 1});
//   write_model(n[0].graph, "resnet20.onnx");
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "zoo/network.h"

namespace hone::zoo {

/// The first layers of a network made for ImageNet: as it was published, or for small pictures (3x3 convolution of stride 1,
/// no max-pooling). by_size: cifar where neither side is above 64.
enum class Stem { by_size, imagenet, cifar };

/// What a network is asked for; an option that its architecture does not take is ignored.
struct Request {
    Dims input = {};             ///< [C,H,W]; some architectures take fewer dims
    int64_t classes = 0;         ///< outputs
    double width = 1;            ///< multiplies channels or hidden sizes
    int64_t depth = 0;           ///< as the family means it; 0: its default
    Stem stem = Stem::by_size;
    bool batch_norm = false;     ///< of VGG
    std::optional<double> dropout = {};  ///< in [0, 1); as published unless given
    int64_t embedding = 64;      ///< numbers in an embedding, of a token too
    int64_t vocabulary = 256;    ///< ids of tokens
    int64_t text_length = 16;    ///< tokens of a text
    int64_t latent = 100;        ///< numbers that a generator begins with
    uint64_t seed = 0;
};

/// An option that only some architectures take, as the command line names it.
struct OptionHelp {
    const char *name, *value, *help;
};
const std::vector<OptionHelp>& option_helps();

struct Architecture {
    std::string name, help;
    std::vector<std::string> options;  ///< of option_helps
    size_t least_rank, most_rank;      ///< of its input
    int64_t depth;                     ///< the default; 0: the builder's own
    std::vector<int64_t> depths;       ///< the known ones; empty: 1 to most_depth
    int64_t most_depth;
    std::vector<Network> (*build)(const Request& r);

    bool takes(const std::string& option) const;
};

/// In the order of `hone new --list`.
const std::vector<Architecture>& architectures();
/// Throws usage "zoo.architecture" with the nearest names.
const Architecture& find_architecture(const std::string& name);

/// Fresh networks, for training: batch normalisation stays as nodes, parameters begin as PyTorch's and torchvision's do.
/// Inputs "input" f32 [N,...], output "logits" [N,classes] unless the architecture's help says otherwise; metadata
/// "hone.architecture" (JSON) holds the request. The same request gives the same bits under any number of threads; the
/// current ThreadPool draws the parameters. Throws usage "zoo.architecture", "zoo.input", "zoo.classes", "zoo.width",
/// "zoo.depth", "zoo.size", "zoo.stem", "zoo.small", "zoo.dropout"; budget "memory.limit".
std::vector<Network> make_networks(const std::string& architecture, const Request& r);

}  // namespace hone::zoo
