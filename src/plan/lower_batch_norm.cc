// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training and its gradient, in either layout: one pass for sums, one for results.
#include <algorithm>
#include <cmath>

#include "kernel/training/training.h"
#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

constexpr int64_t kGrain = 16384;  ///< elements below which no second range pays

/// [batch, channels, inner], or [batch * inner, channels] where channels are last.
struct Sizes {
    int64_t batch, channels, inner;
    int64_t rows() const { return batch * inner; }
    int64_t count() const { return rows() * channels; }
    int64_t chunks() const { return std::clamp<int64_t>(count() / kGrain, 1, std::min<int64_t>(64, rows())); }
    int64_t plane_at(int64_t n, int64_t c) const { return (n * channels + c) * inner; }
    bool last(Layout l) const { return l == Layout::channels_last || inner == 1; }
};

/// Ranges of rows, f(range, first row, rows).
template <class F>
void row_ranges(const Sizes& s, F f) {
    const int64_t chunks = s.chunks(), rows = s.rows();
    parallel_ranges(chunks, 1, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) f(i, rows * i / chunks, rows * (i + 1) / chunks - rows * i / chunks);
    });
}
/// Sums [k, channels] of all rows into `sums`, which has room for as many a chunk.
template <class F>
void sum_rows(const Sizes& s, int64_t k, double* sums, F f) {
    const int64_t each = k * s.channels;
    row_ranges(s, [&](int64_t i, int64_t first, int64_t rows) {
        std::fill_n(sums + i * each, each, 0.0);
        f(first, rows, sums + i * each);
    });
    for (int64_t i = 1; i < s.chunks(); ++i)
        for (int64_t j = 0; j < each; ++j) sums[j] += sums[i * each + j];
}
template <class F>
void each_channel(const Sizes& s, F f) {
    parallel_ranges(s.channels, std::max<int64_t>(1, kGrain / s.rows()), [&](int64_t b, int64_t e) {
        for (int64_t c = b; c < e; ++c) f(c);
    });
}
size_t scratch_bytes(const Sizes& s, int64_t sums, int64_t numbers) {
    return static_cast<size_t>(s.chunks() * sums * s.channels) * sizeof(double) + static_cast<size_t>(numbers * s.channels) * sizeof(float);
}
float* behind(const Sizes& s, int64_t sums, void* scratch) { return reinterpret_cast<float*>(static_cast<double*>(scratch) + s.chunks() * sums * s.channels); }

/// Mean and variance from the sums of x - shift and of their squares.
struct Moments {
    double offset, variance;  ///< the mean is shift + offset
    Moments(double sum, double squares, int64_t n) : offset(sum / static_cast<double>(n)) {
        variance = std::max(0.0, squares / static_cast<double>(n) - offset * offset);
    }
};

struct Forward {
    Sizes s;
    double epsilon, momentum;
    bool running_mean, running_variance;

    void finish(const StepArgs& a, int64_t c, float shift, double sum, double squares, float& scale, float& bias) const {
        const Moments m(sum, squares, s.rows());
        const double mean = static_cast<double>(shift) + m.offset, slope = static_cast<double>(in<float>(a, 1)[c]) / std::sqrt(m.variance + epsilon);
        scale = static_cast<float>(slope);
        bias = static_cast<float>(static_cast<double>(in<float>(a, 2)[c]) - mean * slope);
        const auto mixed = [&](size_t i, double v) { return static_cast<float>(static_cast<double>(in<float>(a, i)[c]) * momentum + v * (1 - momentum)); };
        if (running_mean) out<float>(a, 1)[c] = mixed(3, mean);
        if (running_variance) out<float>(a, 2)[c] = mixed(4, m.variance);
    }
    void last(const StepArgs& a) const {
        const float* x = in<float>(a, 0);
        float *y = out<float>(a), *scale = behind(s, 2, a.scratch), *bias = scale + s.channels, *shift = bias + s.channels;
        std::copy_n(x, s.channels, shift);  // y may lie where x does
        auto* sums = static_cast<double*>(a.scratch);
        sum_rows(s, 2, sums, [&](int64_t first, int64_t rows, double* to) { train::table().moments_last(x + first * s.channels, shift, rows, s.channels, to); });
        for (int64_t c = 0; c < s.channels; ++c) finish(a, c, shift[c], sums[c], sums[s.channels + c], scale[c], bias[c]);
        row_ranges(s, [&](int64_t, int64_t first, int64_t rows) {
            vec::table().affine_last(x + first * s.channels, scale, bias, y + first * s.channels, rows, s.channels, false);
        });
    }
    void planes(const StepArgs& a) const {
        const float* x = in<float>(a, 0);
        each_channel(s, [&](int64_t c) {
            double sums[2] = {0, 0};
            const float shift = x[s.plane_at(0, c)];
            for (int64_t n = 0; n < s.batch; ++n) train::table().moments_plane(x + s.plane_at(n, c), shift, s.inner, sums);
            float scale, bias;
            finish(a, c, shift, sums[0], sums[1], scale, bias);
            for (int64_t n = 0; n < s.batch; ++n)
                vec::table().affine_middle(x + s.plane_at(n, c), &scale, &bias, out<float>(a) + s.plane_at(n, c), 1, 1, s.inner, false);
        });
    }
};

