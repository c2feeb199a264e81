// SPDX-License-Identifier: Apache-2.0
// The oneDNN adapter against plain loops: floats within rounding, int8 bit for bit, on one and two threads.
#include "kernel/onednn/onednn.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/tensor.h"
#include "base/thread_pool.h"
#include "kernel/onednn/omp_shim.h"
#include "support.h"

namespace {
using namespace hone;
using onednn::Act;
using onednn::ConvSpec;
using onednn::Epilogue;
using onednn::Kernel;
using onednn::MatmulSpec;
using onednn::PoolSpec;

ThreadPool& pool_of_two() {
    static ThreadPool pool(2);
    return pool;
}

bool is_int8(DType t) { return t == DType::u8 || t == DType::i8; }

Tensor random_tensor(Rng& rng, DType type, Dims dims, int low = -1000, int high = 1000) {
    Tensor t = Tensor::zeros(type, std::move(dims));
    if (type == DType::u8) low = std::max(low, 0), high = std::min(high, 255);
    if (type == DType::i8) low = std::max(low, -128), high = std::min(high, 127);
    for (int64_t i = 0; i < t.count(); ++i) {
        const int64_t v = low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
        if (is_float(type))
            t.set(i, static_cast<double>(v) / 1000);
        else
            t.set_int(i, v);
    }
    return t;
}

double activated(const Epilogue& e, double x) {
    switch (e.act) {
        case Act::none: return x;
        case Act::relu: return std::max(x, 0.0);
        case Act::clip: return std::clamp(x, double{e.alpha}, double{e.beta});
        case Act::sigmoid: return 1 / (1 + std::exp(-x));
        case Act::tanh: return std::tanh(x);
        case Act::swish: return x / (1 + std::exp(-x));
        case Act::hardswish: return x * std::clamp(x + 3, 0.0, 6.0) / 6;
        case Act::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
        case Act::leaky_relu: return x > 0 ? x : x * double{e.alpha};
    }
    return x;
}

/// The int8 rule of onednn.h for one element.
int64_t requantised(DType dst, const Epilogue& e, int32_t acc, float scale, int64_t residual, int zero_point) {
    float v = static_cast<float>(acc) * scale;
    if (e.residual) v = std::fmaf(e.residual_scale, static_cast<float>(residual), v);
    if (e.act == Act::relu)
        v = std::max(v, 0.f);
    else if (e.act == Act::clip)
        v = std::min(std::max(v, e.alpha), e.beta);
    else if (e.act == Act::leaky_relu)
        v = v > 0 ? v : v * e.alpha;
    const double low = dst == DType::u8 ? 0 : -128, high = low + 255;
    return static_cast<int64_t>(std::clamp(std::nearbyint(double{v}) + zero_point, low, high));
}

/// Finishes one output element into `dst`.
template <class Spec>
void finish(const Spec& s, Tensor& dst, int64_t at, int64_t channel, double real, int64_t acc, const Tensor& bias,
            const Tensor& residual) {
    const double r = s.epilogue.residual ? residual.at(at) : 0;
    if (is_int8(s.src)) {
        const float scale = s.scales[s.scales.size() == 1 ? 0 : static_cast<size_t>(channel)];
        if (bias.defined()) acc += bias.at_int(channel);
        if (is_int8(s.dst)) {
            dst.set_int(at, requantised(s.dst, s.epilogue, static_cast<int32_t>(acc), scale, static_cast<int64_t>(r),
                                        s.dst_zero_point));
            return;
        }
        real = static_cast<double>(acc) * double{scale};
    } else {
        if (s.scales.size() == 1) real *= double{s.scales[0]};
        if (bias.defined()) real += bias.at(channel);
    }
    dst.set(at, activated(s.epilogue, real + r * double{s.epilogue.residual_scale}));
}

/// Offset of (n, c, spatial...) in a tensor of `dims` (N C spatial...).
int64_t offset(const Dims& dims, bool last, int64_t n, int64_t c, const int64_t* x) {
    const size_t spatial = dims.size() - 2;
    int64_t at = n;
    if (!last) at = at * dims[1] + c;
    for (size_t i = 0; i < spatial; ++i) at = at * dims[i + 2] + x[i];
    return last ? at * dims[1] + c : at;
}

/// Calls body(n, c, x) for each element of N C spatial... dims.
template <class Body>
void for_each(const Dims& dims, const Body& body) {
    int64_t x[3] = {0, 0, 0};
    const int64_t d0 = dims[2], d1 = dims.size() > 3 ? dims[3] : 1, d2 = dims.size() > 4 ? dims[4] : 1;
    for (int64_t n = 0; n < dims[0]; ++n)
        for (int64_t c = 0; c < dims[1]; ++c)
            for (x[0] = 0; x[0] < d0; ++x[0])
                for (x[1] = 0; x[1] < d1; ++x[1])
                    for (x[2] = 0; x[2] < d2; ++x[2]) body(n, c, x);
}

void reference_conv(const ConvSpec& s, const Tensor& src, const Tensor& weights, const Tensor& bias,
                    const Tensor& residual, Tensor& dst) {
    const size_t spatial = s.src_dims.size() - 2;
    const int64_t per_group_in = s.weight_dims[1], per_group_out = s.weight_dims[0] / s.groups;
    Dims taps = s.weight_dims;
    taps[0] = 1;
    taps[1] = per_group_in;
    const std::vector<double> w = weights.to_f64(), a = src.to_f64();
    const int64_t each = count_of(taps);
    for_each(s.dst_dims, [&](int64_t n, int64_t o, const int64_t* y) {
        double sum = 0;
        const double* tap = w.data() + o * each;
        for_each(taps, [&](int64_t, int64_t i, const int64_t* k) {
            const double weight = *tap++;
            int64_t x[3] = {0, 0, 0};
            for (size_t d = 0; d < spatial; ++d) {
                x[d] = y[d] * s.strides[d] - s.pads_begin[d] + k[d] * s.dilations[d];
                if (x[d] < 0 || x[d] >= s.src_dims[d + 2]) return;
            }
            const int64_t c = o / per_group_out * per_group_in + i;
            sum += weight * (a[static_cast<size_t>(offset(s.src_dims, s.channels_last, n, c, x))] - s.src_zero_point);
        });
        finish(s, dst, offset(s.dst_dims, s.channels_last, n, o, y), o, sum, static_cast<int64_t>(sum), bias, residual);
    });
}

void expect_near(const Tensor& got, const Tensor& want, double tolerance, const std::string& what) {
    for (int64_t i = 0; i < want.count(); ++i) {
        const double g = got.at(i), w = want.at(i);
        ASSERT_LE(std::abs(g - w), tolerance * (1 + std::abs(w))) << what << " at " << i << ": " << g << " for " << w;
    }
}
void expect_same(const Tensor& got, const Tensor& want, const std::string& what) {
    int64_t wrong = 0;
    std::string first;
    for (int64_t i = 0; i < want.count(); ++i)
        if (got.at_int(i) != want.at_int(i) && wrong++ == 0)
            first = cat("at ", i, ": ", got.at_int(i), " for ", want.at_int(i));
    ASSERT_EQ(wrong, 0) << what << ": " << wrong << " of " << want.count() << " differ, first " << first;
}
double tolerance_of(DType src, DType dst) {
    if (dst == DType::bf16) return 1e-2;
    return src == DType::bf16 ? 1e-4 : 2e-5;
}

/// Runs into a fresh tensor shaped like `dst`. With `in_place` the residual lies in dst already.
Tensor run_kernel(const Kernel& kernel, const Tensor& src, const Tensor& like, const Tensor& residual, bool in_place,
                  const void* weights = nullptr) {
    Tensor dst = residual.defined() && in_place ? residual.clone() : Tensor::zeros(like.dtype(), like.dims());
    const std::shared_ptr<void> scratch = allocate_aligned(kernel.scratch_bytes() + 64);
    kernel.run({src.raw(), dst.raw_mut(), residual.defined() ? (in_place ? dst.raw() : residual.raw()) : nullptr,
                scratch.get(), weights});
    return dst;
}

struct ConvCase {
    std::string name;
    int64_t batch, in, out;
    Dims size, kernel, strides, pads_begin, pads_end, dilations;
    int groups = 1;
    bool plain = false;
    bool may_be_null = false;
};

const std::vector<ConvCase>& conv_cases() {
    static const std::vector<ConvCase> cases = {
        {"1x1", 1, 64, 128, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
        {"1x1 odd", 2, 17, 13, {5, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
        {"1x1 stride 2", 1, 32, 48, {9, 9}, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {1, 1}},
        {"3x3", 2, 32, 32, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {"3x3 odd channels", 1, 19, 35, {11, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {"3x3 one channel", 3, 1, 8, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {"3x3 to one channel", 1, 16, 1, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {"7x7 stride 2", 1, 3, 16, {23, 24}, {7, 7}, {2, 2}, {3, 3}, {3, 3}, {1, 1}},
        {"asymmetric pads", 1, 8, 24, {10, 10}, {3, 3}, {2, 2}, {0, 0}, {1, 1}, {1, 1}},
        {"dilated", 1, 16, 16, {12, 12}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}},
        {"grouped 2 odd", 1, 6, 10, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2, false, true},
        {"grouped 4", 1, 64, 64, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 4},
        {"depthwise", 1, 32, 32, {11, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 32},
        {"depthwise odd stride 2", 2, 21, 21, {10, 11}, {5, 5}, {2, 2}, {2, 2}, {2, 2}, {1, 1}, 21},
        {"depthwise multiplier", 1, 8, 16, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 8, false, true},
        {"1-D", 2, 16, 20, {30}, {5}, {1}, {2}, {2}, {1}},
        {"1-D one channel", 1, 1, 4, {33}, {3}, {2}, {1}, {0}, {1}},
        {"3-D", 1, 8, 16, {5, 6, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
        {"plain 3x3", 1, 32, 32, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, true, true},
    };
    return cases;
}

ConvSpec spec_of(const ConvCase& c) {
    ConvSpec s;
    s.src_dims = {c.batch, c.in};
    s.weight_dims = {c.out, c.in / c.groups};
    s.dst_dims = {c.batch, c.out};
    for (size_t i = 0; i < c.size.size(); ++i) {
        const int64_t extent = (c.kernel[i] - 1) * c.dilations[i] + 1;
        s.src_dims.push_back(c.size[i]);
        s.weight_dims.push_back(c.kernel[i]);
        s.dst_dims.push_back((c.size[i] + c.pads_begin[i] + c.pads_end[i] - extent) / c.strides[i] + 1);
    }
    s.groups = c.groups;
    s.strides = c.strides;
    s.pads_begin = c.pads_begin;
    s.pads_end = c.pads_end;
    s.dilations = c.dilations;
    s.channels_last = !c.plain;
    return s;
}

/// How int8 operands are drawn. `sharp`: small integers and scales that are powers of two, so that many results are
/// exact ties, and a residual scale whose product with the residual does not fit a float.
enum class Draw { wide, sharp };

struct Operands {
    Tensor src, weights, bias, residual;
    const void* bias_data() const { return bias.defined() ? bias.raw() : nullptr; }
};

/// Also fills s.scales for int8.
template <class Spec>
Operands draw_operands(Rng& rng, Spec& s, Draw draw, Dims src, Dims weights, Dims dst, int64_t channels,
                       int64_t depth) {
    Operands o;
    if (!is_int8(s.src)) {
        o.src = random_tensor(rng, s.src, std::move(src));
        o.weights = random_tensor(rng, s.weights, std::move(weights));
        if (s.bias != DType::undefined) o.bias = random_tensor(rng, DType::f32, {channels});
    } else if (draw == Draw::wide) {
        const int largest = usable_isa() >= Isa::avx512_vnni ? 127 : 63;
        o.src = random_tensor(rng, s.src, std::move(src));
        o.weights = random_tensor(rng, s.weights, std::move(weights), -largest, largest);
        if (s.bias != DType::undefined) o.bias = random_tensor(rng, DType::i32, {channels}, -5000, 5000);
        s.scales.resize(static_cast<size_t>(channels));
        for (float& v : s.scales) v = static_cast<float>((0.5 + rng.uniform()) * 0.01 / std::sqrt(double(depth)));
    } else {
        o.src = random_tensor(rng, s.src, std::move(src), -8 + s.src_zero_point, 15 + s.src_zero_point);
        o.weights = random_tensor(rng, s.weights, std::move(weights), -7, 7);
        if (s.bias != DType::undefined) o.bias = random_tensor(rng, DType::i32, {channels}, -100, 100);
        s.scales = {static_cast<float>(std::exp2(std::round(std::log2(1.5 / std::sqrt(double(depth))))))};
        if (s.epilogue.residual && s.epilogue.residual_scale != 1.f) s.epilogue.residual_scale = 0.5f + 0x1p-24f;
    }
    if (s.epilogue.residual) o.residual = random_tensor(rng, s.dst, std::move(dst));
    return o;
}

/// Makes, runs and compares every implementation that oneDNN offers. Returns how many there were.
int check_conv(ConvSpec s, Rng& rng, const std::string& name, Draw draw = Draw::wide) {
    const int64_t channels = s.weight_dims[0];
    const Operands o = draw_operands(rng, s, draw, s.src_dims, s.weight_dims, s.dst_dims, channels,
                                     count_of(s.weight_dims) / channels);
    Tensor want = Tensor::zeros(s.dst, s.dst_dims);
    reference_conv(s, o.src, o.weights, o.bias, o.residual, want);
    int made = 0;
    for (s.variant = 0; s.variant < 4; ++s.variant) {
        for (s.threads = 1; s.threads <= 2; ++s.threads) {
            const ThreadPool::Use use(&pool_of_two());
            const auto kernel = onednn::make_conv(s, o.weights.raw(), o.bias_data());
            if (!kernel) continue;
            ++made;
            const std::string what =
                cat(name, " ", dtype_name(s.src), " to ", dtype_name(s.dst), " act ", static_cast<int>(s.epilogue.act),
                    " on ", s.threads, " by ", kernel->implementation());
            EXPECT_EQ(kernel->implementation().find("ref"), std::string::npos) << what;
            const Tensor got = run_kernel(*kernel, o.src, want, o.residual, s.threads == 1);
            if (is_int8(s.dst))
                expect_same(got, want, what);
            else
                expect_near(got, want, tolerance_of(s.src, s.dst), what);
        }
    }
    return made;
}

TEST(Onednn, ConvFloat) {
    Rng rng(1);
    for (const ConvCase& c : conv_cases())
        for (const bool rich : {false, true}) {
            ConvSpec s = spec_of(c);
            s.bias = DType::f32;
            if (rich) s.epilogue = {Act::relu, 0, 0, true, 1};
            const int made = check_conv(s, rng, c.name);
            EXPECT_TRUE(made > 0 || c.may_be_null || usable_isa() < Isa::avx2) << c.name;
        }
}

TEST(Onednn, ConvActivations) {
    Rng rng(2);
    const ConvCase& c = conv_cases()[4];
    for (const Act act : {Act::none, Act::relu, Act::clip, Act::sigmoid, Act::tanh, Act::swish, Act::hardswish,
                          Act::gelu_erf, Act::leaky_relu}) {
        ConvSpec s = spec_of(c);
        s.epilogue.act = act;
        s.epilogue.alpha = act == Act::clip ? -0.5f : 0.1f;
        s.epilogue.beta = 1.5f;
        EXPECT_TRUE(check_conv(s, rng, c.name) > 0 || usable_isa() < Isa::avx2);
    }
}

TEST(Onednn, ConvBf16) {
    if (!(usable_isa() >= Isa::avx512)) GTEST_SKIP() << "AVX-512" << " is not to be had here";
    Rng rng(3);
    for (const ConvCase& c : conv_cases())
        for (const DType dst : {DType::bf16, DType::f32}) {
            ConvSpec s = spec_of(c);
            s.src = s.weights = DType::bf16;
            s.dst = dst;
            s.bias = DType::f32;
            s.epilogue = {Act::relu, 0, 0, dst == DType::bf16, 1};
            const int made = check_conv(s, rng, c.name);
            EXPECT_TRUE(made > 0 || c.may_be_null || c.in == 1) << c.name;
        }
}

struct Quantised {
    DType src, dst;
    Epilogue epilogue;
    int src_zero_point, dst_zero_point;
    bool bias;
};
const std::vector<Quantised>& quantised() {
    static const std::vector<Quantised> all = {
        {DType::u8, DType::u8, {Act::relu, 0, 0, false, 1}, 0, 0, true},
        {DType::u8, DType::u8, {Act::relu, 0, 0, true, 0.37f}, 0, 0, true},
        {DType::u8, DType::u8, {Act::none, 0, 0, true, 1.f}, 0, 0, false},
        {DType::u8, DType::i8, {Act::none, 0, 0, false, 1}, 0, 0, true},
        {DType::u8, DType::i8, {Act::leaky_relu, 0.25f, 0, true, 0.61f}, 0, 0, true},
        {DType::i8, DType::i8, {Act::relu, 0, 0, true, 0.83f}, 0, 0, true},
        {DType::i8, DType::u8, {Act::clip, 0, 101, false, 1}, 0, 0, true},
        {DType::u8, DType::u8, {Act::none, 0, 0, false, 1}, 0, 113, true},
        {DType::u8, DType::u8, {Act::clip, -20.25f, 90, false, 1}, 97, 20, true},
        {DType::u8, DType::u8, {Act::none, 0, 0, false, 1}, 128, 0, false},
        {DType::u8, DType::f32, {Act::none, 0, 0, false, 1}, 0, 0, true},
    };
    return all;
}

TEST(Onednn, ConvInt8) {
    if (!(usable_isa() >= Isa::avx2)) GTEST_SKIP() << "AVX2" << " is not to be had here";
    Rng rng(4);
    for (const ConvCase& c : conv_cases())
        for (size_t i = 0; i < quantised().size(); ++i) {
            const Quantised& q = quantised()[i];
            ConvSpec s = spec_of(c);
            s.src = q.src;
            s.weights = DType::i8;
            s.dst = q.dst;
            s.bias = q.bias ? DType::i32 : DType::undefined;
            s.epilogue = q.epilogue;
            s.src_zero_point = q.src_zero_point;
            s.dst_zero_point = q.dst_zero_point;
            for (const Draw draw : {Draw::wide, Draw::sharp}) {
                const std::string name = cat(c.name, " case ", i, draw == Draw::sharp ? " sharp" : " wide");
                const int made = check_conv(s, rng, name, draw);
                EXPECT_TRUE(made > 0 || c.may_be_null || usable_isa() < Isa::avx512_vnni) << name;
            }
        }
}

void reference_matmul(const MatmulSpec& s, const Tensor& src, const Tensor& weights, const Tensor& bias,
                      const Tensor& residual, Tensor& dst) {
    const std::vector<double> a = src.to_f64(), w = weights.to_f64();
    const int64_t batch = count_of(s.batch);
    for (int64_t b = 0; b < batch; ++b) {
        int64_t rest = b, from_src = 0, from_weights = 0, src_step = s.m * s.k, weight_step = s.k * s.n;
        for (size_t d = s.batch.size(); d-- > 0;) {
            const int64_t at = rest % s.batch[d];
            rest /= s.batch[d];
            if (s.src_batch[d] > 1) from_src += at * src_step;
            if (s.weight_batch[d] > 1) from_weights += at * weight_step;
            src_step *= s.src_batch[d];
            weight_step *= s.weight_batch[d];
        }
        for (int64_t i = 0; i < s.m; ++i)
            for (int64_t j = 0; j < s.n; ++j) {
                double sum = 0;
                for (int64_t k = 0; k < s.k; ++k) {
                    const int64_t x = from_src + (s.transpose_src ? k * s.m + i : i * s.k + k);
                    const int64_t y = from_weights + (s.transpose_weights ? j * s.k + k : k * s.n + j);
                    sum += (a[static_cast<size_t>(x)] - s.src_zero_point) * w[static_cast<size_t>(y)];
                }
                finish(s, dst, (b * s.m + i) * s.n + j, j, sum, static_cast<int64_t>(sum), bias, residual);
            }
    }
}

Dims with(Dims batch, int64_t a, int64_t b) {
    batch.push_back(a);
    batch.push_back(b);
    return batch;
}

int check_matmul(MatmulSpec s, Rng& rng, const std::string& name, Draw draw = Draw::wide) {
    const Dims src_dims = s.transpose_src ? with(s.src_batch, s.k, s.m) : with(s.src_batch, s.m, s.k);
    const Dims weight_dims = s.transpose_weights ? with(s.weight_batch, s.n, s.k) : with(s.weight_batch, s.k, s.n);
    const Dims dst_dims = with(s.batch, s.m, s.n);
    const Operands o = draw_operands(rng, s, draw, src_dims, weight_dims, dst_dims, s.n, s.k);
    Tensor want = Tensor::zeros(s.dst, dst_dims);
    reference_matmul(s, o.src, o.weights, o.bias, o.residual, want);
    int made = 0;
    for (const auto route : {MatmulSpec::Route::inner_product, MatmulSpec::Route::matmul})
        for (s.variant = 0; s.variant < 3; ++s.variant)
            for (s.threads = 1; s.threads <= 2; ++s.threads) {
                s.route = route;
                const ThreadPool::Use use(&pool_of_two());
                const auto kernel =
                    onednn::make_matmul(s, s.constant_weights ? o.weights.raw() : nullptr, o.bias_data());
                if (!kernel) continue;
                ++made;
                const std::string what = cat(name, " ", dtype_name(s.src), " to ", dtype_name(s.dst), " on ", s.threads,
                                             " by ", kernel->implementation());
                const Tensor got = run_kernel(*kernel, o.src, want, o.residual, s.threads == 1, o.weights.raw());
                if (is_int8(s.dst))
                    expect_same(got, want, what);
                else
                    expect_near(got, want, tolerance_of(s.src, s.dst), what);
            }
    return made;
}

std::vector<MatmulSpec> matmul_specs() {
    const auto spec = [](Dims batch, Dims src_batch, Dims weight_batch, int64_t m, int64_t k, int64_t n, bool ts,
                         bool tw, bool constant) {
        MatmulSpec s;
        s.batch = std::move(batch);
        s.src_batch = std::move(src_batch);
        s.weight_batch = std::move(weight_batch);
        s.m = m;
        s.k = k;
        s.n = n;
        s.transpose_src = ts;
        s.transpose_weights = tw;
        s.constant_weights = constant;
        return s;
    };
    return {
        spec({}, {}, {}, 1, 64, 10, false, false, true),
        spec({}, {}, {}, 1, 784, 300, false, true, true),
        spec({}, {}, {}, 16, 256, 10, false, true, true),
        spec({}, {}, {}, 5, 33, 7, false, false, true),
        spec({}, {}, {}, 33, 1, 17, false, false, true),
        spec({}, {}, {}, 7, 19, 1, false, true, true),
        spec({}, {}, {}, 64, 128, 96, true, false, true),
        spec({3}, {3}, {1}, 9, 40, 24, false, false, true),
        spec({}, {}, {}, 12, 30, 14, false, true, false),
        spec({2, 3}, {2, 3}, {2, 3}, 8, 16, 12, false, true, false),
        spec({2, 3}, {2, 3}, {2, 3}, 8, 16, 12, true, false, false),
        spec({4}, {4}, {1}, 6, 20, 11, false, false, false),
        spec({4}, {1}, {4}, 6, 20, 11, false, true, false),
        spec({2, 3}, {2, 1}, {1, 3}, 5, 8, 9, false, false, false),
    };
}

TEST(Onednn, MatmulFloat) {
    Rng rng(5);
    for (size_t i = 0; i < matmul_specs().size(); ++i)
        for (const DType type : {DType::f32, DType::bf16})
            for (const bool rich : {false, true}) {
                if (type == DType::bf16 && usable_isa() < Isa::avx512) continue;
                MatmulSpec s = matmul_specs()[i];
                s.src = s.weights = s.dst = type;
                if (rich) {
                    s.epilogue = {Act::gelu_erf, 0, 0, true, 1};
                    if (s.constant_weights) s.bias = DType::f32;
                    s.scales = {0.125f};
                }
                EXPECT_GT(check_matmul(s, rng, cat("case ", i)), 0) << "case " << i << " " << dtype_name(type);
            }
}

TEST(Onednn, MatmulInt8) {
    if (!(usable_isa() >= Isa::avx2)) GTEST_SKIP() << "AVX2" << " is not to be had here";
    Rng rng(6);
    for (size_t i = 0; i < matmul_specs().size(); ++i)
        for (size_t j = 0; j < quantised().size(); ++j) {
            MatmulSpec s = matmul_specs()[i];
            const Quantised& q = quantised()[j];
            if (!s.constant_weights && q.bias) continue;
            s.src = q.src;
            s.weights = DType::i8;
            s.dst = q.dst;
            s.bias = q.bias ? DType::i32 : DType::undefined;
            s.epilogue = q.epilogue;
            s.src_zero_point = q.src_zero_point;
            s.dst_zero_point = q.dst_zero_point;
            for (const Draw draw : {Draw::wide, Draw::sharp}) {
                const std::string name = cat("case ", i, " ", j, draw == Draw::sharp ? " sharp" : " wide");
                EXPECT_TRUE(check_matmul(s, rng, name, draw) > 0 || usable_isa() < Isa::avx512_vnni) << name;
            }
        }
}

void reference_pool(const PoolSpec& s, const Tensor& src, Tensor& dst) {
    const size_t spatial = s.src_dims.size() - 2;
    Dims taps = s.kernel;
    taps.insert(taps.begin(), {1, 1});
    for_each(s.dst_dims, [&](int64_t n, int64_t c, const int64_t* y) {
        double sum = 0, largest = -1e30;
        int64_t count = 0;
        for_each(taps, [&](int64_t, int64_t, const int64_t* k) {
            int64_t x[3] = {0, 0, 0};
            for (size_t d = 0; d < spatial; ++d) {
                x[d] = y[d] * s.strides[d] - s.pads_begin[d] + k[d] * s.dilations[d];
                if (x[d] < 0 || x[d] >= s.src_dims[d + 2]) return;
            }
            const double v = src.at(offset(s.src_dims, s.channels_last, n, c, x));
            sum += v;
            largest = std::max(largest, v);
            ++count;
        });
        if (s.kind == PoolSpec::Kind::average_include_pad) count = count_of(s.kernel);
        double v = s.kind == PoolSpec::Kind::max ? largest : sum / static_cast<double>(count);
        if (is_int8(s.type)) v = std::nearbyint(v);
        dst.set(offset(s.dst_dims, s.channels_last, n, c, y), v);
    });
}

TEST(Onednn, Pool) {
    Rng rng(7);
    struct Case {
        Dims src, dst, kernel, strides, begin, end;
    };
    const std::vector<Case> cases = {
        {{1, 64, 12, 12}, {1, 64, 6, 6}, {3, 3}, {2, 2}, {1, 1}, {1, 1}},
        {{2, 5, 9, 7}, {2, 5, 4, 3}, {2, 2}, {2, 2}, {0, 0}, {0, 0}},
        {{2, 5, 9, 7}, {2, 5, 5, 4}, {2, 2}, {2, 2}, {0, 0}, {0, 0}},  // ceil mode
        {{1, 33, 7, 7}, {1, 33, 1, 1}, {7, 7}, {1, 1}, {0, 0}, {0, 0}},
        {{1, 1, 20}, {1, 1, 10}, {2}, {2}, {0}, {0}},
        {{1, 6, 8, 6}, {1, 6, 3, 3}, {3, 2}, {2, 2}, {0, 0}, {0, 0}},
        {{1, 8, 5, 6, 7}, {1, 8, 2, 3, 3}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {0, 0, 0}},
    };
    for (size_t i = 0; i < cases.size(); ++i)
        for (const DType type : {DType::f32, DType::bf16, DType::u8, DType::i8})
            for (const bool last : {true, false})
                for (const auto kind :
                     {PoolSpec::Kind::max, PoolSpec::Kind::average_include_pad, PoolSpec::Kind::average_exclude_pad})
                    for (const int threads : {1, 2}) {
                        if (type == DType::bf16 && usable_isa() < Isa::avx512) continue;
                        const Case& c = cases[i];
                        PoolSpec s{
                            kind, type,   c.src, c.dst, c.kernel, c.strides, c.begin, c.end, Dims(c.kernel.size(), 1),
                            last, threads};
                        const ThreadPool::Use use(&pool_of_two());
                        const auto kernel = onednn::make_pool(s);
                        const std::string what = cat("pool ", i, " ", dtype_name(type), last ? " last" : " plain",
                                                     " kind ", static_cast<int>(kind), " on ", threads);
                        if (!kernel) {
                            EXPECT_TRUE(!last || i == 2 || usable_isa() < Isa::avx512) << what;
                            continue;
                        }
                        const Tensor src = random_tensor(rng, type, c.src);
                        Tensor want = Tensor::zeros(type, c.dst);
                        reference_pool(s, src, want);
                        const Tensor got = run_kernel(*kernel, src, want, {}, false);
                        if (is_int8(type))
                            expect_same(got, want, what + " by " + kernel->implementation());
                        else
                            expect_near(got, want, tolerance_of(type, type), what + " by " + kernel->implementation());
                    }
}

std::string read_link(const char* path) {
    std::string target(4096, 0);
    const ssize_t n = readlink(path, target.data(), target.size());
    target.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return target;
}

int threads_of_process() {
    int n = 0;
    DIR* folder = opendir("/proc/self/task");
    while (const dirent* e = readdir(folder)) n += e->d_name[0] != '.';
    closedir(folder);
    return n;
}

ConvSpec wide_conv(int threads) {
    ConvSpec s = spec_of({"", 1, 64, 64, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    s.threads = threads;
    return s;
}

TEST(Onednn, RunsOnOurThreads) {
    pool_of_two();
    const ThreadPool::Use use(&pool_of_two());
    const int before = threads_of_process();
    Rng rng(8);
    const Tensor src = random_tensor(rng, DType::f32, wide_conv(1).src_dims);
    const Tensor weights = random_tensor(rng, DType::f32, wide_conv(1).weight_dims);
    const Tensor like = Tensor::zeros(DType::f32, wide_conv(1).dst_dims);
    const auto one = onednn::make_conv(wide_conv(1), weights.raw(), nullptr);
    const auto two = onednn::make_conv(wide_conv(2), weights.raw(), nullptr);
    const uint64_t at_first = omp::regions();
    const Tensor a = run_kernel(*one, src, like, {}, false);
    EXPECT_EQ(omp::regions(), at_first);
    const Tensor b = run_kernel(*two, src, like, {}, false);
    EXPECT_GT(omp::regions(), at_first);
    EXPECT_EQ(threads_of_process(), before);
    expect_near(a, b, 1e-5, "two threads");
}

TEST(Onednn, OneKernelInManyThreads) {
    Rng rng(9);
    ConvSpec s = spec_of({"", 1, 17, 35, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
    const Tensor weights = random_tensor(rng, DType::f32, s.weight_dims);
    std::vector<Tensor> sources, wanted, got;
    const auto kernel = onednn::make_conv(s, weights.raw(), nullptr);
    ASSERT_TRUE(kernel);
    for (int i = 0; i < 16; ++i) {
        sources.push_back(random_tensor(rng, DType::f32, s.src_dims));
        wanted.push_back(run_kernel(*kernel, sources.back(), Tensor::zeros(s.dst, s.dst_dims), {}, false));
        got.push_back(Tensor::zeros(s.dst, s.dst_dims));
    }
    for (int repeat = 0; repeat < 20; ++repeat) {
        pool_of_two().run(16, [&](int i) {
            const size_t n = static_cast<size_t>(i);
            const std::shared_ptr<void> scratch = allocate_aligned(kernel->scratch_bytes() + 64);
            std::memset(got[n].raw_mut(), 0, got[n].bytes());
            kernel->run({sources[n].raw(), got[n].raw_mut(), nullptr, scratch.get(), nullptr});
        });
        for (size_t n = 0; n < got.size(); ++n) ASSERT_TRUE(got[n].same_bits(wanted[n])) << n;
    }
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (size_t t = 0; t < 12; ++t)
        threads.emplace_back([&, t] {
            for (int i = 0; i < 30; ++i)
                wrong += !run_kernel(*kernel, sources[t], wanted[t], {}, false).same_bits(wanted[t]);
        });
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Onednn, TwoCallersShareThePool) {
    Rng rng(10);
    const Tensor src = random_tensor(rng, DType::f32, wide_conv(2).src_dims);
    const Tensor weights = random_tensor(rng, DType::f32, wide_conv(2).weight_dims);
    const Tensor like = Tensor::zeros(DType::f32, wide_conv(2).dst_dims);
    const auto kernel = onednn::make_conv(wide_conv(2), weights.raw(), nullptr);
    std::atomic<int> wrong{0};
    std::vector<std::thread> callers;
    Tensor want;
    {
        const ThreadPool::Use use(&pool_of_two());
        want = run_kernel(*kernel, src, like, {}, false);
    }
    for (int t = 0; t < 3; ++t)
        callers.emplace_back([&] {
            const ThreadPool::Use use(&pool_of_two());
            for (int i = 0; i < 50; ++i) wrong += !run_kernel(*kernel, src, like, {}, false).same_bits(want);
        });
    for (std::thread& t : callers) t.join();
    EXPECT_EQ(wrong, 0);
}

/// The int8 rule holds, or nothing is offered, where a lesser instruction set is all there is. The cap is frozen at
/// oneDNN's first use, so each runs in a process of its own.
TEST(Onednn, LesserInstructionSets) {
    if (std::getenv("HONE_ISA")) GTEST_SKIP() << "capped already";
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
        if (isa >= machine_isa()) continue;
        const std::string command = cat("HONE_ISA=", isa_name(isa), " '", read_link("/proc/self/exe"),
                                        "' --gtest_brief=1 --gtest_filter='Onednn.Conv*:Onednn.Matmul*:Onednn.Pool'");
        EXPECT_EQ(std::system(command.c_str()), 0) << command;
    }
}

TEST(Onednn, MisuseIsOurBug) {
    Rng rng(11);
    const Tensor weights = random_tensor(rng, DType::f32, wide_conv(2).weight_dims);
    const auto kernel = onednn::make_conv(wide_conv(2), weights.raw(), nullptr);
    ASSERT_TRUE(kernel);
    const Tensor src = Tensor::zeros(DType::f32, wide_conv(2).src_dims);
    EXPECT_THROW(run_kernel(*kernel, src, Tensor::zeros(DType::f32, wide_conv(2).dst_dims), {}, false), Error);
    EXPECT_EQ(onednn::version(), "2.6.3");
}

}  // namespace
