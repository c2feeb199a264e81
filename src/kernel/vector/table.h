// SPDX-License-Identifier: Apache-2.0
// The table of elementwise, normalisation, reduction, int8 and reorder kernels that each instruction set fills. Plain
// types only: the sources built with instruction-set flags include this and nothing of the standard library.
//
//   vec::table().unary[int(vec::Unary::sigmoid)](x, y, n, 0, 0);
//
// Every function runs on one thread over the range that it is given (the caller cuts ranges), takes any size including
// 0 and any alignment that the element type allows, and may work in place where y has the type of x (y == x, and y == a
// or y == b for two operands of full size), reorders excepted. All tensors are dense and row-major.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hone::vec {

/// ONNX semantics. alpha and beta as the ONNX attributes say: leaky_relu and elu alpha; clip [alpha, beta];
/// hard_sigmoid max(0, min(1, alpha * x + beta)); others ignore them. NaN stays NaN. Within 4 ulp or 1e-6 relative of
/// the exact value; results that would be denormal may be zero. `silu` is x * sigmoid(x).
enum class Unary {
    relu, leaky_relu, clip, sigmoid, tanh, silu, hard_sigmoid, hard_swish, gelu, gelu_tanh, erf, exp, log, sqrt,
    reciprocal, abs, neg, floor, ceil, round, softplus, elu, sign, count
};
/// prelu: a >= 0 ? a : a * b. add_relu: max(a + b, 0). mul_sigmoid: a * sigmoid(b). max and min keep NaN, as ONNX does.
/// relu_gradient: b > 0 ? a : 0.
enum class Binary { add, sub, mul, div, max, min, pow, prelu, add_relu, mul_sigmoid, relu_gradient, count };
enum class Reduce { sum, mean, max, min, sum_square, count };
/// Integer element types. Functions that take u8 or s8 only are arrays of 2.
enum class Int { u8, s8, s32, count };

/// A two-operand broadcast, collapsed to as few dims as it can be; made by make_broadcast (vector.h). Strides are in
/// elements and 0 where the operand repeats; y is dense.
struct Broadcast {
    static constexpr int max_rank = 8;
    int rank = 0;
    int64_t count = 0;  ///< elements of y
    int64_t dims[max_rank] = {};
    int64_t a_strides[max_rank] = {};
    int64_t b_strides[max_rank] = {};
};

struct BinaryForms {
    void (*vv)(const float* a, const float* b, float* y, int64_t n);  ///< y[i] = a[i] op b[i]
    void (*vs)(const float* a, float b, float* y, int64_t n);         ///< y[i] = a[i] op b
    void (*sv)(float a, const float* b, float* y, int64_t n);         ///< y[i] = a op b[i]
    /// y[o, i] = a[o, i] op b[i]: channels-last bias. `a` has outer * inner elements.
    void (*row)(const float* a, const float* b, float* y, int64_t outer, int64_t inner);
    /// y[o, i] = a[o, i] op b[o]: channels-first bias; outer runs over (n, c) and the caller moves b for each n.
    void (*col)(const float* a, const float* b, float* y, int64_t outer, int64_t inner);
    /// Elements [begin, end) of y for any broadcast of either operand; y points to element 0. It takes the forms above
    /// where it can, so that calling only this is right and nearly as fast.
    void (*nd)(const Broadcast& s, const float* a, const float* b, float* y, int64_t begin, int64_t end);
};

/// Residual addition of two int8 tensors. The rule, the same bits everywhere:
///   p = float(b - b_zero) * b_scale, rounded to float
///   v = fma(a_scale, float(a - a_zero), p); relu: v = max(v, 0)
///   y = saturate(round_half_even(v) + y_zero)
/// a_scale and b_scale are already divided by the scale of y (in double, then rounded to float, by the caller).
struct QAdd {
    Int a_type = Int::u8, b_type = Int::u8, y_type = Int::u8;  ///< u8 or s8
    int32_t a_zero = 0, b_zero = 0, y_zero = 0;
    float a_scale = 1, b_scale = 1;
    bool relu = false;
};
/// Product of two int8 tensors (squeeze-and-excite gates):
///   y = saturate(round_half_even(float((a - a_zero) * (b - b_zero)) * scale) + y_zero), scale = sa * sb / sy
struct QMul {
    Int a_type = Int::u8, b_type = Int::u8, y_type = Int::u8;
    int32_t a_zero = 0, b_zero = 0, y_zero = 0;
    float scale = 1;
};

