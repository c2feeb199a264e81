// SPDX-License-Identifier: Apache-2.0
#include "pass/list.h"

namespace hone {

const std::vector<PassDecl>& all_passes() {
    static const std::vector<PassDecl> all = {
        {"expand_gradients", Stage::portable, passes::expand_gradients, "ai.onnx.preview.training.Gradient becomes the nodes that compute it"},
        {"fold_constants", Stage::portable, passes::fold_constants, "nodes of constants become constants"},
        {"eliminate_identity", Stage::portable, passes::eliminate_identity, "nodes that change nothing go"},
        {"canonicalise", Stage::portable, passes::canonicalise, "Sum becomes Add, ReduceMean over all positions GlobalAveragePool"},
        {"merge_duplicates", Stage::portable, passes::merge_duplicates, "equal nodes of equal inputs become one (CSE)"},
        {"fuse_pad", Stage::portable, passes::fuse_pad, "zero padding moves into the convolution"},
        {"fuse_conv_bn", Stage::portable, passes::fuse_conv_bn, "batch normalisation folds into the convolution"},
        {"eliminate_dead", Stage::portable, passes::eliminate_dead, "nodes that nobody uses go"},

        {"expand_gradients", Stage::runtime, passes::expand_gradients, "as above, with every dim known"},
        {"fold_constants", Stage::runtime, passes::fold_constants, "as above, with every dim known"},
        {"eliminate_identity", Stage::runtime, passes::eliminate_identity, "as above"},
        {"canonicalise", Stage::runtime, passes::canonicalise, "as above"},
        {"merge_duplicates", Stage::runtime, passes::merge_duplicates, "as above"},
        {"fuse_pad", Stage::runtime, passes::fuse_pad, "as above"},
        {"fuse_conv_bn", Stage::runtime, passes::fuse_conv_bn, "as above"},
        {"lower_qdq", Stage::runtime, passes::lower_qdq, "DequantizeLinear, operator, QuantizeLinear become one int8 operator"},
        {"fuse_activations", Stage::runtime, passes::fuse_activations, "x*sigmoid(x) and the erf and tanh forms of GELU become one node"},
        {"fuse_layer_norm", Stage::runtime, passes::fuse_layer_norm, "layer normalisation in nine nodes becomes one"},
        {"fuse_rms_norm", Stage::runtime, passes::fuse_rms_norm, "x / sqrt(mean(x^2) + epsilon) * scale becomes one node"},
        {"fuse_attention", Stage::runtime, passes::fuse_attention, "product, Softmax, product over moved operands become one node"},
        {"fuse_batch_norm", Stage::runtime, passes::fuse_batch_norm, "in training, the residual Add and Relu join batch normalisation, both ways"},
        {"fuse_epilogues", Stage::runtime, passes::fuse_epilogues, "bias, residual Add and activation join Conv, Gemm, MatMul"},
        {"lower_bf16", Stage::runtime, passes::lower_bf16, "with --precision bf16: Conv and Gemm read and write bf16"},
        {"fuse_chains", Stage::runtime, passes::fuse_chains, "elementwise operators that feed one another become one step"},
        {"eliminate_dead", Stage::runtime, passes::eliminate_dead, "as above"},
        {"schedule_exchanges", Stage::runtime, passes::schedule_exchanges, "means over ranks start as early and are waited for as late as can be"},
    };
    return all;
}

}  // namespace hone
