// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training and its gradient, in either layout: one pass for sums, one for results.
#include "kernel/training/training.h"
#include "kernel/vector/vector.h"
#include "plan/batch_norm.h"

namespace hone::lower {

namespace {

using namespace batch_norm;

struct Forward {
    Sizes s;
    Running running;

    void finish(const StepArgs& a, int64_t c, float shift, double sum, double squares, float& scale, float& bias) const {
        running.finish(a, c, shift, Moments(sum, squares, s.rows()), scale, bias);
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

}  // namespace

void batch_training(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "BatchNormAct" || c.node.op == "BatchNormActGrad" || c.node.op == "BatchNormApply") return batch_norm_fused(c, list);
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
    list.push_back(candidate("batch_norm_training", Forward{s, {epsilon, static_cast<double>(op.real("momentum")), first, second}}, scratch_bytes(s, 2, 3)));
    list.back().in_place = {{0, 0}};
    if (first) list.back().in_place.push_back({3, 1});
    if (second) list.back().in_place.push_back({4, 2});
}

}  // namespace hone::lower
