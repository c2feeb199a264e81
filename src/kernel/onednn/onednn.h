// SPDX-License-Identifier: Apache-2.0
// The one adapter over oneDNN: convolution, matrix product and pooling in fp32, bf16 and int8 with fused activation and
// residual. Nothing outside src/kernel/onednn sees its API. A kernel object is immutable after it is made (weights are
// packed into memory that it owns) and `run` may be called from several threads at once, each with its own scratch.
//
//   auto conv = onednn::make_conv(spec, weights, bias);      // null: oneDNN has only a reference for this
//   conv->run({src, dst, residual, scratch});
//
// Threads: a kernel is made for `threads` and must run where ThreadPool::current() has at least as many (1: anywhere).
// int8 rule (architecture.md, decision 6), for convolution and matrix product alike:
//   acc = sum (src - src_zero_point) * weights + bias_i32                       exact in int32
//   without residual: y = saturate(round_half_even(act(float(acc) * scale[o])) + dst_zero_point)
//   with residual r:  p = float(acc) * scale[o] rounded to float; y = saturate(round_half_even(act(fma(rs, r, p))))
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "base/shape.h"

namespace hone::onednn {

enum class Act { none, relu, clip, sigmoid, tanh, swish, hardswish, gelu_erf, leaky_relu };

struct Epilogue {
    Act act = Act::none;
    float alpha = 0, beta = 0;         ///< clip: [alpha, beta] in units of the real output (dst scale applied: see below); leaky_relu: alpha
    bool residual = false;             ///< added before the activation; same type, dims and layout as dst
    float residual_scale = 1;          ///< rs above; 1 for float types
};

/// Weights that a kernel of the same spec, variant, library and instruction set packed before (Kernel::packed_weights).
struct PackedWeights {
    const void* data = nullptr;
    size_t bytes = 0;
    std::shared_ptr<const void> owner;
};

struct ConvSpec {
    DType src = DType::f32, weights = DType::f32, dst = DType::f32, bias = DType::undefined;  ///< bias i32 with int8
    Dims src_dims, weight_dims, dst_dims;       ///< N C spatial..., O I/g k..., N O spatial...; 1 to 3 spatial
    int groups = 1;
    Dims strides, pads_begin, pads_end, dilations;  ///< a value per spatial axis; dilation 1 is dense
    bool channels_last = true;                  ///< src, dst and residual are N spatial... C; else N C spatial...
    bool dst_plain = false;                     ///< with channels_last: dst alone is N C spatial... (only if supported)
    Epilogue epilogue;                          ///< int8: clip limits are in quantised steps before dst_zero_point
    std::vector<float> scales;                  ///< int8: one or O values
    int src_zero_point = 0, dst_zero_point = 0;
    int threads = 1;
    int variant = 0;                            ///< the nth distinct implementation that oneDNN offers; null past the last
    PackedWeights packed;                       ///< taken instead of `weights` (not read then); null where bytes differ
};

struct MatmulSpec {
    DType src = DType::f32, weights = DType::f32, dst = DType::f32, bias = DType::undefined;
    Dims batch;                                 ///< leading dims of dst; empty for plain 2-D
    Dims src_batch, weight_batch;               ///< the same rank as batch, each 1 or equal
    int64_t m = 1, k = 1, n = 1;                ///< dst[m,n] = src[m,k] * weights[k,n]
    bool transpose_src = false, transpose_weights = false;  ///< stored [k,m] / [n,k]
    bool constant_weights = true;               ///< packed once at make; else given at run time, and so is the bias
    Epilogue epilogue;
    std::vector<float> scales;                  ///< int8: one or n values; float types: empty or one, alpha in
                                                ///< act(alpha * src * weights + bias + residual)
    int src_zero_point = 0, dst_zero_point = 0;
    int threads = 1;
    int variant = 0;                            ///< the nth distinct implementation that oneDNN offers; null past the last
    PackedWeights packed;                       ///< taken instead of `weights` (not read then); null where bytes differ
    enum class Route { automatic, inner_product, matmul } route = Route::automatic;  ///< which oneDNN primitive
};

struct PoolSpec {
    enum class Kind { max, average_include_pad, average_exclude_pad } kind = Kind::max;
    DType type = DType::f32;
    Dims src_dims, dst_dims, kernel, strides, pads_begin, pads_end, dilations;  ///< dilation 1 is dense
    bool channels_last = true;
    int threads = 1;
};

struct Arguments {
    const void* src = nullptr;
    void* dst = nullptr;
    const void* residual = nullptr;  ///< may be equal to dst (then nothing is copied)
    void* scratch = nullptr;         ///< scratch_bytes(), 64-byte aligned
    const void* weights = nullptr;   ///< only where constant_weights is false
    const void* bias = nullptr;      ///< only where it is given at run time
};

class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const Arguments& a) const = 0;
    virtual size_t scratch_bytes() const = 0;
    virtual size_t packed_bytes() const = 0;     ///< memory of packed weights and bias
    virtual PackedWeights packed_weights() const = 0;  ///< without an owner: valid as long as the kernel
    virtual std::string implementation() const = 0;  ///< "jit:avx512_core_vnni", "brgconv:avx512_core_amx" ...
};

