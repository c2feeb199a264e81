// SPDX-License-Identifier: Apache-2.0
// Each family's declarations; src/op/list.cc joins them into all_ops(). A new family is one file and one line in each.
#pragma once
#include <vector>

#include "op/op.h"

namespace hone::ops {
std::vector<OpDecl> identity();
std::vector<OpDecl> fused();
std::vector<OpDecl> attention();
std::vector<OpDecl> chain();
std::vector<OpDecl> rnn_fused();
std::vector<OpDecl> rnn_gradient();
std::vector<OpDecl> quantised();
std::vector<OpDecl> unary();
std::vector<OpDecl> cast();
std::vector<OpDecl> binary();
std::vector<OpDecl> conv();
std::vector<OpDecl> conv_transpose();
std::vector<OpDecl> gemm();
std::vector<OpDecl> matmul();
std::vector<OpDecl> pool();
std::vector<OpDecl> batch_norm();
std::vector<OpDecl> batch_sync();
std::vector<OpDecl> after();
std::vector<OpDecl> exchange();
std::vector<OpDecl> softmax();
std::vector<OpDecl> reduce();
std::vector<OpDecl> rnn();
std::vector<OpDecl> quantize();
std::vector<OpDecl> reshape();
std::vector<OpDecl> transpose();
std::vector<OpDecl> constant();
std::vector<OpDecl> concat_split();
std::vector<OpDecl> slice_pad();
std::vector<OpDecl> gather();
std::vector<OpDecl> scatter();
std::vector<OpDecl> select();
std::vector<OpDecl> space();
std::vector<OpDecl> softmax_gradient();
std::vector<OpDecl> norm();
std::vector<OpDecl> norm_gradient();
std::vector<OpDecl> scaled_attention();
std::vector<OpDecl> text();
std::vector<OpDecl> loss();
std::vector<OpDecl> loss_gradient();
std::vector<OpDecl> arg();
std::vector<OpDecl> unpool();
std::vector<OpDecl> roi_align();
std::vector<OpDecl> signal();
std::vector<OpDecl> detection();
std::vector<OpDecl> optimizer();
std::vector<OpDecl> update();
std::vector<OpDecl> resize();
std::vector<OpDecl> resize_gradient();
std::vector<OpDecl> random();
std::vector<OpDecl> grid_sample();
std::vector<OpDecl> grid_sample_gradient();
std::vector<OpDecl> einsum();
std::vector<OpDecl> conv_gradient();
std::vector<OpDecl> unary_gradient();
std::vector<OpDecl> pool_gradient();
std::vector<OpDecl> product();
std::vector<OpDecl> batch_norm_gradient();
std::vector<OpDecl> adjoint();
std::vector<OpDecl> dropout();
/// Of a uniform u32: what is less is dropped.
uint32_t dropout_threshold(double ratio);
}  // namespace hone::ops
