// SPDX-License-Identifier: Apache-2.0
// Batch normalisation over all ranks (op/batch_sync.cc), in either layout: sums, and results from what came of them.
#include <algorithm>
#include <cmath>

#include "kernel/training/training.h"
#include "kernel/vector/vector.h"
#include "plan/batch_norm.h"

namespace hone::lower {
namespace {

using namespace batch_norm;

/// hone.BatchSums of x (input 0), or of dy (0) and x (1) hone.BatchGradSums; the shift is the last input.
struct Sums {
    Sizes s;
    bool gradient;

    int64_t each() const { return gradient ? 4 : 2; }  ///< sums that the kernels take
    void last(const StepArgs& a) const {
        const int64_t ch = s.channels;
        auto* sums = static_cast<double*>(a.scratch);
        sum_rows(s, each(), sums, [&](int64_t first, int64_t rows, double* to) {
            if (gradient) train::table().gradient_sums_last(in<float>(a, 0) + first * ch, in<float>(a, 1) + first * ch, in<float>(a, 2), rows, ch, to);
            else train::table().moments_last(in<float>(a, 0) + first * ch, in<float>(a, 1), rows, ch, to);
        });
        std::copy_n(sums + (each() - 2) * ch, 2 * ch, out<double>(a));
    }
    void planes(const StepArgs& a) const {
        each_channel(s, [&](int64_t c) {
            double sums[4] = {0, 0, 0, 0};
            for (int64_t n = 0; n < s.batch; ++n) {
                const int64_t at = s.plane_at(n, c);
                if (gradient) train::table().gradient_sums_plane(in<float>(a, 0) + at, in<float>(a, 1) + at, in<float>(a, 2)[c], s.inner, sums);
                else train::table().moments_plane(in<float>(a, 0) + at, in<float>(a, 1)[c], s.inner, sums);
            }
            for (int64_t i = 0; i < 2; ++i) out<double>(a)[i * s.channels + c] = sums[each() - 2 + i];
        });
    }
};

struct Forward {
    Sizes s;
    Running running;

    void finish(const StepArgs& a, int64_t c, float& scale, float& bias) const {
        const double* sums = in<double>(a, 5);
        running.finish(a, c, in<float>(a, 3)[c], Moments(sums[c], sums[s.channels + c], s.rows()), scale, bias);
    }
    void last(const StepArgs& a) const {
        float *scale = static_cast<float*>(a.scratch), *bias = scale + s.channels;
        for (int64_t c = 0; c < s.channels; ++c) finish(a, c, scale[c], bias[c]);
        row_ranges(s, [&](int64_t, int64_t first, int64_t rows) {
            vec::table().affine_last(in<float>(a, 0) + first * s.channels, scale, bias, out<float>(a) + first * s.channels, rows, s.channels, false);
        });
    }
    void planes(const StepArgs& a) const {
        each_channel(s, [&](int64_t c) {
            float scale, bias;
            finish(a, c, scale, bias);
            for (int64_t n = 0; n < s.batch; ++n)
                vec::table().affine_middle(in<float>(a, 0) + s.plane_at(n, c), &scale, &bias, out<float>(a) + s.plane_at(n, c), 1, 1, s.inner, false);
        });
    }
};

struct Backward {
    Sizes s;
    double epsilon;
    bool scale_gradient, bias_gradient;

    /// dx = k[0] dy + k[1] x + k[2]
    void finish(const StepArgs& a, int64_t c, float& k0, float& k1, float& k2) const {
        const double *sums = in<double>(a, 4), *gradients = in<double>(a, 5);
        const auto n = static_cast<double>(s.rows());
        const Moments m(sums[c], sums[s.channels + c], s.rows());
        const double dy = gradients[c], inverse = 1 / std::sqrt(m.variance + epsilon), along = (gradients[s.channels + c] - m.offset * dy) * inverse;
        const double slope = static_cast<double>(in<float>(a, 2)[c]) * inverse, bend = -slope * inverse * along / n;
        k0 = static_cast<float>(slope);
        k1 = static_cast<float>(bend);
        k2 = static_cast<float>(-slope * dy / n - bend * (static_cast<double>(in<float>(a, 3)[c]) + m.offset));
        if (scale_gradient) out<float>(a, 1)[c] = static_cast<float>(along);
        if (bias_gradient) out<float>(a, 2)[c] = static_cast<float>(dy);
    }
    void last(const StepArgs& a) const {
        const int64_t ch = s.channels;
        float* k = static_cast<float*>(a.scratch);
        for (int64_t c = 0; c < ch; ++c) finish(a, c, k[c], k[ch + c], k[2 * ch + c]);
        row_ranges(s, [&](int64_t, int64_t first, int64_t rows) {
            train::table().gradient_last(in<float>(a, 0) + first * ch, in<float>(a, 1) + first * ch, k, k + ch, k + 2 * ch, out<float>(a) + first * ch, rows, ch);
        });
    }
    void planes(const StepArgs& a) const {
        each_channel(s, [&](int64_t c) {
            float k[3];
            finish(a, c, k[0], k[1], k[2]);
            for (int64_t n = 0; n < s.batch; ++n) {
                const int64_t at = s.plane_at(n, c);
                train::table().gradient_plane(in<float>(a, 0) + at, in<float>(a, 1) + at, k[0], k[1], k[2], out<float>(a) + at, s.inner);
            }
        });
    }
};

}  // namespace

void batch_sync(const LowerContext& c, std::vector<Candidate>& list) {
    const std::string& op = c.node.op;
    const size_t x = op == "BatchSums" || op == "SyncBatchNorm" ? 0 : 1;
    const Dims d = c.in(x);
    for (size_t i = 0; i < c.node.inputs.size(); ++i)
        if (c.in_dtype(i) != (op.starts_with("Sync") && i >= 5 - x ? DType::f64 : DType::f32)) return;
    if (d.size() < 2 || count_of(d) == 0 || c.node.out(0) == kNone) return;
    const Sizes s{d[0], d[1], count_of(Dims(d.begin() + 2, d.end()))};
    const bool first = c.node.out(1) != kNone, second = c.node.out(2) != kNone;
    const auto numbers = [&](size_t n) { return n * static_cast<size_t>(s.channels) * sizeof(float); };
    if (op == "BatchSums") list.push_back(candidate("batch_sums", Sums{s, false}, scratch_bytes(s, 2, 0)));
    if (op == "BatchGradSums") list.push_back(candidate("batch_gradient_sums", Sums{s, true}, scratch_bytes(s, 4, 0)));
    if (op == "SyncBatchNorm") {
        list.push_back(candidate("sync_batch_norm", Forward{s, {static_cast<double>(c.op().real("epsilon")), static_cast<double>(c.op().real("momentum")), first, second}}, numbers(2)));
        list.back().in_place = {{0, 0}};
        if (first) list.back().in_place.push_back({3, 1});
        if (second) list.back().in_place.push_back({4, 2});
    }
    if (op == "SyncBatchNormGrad") {
        list.push_back(candidate("sync_batch_norm_gradient", Backward{s, static_cast<double>(c.op().real("epsilon")), first, second}, numbers(3)));
        list.back().in_place = {{0, 0}, {1, 0}};
    }
}

}  // namespace hone::lower
