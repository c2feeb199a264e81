// SPDX-License-Identifier: Apache-2.0
// Two towers into one space (Radford et al., "Learning transferable visual models from natural language supervision", ICML
// 2021): a convolutional encoder of pictures and a recurrent one of texts, embeddings of unit length, their products times a
// learned temperature. With the class names as texts the logits are those of a classifier.
#include <cmath>

#include "zoo/build.h"
#include "zoo/encoder.h"
#include "zoo/recurrent.h"

namespace hone::zoo {
namespace {

constexpr double temperature = 0.07;  // at the beginning

/// Tokens [M,L] to embeddings [M,embedding].
ValueId text_encoder(Builder& b, ValueId tokens, const Request& r) {
    const int64_t hidden = scaled(64, r.width);
    const ValueId table = b.parameter("token.weight", {r.vocabulary, hidden}, normal(0.02));
    ValueId x = b.add("Gather", "token", {table, tokens}, {{"axis", int64_t{0}}});
    x = b.add("Transpose", "steps", {x}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
    x = recurrent(b, "gru", x, {"GRU", hidden, 1, true}).steps;
    return b.unit_length("unit", b.linear("text_embed", b.mean_over("mean", x, 0), r.embedding));
}

}  // namespace

std::vector<Network> two_tower(const Request& r) {
    Builder b("two_tower", r.seed, torch_rules);
    const ValueId pictures = b.input("image", DType::f32, {Dim::named("N"), r.input[0], r.input[1], r.input[2]});
    const ValueId texts = b.input("text", DType::i64, {Dim::named("M"), r.text_length});
    b.branch("image.");
    const ValueId image = picture_encoder(b, pictures, {.stages = r.depth, .base = scaled(32, r.width), .embedding = r.embedding, .norm = true});
    b.branch("text.");
    const ValueId text = text_encoder(b, texts, r);
    b.branch("");
    const ValueId products = b.add("MatMul", "products", {image, b.add("Transpose", "transpose", {text}, {{"perm", std::vector<int64_t>{1, 0}}})});
    const ValueId scale = b.add("Exp", "scale", {b.parameter("logit_scale", {1}, constant(std::log(1 / temperature)))});
    std::vector<Network> out;
    out.push_back(b.finish({{"logits", b.add("Mul", "scaled", {products, scale})}, {"image_embedding", image}, {"text_embedding", text}}));
    return out;
}

}  // namespace hone::zoo