struct Backward {
    Sizes s;
    double epsilon;
    bool scale_gradient, bias_gradient;

    /// dx = k[0] dy + k[1] x + k[2]
    void finish(const StepArgs& a, int64_t c, float shift, double sum, double squares, double dy, double dy_x, float& k0, float& k1, float& k2) const {
        const auto n = static_cast<double>(s.rows());
        const Moments m(sum, squares, s.rows());
        const double inverse = 1 / std::sqrt(m.variance + epsilon), along = (dy_x - m.offset * dy) * inverse;
        const double slope = static_cast<double>(in<float>(a, 2)[c]) * inverse, bend = -slope * inverse * along / n;
        k0 = static_cast<float>(slope);
        k1 = static_cast<float>(bend);
        k2 = static_cast<float>(-slope * dy / n - bend * (static_cast<double>(shift) + m.offset));
        if (scale_gradient) out<float>(a, 1)[c] = static_cast<float>(along);
        if (bias_gradient) out<float>(a, 2)[c] = static_cast<float>(dy);
    }
    void last(const StepArgs& a) const {
        const float *dy = in<float>(a, 0), *x = in<float>(a, 1);
        float *dx = out<float>(a), *k = behind(s, 4, a.scratch), *shift = k + 3 * s.channels;
        const int64_t ch = s.channels;
        std::copy_n(x, ch, shift);
        auto* sums = static_cast<double*>(a.scratch);
        sum_rows(s, 4, sums, [&](int64_t first, int64_t rows, double* to) {
            train::table().gradient_sums_last(dy + first * ch, x + first * ch, shift, rows, ch, to);
        });
        for (int64_t c = 0; c < ch; ++c) finish(a, c, shift[c], sums[c], sums[ch + c], sums[2 * ch + c], sums[3 * ch + c], k[c], k[ch + c], k[2 * ch + c]);
        row_ranges(s, [&](int64_t, int64_t first, int64_t rows) {
            train::table().gradient_last(dy + first * ch, x + first * ch, k, k + ch, k + 2 * ch, dx + first * ch, rows, ch);
        });
    }
    void planes(const StepArgs& a) const {
        const float *dy = in<float>(a, 0), *x = in<float>(a, 1);
        each_channel(s, [&](int64_t c) {
            double sums[4] = {0, 0, 0, 0};
            const float shift = x[s.plane_at(0, c)];
            for (int64_t n = 0; n < s.batch; ++n) train::table().gradient_sums_plane(dy + s.plane_at(n, c), x + s.plane_at(n, c), shift, s.inner, sums);
            float k[3];
            finish(a, c, shift, sums[0], sums[1], sums[2], sums[3], k[0], k[1], k[2]);
            for (int64_t n = 0; n < s.batch; ++n)
                train::table().gradient_plane(dy + s.plane_at(n, c), x + s.plane_at(n, c), k[0], k[1], k[2], out<float>(a) + s.plane_at(n, c), s.inner);
        });
    }
};

template <class Kernel>
Candidate candidate(const char* name, const Kernel& kernel, size_t scratch) {
    Candidate k;
    k.name = name;
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) -> std::unique_ptr<StepKernel> {
        const std::string text = std::string("vector ") + name;
        if (kernel.s.last(layout)) return step_kernel(text, [=](const StepArgs& a) { kernel.last(a); }, scratch);
        return step_kernel(text, [=](const StepArgs& a) { kernel.planes(a); });
    };
    return k;
}

}  // namespace

void batch_training(const LowerContext& c, std::vector<Candidate>& list) {
    const bool gradient = c.node.op == "BatchNormGrad";
    const Dims d = c.in(gradient ? 1 : 0);
    for (size_t i = 0; i < c.node.inputs.size(); ++i)
        if (c.in_dtype(i) != DType::f32) return;
    if (d.size() < 2 || count_of(d) == 0 || c.node.out(0) == kNone) return;
    const Sizes s{d[0], d[1], count_of(Dims(d.begin() + 2, d.end()))};
    const OpContext op = c.op();
    const auto epsilon = static_cast<double>(op.real("epsilon"));
    const bool first = c.node.out(1) != kNone, second = c.node.out(2) != kNone;
    if (gradient) {
        list.push_back(candidate("batch_norm_gradient", Backward{s, epsilon, first, second}, scratch_bytes(s, 4, 4)));
        list.back().in_place = {{0, 0}, {1, 0}};
        return;
    }
    list.push_back(candidate("batch_norm_training", Forward{s, epsilon, static_cast<double>(op.real("momentum")), first, second}, scratch_bytes(s, 2, 3)));
    list.back().in_place = {{0, 0}};
    if (first) list.back().in_place.push_back({3, 1});
    if (second) list.back().in_place.push_back({4, 2});
}

}  // namespace hone::lower
