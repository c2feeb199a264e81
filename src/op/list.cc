// SPDX-License-Identifier: Apache-2.0
#include "op/list.h"

namespace hone {

const std::vector<const OpDecl*>& all_ops() {
    static const std::vector<const OpDecl*> all = [] {
        static std::vector<OpDecl> store;
        for (auto* family : {ops::after, ops::batch_sync, ops::exchange, ops::conv, ops::conv_transpose, ops::gemm, ops::matmul, ops::pool, ops::batch_norm,
                             ops::softmax, ops::reduce, ops::rnn, ops::quantize, ops::norm, ops::loss, ops::arg,
                             ops::scaled_attention, ops::text, ops::unpool, ops::signal, ops::detection,
                             ops::optimizer, ops::update, ops::identity, ops::fused, ops::quantised, ops::attention,
                             ops::rnn_fused, ops::rnn_gradient, ops::chain, ops::unary, ops::cast, ops::binary,
                             ops::reshape, ops::transpose, ops::constant, ops::concat_split, ops::slice_pad,
                             ops::grid_sample, ops::einsum, ops::resize, ops::random, ops::gather, ops::scatter,
                             ops::select, ops::space, ops::norm_gradient, ops::loss_gradient, ops::resize_gradient,
                             ops::grid_sample_gradient, ops::roi_align, ops::softmax_gradient, ops::conv_gradient,
                             ops::pool_gradient, ops::unary_gradient, ops::batch_norm_gradient, ops::adjoint,
                             ops::product, ops::dropout}) {
            std::vector<OpDecl> decls = family();
            store.insert(store.end(), std::make_move_iterator(decls.begin()), std::make_move_iterator(decls.end()));
        }
        std::vector<const OpDecl*> out;
        for (const OpDecl& d : store) out.push_back(&d);
        return out;
    }();
    return all;
}

}  // namespace hone