/// Null where oneDNN offers only `ref*`, or where int8 is not proven exact: without VNNI signed sources, |w| > 63 and
/// depthwise; an accumulator that may pass 2^24 unsaturated beside a bias; activations other than none, relu, clip and
/// leaky_relu into an int8 dst. An f32 dst of int8 operands takes any activation and is exact to rounding.
/// `weights` are plain O I/g k... ([k,n] or [n,k] for matmul) in spec.weights, `bias` in spec.bias; copied.
/// bf16: weights are given as bf16, bias as f32.
std::unique_ptr<Kernel> make_conv(const ConvSpec& spec, const void* weights, const void* bias);
/// Transposed convolution of floats, without an epilogue; weights are I O/g k..., as ONNX stores them.
std::unique_ptr<Kernel> make_deconv(const ConvSpec& spec, const void* weights, const void* bias);
/// 3x3 at stride 1 in fp32 by F(4x4, 3x3): fewer multiplications, other rounding (some 1e-5 of the greatest output), so
/// for measured plans only. Channels last; reorders to blocked and back included. Null for any other convolution.
std::unique_ptr<Kernel> make_winograd(const ConvSpec& spec, const void* weights, const void* bias);
std::unique_ptr<Kernel> make_matmul(const MatmulSpec& spec, const void* weights, const void* bias);
std::unique_ptr<Kernel> make_pool(const PoolSpec& spec);
/// c[m,n] = a[m,k] * b[k,n], or c += that; a and b may be stored transposed ([k,m], [n,k]). Rows lie `stride` elements apart.
/// For products inside a larger kernel; takes ThreadPool::current() (inside a chunk: one thread).
struct Product {
    int64_t m, n, k;
    const float* a;
    int64_t a_stride;
    const float* b;
    int64_t b_stride;
    float* c;
    int64_t c_stride;
    bool transpose_a = false, transpose_b = false, accumulate = false;
};
void sgemm(const Product& p);
/// A convolution of a training step, f32 or bf16 (src, weights and dst are the types of X, W and Y and of their gradients;
/// those of bf16 add up in f32, and the gradient of the weights may be f32 beside bf16 src and dst): all operands are given at run time, weights and their gradient as plain
/// O I/g k..., the others in the layout of the spec (whose dims are those of X, W and Y in every pass; epilogue and packed
/// weights are not looked at).
///   forward          src X, weights W, bias [O] where spec.bias is f32, dst Y
///   input_gradient   src dY, weights W, dst dX
///   weight_gradient  src X, weights dY, dst dW
/// `blocked`: in the layout that oneDNN's kernels like best, with reorders on the way in and out.
enum class ConvPass { forward, input_gradient, weight_gradient };
std::unique_ptr<Kernel> make_conv_pass(ConvPass pass, const ConvSpec& spec, bool blocked);
/// The input gradient at stride 1 as what it also is: a forward convolution of dY with the weights turned around and their
/// channels exchanged, for which oneDNN has its best kernels. Operands as of make_conv_pass. Null at other strides.
std::unique_ptr<Kernel> make_conv_rotated(const ConvSpec& spec);
/// The gradient of an average pool: src dY, dst dX (dims of the spec as of the pool). Null for max.
std::unique_ptr<Kernel> make_average_pool_gradient(const PoolSpec& spec);
std::string version();  ///< "2.6.3"

}  // namespace hone::onednn