/// One step of an optimiser (op/update.cc): weights, gradients and up to three states, in place where the pointers agree.
struct UpdateArgs {
    const float *w = nullptr, *g = nullptr, *s[3] = {};
    float *w_out = nullptr, *s_out[3] = {};
    int states = 0;
    float rate = 0, decay = 0, momentum = 0, epsilon = 0, beta1 = 0, one_minus_beta1 = 0, beta2 = 0, one_minus_beta2 = 0;
    float shrink = 1, root = 1;  ///< of Adam: 1 - lr * decay, and 1 / sqrt(1 - beta2^t); its rate is lr / (1 - beta1^t)
    bool flag = false;           ///< Nesterov's, centred, decoupled
};

struct Table {
    void (*unary[static_cast<int>(Unary::count)])(const float* x, float* y, int64_t n, float alpha, float beta);
    BinaryForms binary[static_cast<int>(Binary::count)];

    /// Over the last axis of [rows, cols].
    void (*softmax)(const float* x, float* y, int64_t rows, int64_t cols);
    void (*log_softmax)(const float* x, float* y, int64_t rows, int64_t cols);
    /// Over the middle axis of [outer, axis, inner], positions [begin, end) of inner (0, inner for all).
    void (*softmax_middle)(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner, int64_t begin,
                           int64_t end);
    void (*log_softmax_middle)(const float* x, float* y, int64_t outer, int64_t axis, int64_t inner, int64_t begin,
                               int64_t end);

    /// y = (x - mean) / sqrt(variance + epsilon) * scale + bias over each row; scale and bias have cols elements or are
    /// null. Two passes over the row, so no cancellation.
    void (*layer_norm)(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t rows,
                       int64_t cols);
    /// y = x / sqrt(mean(x^2) + epsilon) * scale.
    void (*rms_norm)(const float* x, const float* scale, float epsilon, float* y, int64_t rows, int64_t cols);
    /// x is [n, channels, inner] (channels first); statistics over each of `groups` groups of channels of one sample;
    /// instance normalisation is groups == channels. scale and bias have `channels` elements or are null.
    void (*group_norm)(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t n,
                       int64_t channels, int64_t inner, int64_t groups);
    /// With h = (x - mean) / s and g = dy * scale: dx = (g - mean(g) - h mean(g h)) / s over each row (without `centred`, of
    /// RMS normalisation, both means of x and g are 0); adds dy * h to dscale and dy to dbias, both null where not wanted.
    /// scale has cols elements or is null; dx may be dy or x.
    void (*layer_norm_grad)(const float* dy, const float* x, const float* scale, float epsilon, bool centred, float* dx,
                            float* dscale, float* dbias, int64_t rows, int64_t cols);
    /// Over the middle axis of [outer, axis, inner]: its largest element, and log(sum(exp(x - largest))).
    void (*log_sum_exp)(const float* x, float* top, float* log_sum, int64_t outer, int64_t axis, int64_t inner);
    /// dx = weight * (softmax(x) - one at the label) over the middle axis of [outer, axis, inner]; 0 where the label is
    /// negative. labels and weights are [outer, inner]; labels are below `axis`.
    void (*cross_entropy_grad)(const float* x, const int32_t* labels, const float* weights, float* dx, int64_t outer,
                               int64_t axis, int64_t inner);
    /// From y = softmax(x) over the middle axis of [outer, axis, inner] dx = y * (dy - sum(dy * y)); from y = log_softmax(x)
    /// dx = dy - exp(y) * sum(dy). dx may be dy or y.
    void (*softmax_grad)(const float* dy, const float* y, float* dx, int64_t outer, int64_t axis, int64_t inner);
    void (*log_softmax_grad)(const float* dy, const float* y, float* dx, int64_t outer, int64_t axis, int64_t inner);
    /// Batch normalisation at inference, channels last: y[r, c] = x[r, c] * scale[c] + bias[c] (fused where the machine
    /// can), then max(y, 0) where relu.
    void (*affine_last)(const float* x, const float* scale, const float* bias, float* y, int64_t rows,
                        int64_t channels, bool relu);
    /// The same with x [outer, channels, inner]. For part of the channels, move the pointers and use outer == 1.
    void (*affine_middle)(const float* x, const float* scale, const float* bias, float* y, int64_t outer,
                          int64_t channels, int64_t inner, bool relu);

