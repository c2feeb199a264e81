// SPDX-License-Identifier: Apache-2.0
// The list of architectures.
#include "zoo/build.h"

namespace hone::zoo {

const std::vector<OptionHelp>& option_helps() {
    static const std::vector<OptionHelp> list = {
        {"classes", "N", "outputs: classes, or 1 for a regression"},
        {"width", "X", "multiplies channels or hidden sizes"},
        {"depth", "N", "layers, as the family counts them; its default is in the list"},
        {"stem", "KIND", "the first layers: imagenet, cifar (3x3, stride 1, no max-pool), or auto: cifar unless a side is above 64"},
        {"batch-norm", "", "batch normalisation behind every convolution (vgg)"},
        {"dropout", "X", "the ratio of dropout, in place of the published one; 0 leaves it out"},
        {"embedding", "N", "numbers in an embedding (siamese, two-tower; of a token: rnn, lstm, gru)"},
        {"vocabulary", "N", "ids of tokens (two-tower, rnn, lstm, gru); 256 are those of bytes"},
        {"text-length", "N", "tokens of a text (two-tower)"},
        {"latent", "N", "numbers that the generator begins with (dcgan)"},
    };
    return list;
}

const std::vector<Architecture>& architectures() {
    static const std::vector<Architecture> list = {
        {"mlp", "hidden layers of 512 with ReLU, 2 unless --depth says; --input may be F alone (rows of a table) or TxF",
         {"classes", "width", "depth", "dropout"}, 1, 3, 2, {}, 64, mlp},
        {"linear", "a linear model: one dense layer; with --classes 1 a line, or two classes by the sign (hinge, bce_with_logits)",
         {"classes"}, 1, 3, 0, {}, 0, linear},
        {"lenet", "LeNet-5 with ReLU and max-pooling: convolutions 5x5 of 6 and 16, dense layers of 120 and 84",
         {"classes", "width"}, 3, 3, 0, {}, 0, lenet},
        {"alexnet", "AlexNet as torchvision: 5 convolutions, 3 dense layers with dropout",
         {"classes", "width", "stem", "dropout"}, 3, 3, 0, {}, 0, alexnet},
        {"vgg", "VGG as torchvision: --depth 11, 13, 16 (the default) or 19; a pooling that would leave nothing is left out",
         {"classes", "width", "depth", "batch-norm", "dropout"}, 3, 3, 16, {11, 13, 16, 19}, 0, vgg},
        {"resnet", "ResNet: --depth 18 (the default), 34, 50 as torchvision; 20, 32, 44, 56 for small pictures (He et al., section 4.2)",
         {"classes", "width", "depth", "stem"}, 3, 3, 18, {18, 34, 50, 20, 32, 44, 56}, 0, resnet},
        {"mobilenetv2", "MobileNetV2 as torchvision; the cifar stem keeps the size in the second stage too",
         {"classes", "width", "stem", "dropout"}, 3, 3, 0, {}, 0, mobilenet_v2},
        {"rnn", "layers of 128 tanh units, 2 unless --depth says, over the rows of a picture, the steps of TxF or the tokens of a text of length L, which is read from its end; answers after the last step",
         {"classes", "width", "depth", "dropout", "embedding", "vocabulary"}, 1, 3, 2, {}, 16, rnn},
        {"lstm", "layers of 128 LSTM cells, 2 unless --depth says, over rows, steps or tokens as rnn; answers after the last step",
         {"classes", "width", "depth", "dropout", "embedding", "vocabulary"}, 1, 3, 2, {}, 16, lstm},
        {"gru", "layers of 128 GRU cells each way, 1 unless --depth says, over rows, steps or tokens; answers from the mean over the steps",
         {"classes", "width", "depth", "dropout", "embedding", "vocabulary"}, 1, 3, 1, {}, 16, gru},
        {"vit", "vision transformer: ViT-B/16 with 12 blocks, or with the cifar stem patches of 4x4, 4 heads of 16 and 3 blocks; --depth blocks",
         {"classes", "width", "depth", "stem", "dropout"}, 3, 3, 0, {}, 64, vit},
        {"dcgan", "DCGAN: FILE_generator.onnx (latent -> image in [-1,1]) and FILE_discriminator.onnx (image -> logits [N,1])",
         {"width", "latent"}, 3, 3, 0, {}, 0, dcgan},
        {"siamese", "a, b -> distance, embedding_a, embedding_b: one encoder of 3 convolutions (--depth) over two pictures",
         {"width", "depth", "embedding"}, 3, 3, 3, {}, 6, siamese},
        {"two-tower", "image, text (ids [M,L]) -> logits [N,M], image_embedding, text_embedding: 3 convolutions (--depth) and a GRU",
         {"width", "depth", "embedding", "vocabulary", "text-length"}, 3, 3, 3, {}, 6, two_tower},
    };
    return list;
}

}  // namespace hone::zoo
