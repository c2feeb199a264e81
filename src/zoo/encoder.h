// SPDX-License-Identifier: Apache-2.0
// A small convolutional encoder from pictures to embeddings, of which the siamese pair has two that share their parameters,
// and the two-tower network one. Private to this folder.
//
//   ValueId e = picture_encoder(b, b.image(), {.stages = 3, .base = 32, .embedding = 64, .norm = true});
#pragma once
#include "zoo/builder.h"

namespace hone::zoo {

struct Encoder {
    int64_t stages;     ///< of a 3x3 convolution, ReLU, and max-pooling by 2 while the picture is not smaller
    int64_t base;       ///< channels of the first stage; each later one has twice as many
    int64_t embedding;  ///< numbers an embedding
    bool norm = false;  ///< batch normalisation behind each convolution
};

/// [N,C,H,W] to [N,embedding] of unit length.
ValueId picture_encoder(Builder& b, ValueId x, const Encoder& e);

}  // namespace hone::zoo