    /// [rows, cols] -> [rows]. Of nothing: sum 0, mean NaN, max -inf, min +inf.
    void (*reduce_last[static_cast<int>(Reduce::count)])(const float* x, float* y, int64_t rows, int64_t cols);
    /// [outer, axis, inner] -> [outer, inner]; mean is global average pooling channels last.
    void (*reduce_middle[static_cast<int>(Reduce::count)])(const float* x, float* y, int64_t outer, int64_t axis,
                                                           int64_t inner);
    /// Index of the greatest element; among equals the first, or the last where last_index.
    void (*argmax_last)(const float* x, int64_t* y, int64_t rows, int64_t cols, bool last_index);
    void (*argmax_middle)(const float* x, int64_t* y, int64_t outer, int64_t axis, int64_t inner, bool last_index);

    /// y = saturate(round_half_even(x / scale) + zero), a true division: bit for bit ONNX QuantizeLinear. NaN gives the
    /// lowest value. [Int::u8] and [Int::s8].
    void (*quantize[2])(const float* x, float scale, int32_t zero, void* y, int64_t n);
    /// y = float(x - zero) * scale. [Int::u8], [Int::s8], [Int::s32] (zero must be 0 there, as in ONNX).
    void (*dequantize[3])(const void* x, float scale, int32_t zero, float* y, int64_t n);
    /// Per channel, x [rows, channels]; zero may be null (0).
    void (*dequantize_last[3])(const void* x, const float* scale, const int32_t* zero, float* y, int64_t rows,
                               int64_t channels);
    /// Per channel, x [outer, channels, inner]; zero may be null (0).
    void (*dequantize_middle[3])(const void* x, const float* scale, const int32_t* zero, float* y, int64_t outer,
                                 int64_t channels, int64_t inner);
    /// y = saturate(round_half_even(float(x) * scale[c]) + zero), x [rows, channels] of int32; scale has one element
    /// where scale_count == 1, else channels.
    void (*requantize[2])(const int32_t* x, const float* scale, int64_t scale_count, int32_t zero, void* y,
                          int64_t rows, int64_t channels);
    /// Sum over the middle axis of int8 [outer, axis, inner] into int32, exact; with requantize it is int8 global
    /// average pooling. inner == 1 sums rows (channels first).
    void (*sum_middle[2])(const void* x, int32_t* y, int64_t outer, int64_t axis, int64_t inner);
    void (*q_add)(const QAdd& s, const void* a, const void* b, void* y, int64_t n);
    /// a and y [rows, cols]; b [rows, cols], or [cols] repeated for each row where b_repeats.
    void (*q_mul)(const QMul& s, const void* a, const void* b, void* y, int64_t rows, int64_t cols, bool b_repeats);
    /// y[i] = table[x[i]], 256 entries. For s8, fill the table at static_cast<uint8_t>(value).
    void (*lookup8)(const uint8_t* table, const uint8_t* x, uint8_t* y, int64_t n);

    /// Round to nearest even, NaN stays NaN; the bits of base/dtype.h.
    void (*f32_to_bf16)(const float* x, uint16_t* y, int64_t n);
    void (*bf16_to_f32)(const uint16_t* x, float* y, int64_t n);
    void (*f32_to_f16)(const float* x, uint16_t* y, int64_t n);
    void (*f16_to_f32)(const uint16_t* x, float* y, int64_t n);

    /// Elements [begin, end).
    void (*update_sgd)(const UpdateArgs& u, int64_t begin, int64_t end);
    void (*update_adagrad)(const UpdateArgs& u, int64_t begin, int64_t end);
    void (*update_rmsprop)(const UpdateArgs& u, int64_t begin, int64_t end);
    void (*update_adam)(const UpdateArgs& u, int64_t begin, int64_t end);

    /// y[c * y_stride + r] = x[r * x_stride + c] for r < rows, c < cols; strides in elements. The element has
    /// 1 << index bytes: transpose[0] int8, [1] bf16, [2] f32, [3] int64. NCHW -> NHWC is rows = C, cols = H * W,
    /// x_stride = H * W, y_stride = C for each sample; the other way round rows = H * W, cols = C. y is apart from x.
    void (*transpose[4])(const void* x, int64_t x_stride, void* y, int64_t y_stride, int64_t rows, int64_t cols);
};

}  // namespace hone::vec
