// SPDX-License-Identifier: Apache-2.0
// The vision transformer (Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021): patches as tokens, a learned position
// for each, blocks that normalise first. As ViT-B/16 with a class token, or for small pictures with patches of 4x4, 3 blocks and
// 4 heads of 16, which answers from the mean over the tokens (Beyer et al., "Better plain ViT baselines for ImageNet-1k", 2022).
// Weights begin much as torchvision's, which fit any width: Xavier's, of the patches lecun's, biases 0.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "zoo/build.h"

namespace hone::zoo {
namespace {

constexpr Rules rules{lecun, zeros, xavier, zeros};

/// A member of the family.
struct Form {
    int64_t patch, heads, head_size, depth;
    bool class_token;
    float dropout = 0;
    int64_t width() const { return heads * head_size; }
};

Form form_of(const Request& r) {
    Form f = small_stem(r) ? Form{4, 4, 16, 3, false} : Form{16, 12, 64, 12, true};
    f.heads = scaled(f.heads, r.width);
    if (r.depth) f.depth = r.depth;
    f.dropout = dropout_of(r, 0);
    const int64_t height = r.input[1], width = r.input[2];
    if (height % f.patch || width % f.patch)
        fail(ErrorKind::usage, "zoo.input", cat("patches of ", f.patch, "x", f.patch, " do not fill a picture of ", height, "x", width),
             cat("Nearest: ", r.input[0], "x", std::max(f.patch, height / f.patch * f.patch), "x",
                 std::max(f.patch, width / f.patch * f.patch), ", or another --stem."));
    return f;
}

/// Every patch and, before them, a class token, with their positions: [N,tokens,width]. The token is padded to all positions
/// and the picture's tokens to one more, so that no shape depends on the batch.
ValueId tokens_of(Builder& b, const Form& f, int64_t channels) {
    ValueId x = b.conv("patch", b.image(), {.channels = channels, .filters = f.width(), .kernel = f.patch, .stride = f.patch, .pad = 0});
    const int64_t patches = b.dim(x, 2) * b.dim(x, 3);
    x = b.reshape("patches", x, {0, f.width(), patches});
    x = b.add("Transpose", "tokens", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}});
    if (!f.class_token) return b.sum("embedded", x, b.parameter("position", {1, patches, f.width()}, normal(0.02)));
    const ValueId token = b.parameter("class_token", {1, 1, f.width()}, normal(0.02));
    const ValueId position = b.parameter("position", {1, patches + 1, f.width()}, normal(0.02));
    const ValueId first = b.add("Pad", "class_token.pad", {token, b.fixed("class_token.pads", Tensor::of_i64({0, 0, 0, 0, patches, 0}))});
    x = b.add("Pad", "tokens.pad", {x, b.fixed("tokens.pads", Tensor::of_i64({0, 1, 0, 0, 0, 0}))});
    return b.sum("embedded", x, b.sum("position.add", position, first));
}

ValueId attention(Builder& b, const Form& f, const std::string& name, ValueId x) {
    const int64_t tokens = b.dim(x, 1);
    ValueId y = b.dense(name + ".qkv", x, 3 * f.width());
    y = b.reshape(name + ".heads", y, {0, tokens, 3, f.heads, f.head_size});
    y = b.add("Transpose", name + ".transpose", {y}, {{"perm", std::vector<int64_t>{2, 0, 3, 1, 4}}});
    std::vector<ValueId> part = b.add_some("Split", name + ".split", {y, b.fixed("qkv.split", Tensor::of_i64({1, 1, 1}))}, 3, {{"axis", int64_t{0}}});
    const char* names[] = {".q", ".k", ".v"};
    for (size_t i = 0; i < part.size(); ++i)
        part[i] = b.add("Squeeze", name + names[i], {part[i], b.fixed("first_axis", Tensor::of_i64({0}))});
    const ValueId keys = b.add("Transpose", name + ".k.transpose", {part[1]}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
    ValueId scores = b.add("MatMul", name + ".scores", {part[0], keys});
    const double scale = 1 / std::sqrt(static_cast<double>(f.head_size));
    scores = b.add("Mul", name + ".scale", {scores, b.scalar("attention.scale", static_cast<float>(scale))});
    y = b.add("MatMul", name + ".mix", {b.add("Softmax", name + ".softmax", {scores}, {{"axis", int64_t{-1}}}), part[2]});
    y = b.add("Transpose", name + ".back", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
    return b.dense(name + ".proj", b.reshape(name + ".join", y, {0, tokens, f.width()}), f.width());
}

/// Dropout where torchvision has it: behind both branches, and within the second.
ValueId block(Builder& b, const Form& f, const std::string& name, ValueId x) {
    x = b.sum(name + ".add1", x, b.dropout(name + ".dropout", attention(b, f, name + ".attn", b.layer_norm(name + ".norm1", x)), f.dropout));
    ValueId y = b.dense(name + ".mlp.fc1", b.layer_norm(name + ".norm2", x), 4 * f.width());
    y = b.dense(name + ".mlp.fc2", b.dropout(name + ".mlp.dropout1", b.add("Gelu", name + ".mlp.gelu", {y}), f.dropout), f.width());
    return b.sum(name + ".add2", x, b.dropout(name + ".mlp.dropout2", y, f.dropout));
}

}  // namespace

std::vector<Network> vit(const Request& r) {
    const Form f = form_of(r);
    Builder b("vit", asked("a ViT", r), rules);
    ValueId x = b.dropout("dropout", tokens_of(b, f, r.input[0]), f.dropout);
    for (int64_t i = 0; i < f.depth; ++i) x = block(b, f, cat("blocks.", i), x);
    if (f.class_token) x = b.layer_norm("norm", b.add("Gather", "class", {x, b.fixed("class.index", Tensor::scalar_i64(0))}, {{"axis", int64_t{1}}}));
    else x = b.mean_over("mean", b.layer_norm("norm", x), 1);
    return classifies(b, b.linear("head", x, r.classes));
}

}  // namespace hone::zoo
