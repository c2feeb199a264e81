// SPDX-License-Identifier: Apache-2.0
// How the kernels of batch normalisation in training go over a batch: in ranges that hang on the sizes alone, so that any
// number of threads gives the same bits. Used by lower_batch_norm.cc and lower_batch_norm_fused.cc.
#pragma once
#include <algorithm>
#include <cmath>

#include "plan/lower.h"

namespace hone::lower::batch_norm {

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
inline size_t scratch_bytes(const Sizes& s, int64_t sums, int64_t numbers) {
    return static_cast<size_t>(s.chunks() * sums * s.channels) * sizeof(double) + static_cast<size_t>(numbers * s.channels) * sizeof(float);
}
inline float* behind(const Sizes& s, int64_t sums, void* scratch) { return reinterpret_cast<float*>(static_cast<double*>(scratch) + s.chunks() * sums * s.channels); }

/// Mean and variance from the sums of x - shift and of their squares.
struct Moments {
    double offset, variance;  ///< the mean is shift + offset
    Moments(double sum, double squares, int64_t n) : offset(sum / static_cast<double>(n)) {
        variance = std::max(0.0, squares / static_cast<double>(n) - offset * offset);
    }
};

/// What the forward pass makes of a channel's moments. Inputs 1 to 4 and outputs 1, 2 are BatchNormalization's.
struct Running {
    double epsilon, momentum;
    bool mean, variance;  ///< whether the new running statistics are asked for
    /// y = scale x + bias of channel c.
    void finish(const StepArgs& a, int64_t c, float shift, const Moments& m, float& scale, float& bias) const {
        const double middle = static_cast<double>(shift) + m.offset, slope = static_cast<double>(in<float>(a, 1)[c]) / std::sqrt(m.variance + epsilon);
        scale = static_cast<float>(slope);
        bias = static_cast<float>(static_cast<double>(in<float>(a, 2)[c]) - middle * slope);
        const auto mixed = [&](size_t i, double v) { return static_cast<float>(static_cast<double>(in<float>(a, i)[c]) * momentum + v * (1 - momentum)); };
        if (mean) out<float>(a, 1)[c] = mixed(3, middle);
        if (variance) out<float>(a, 2)[c] = mixed(4, m.variance);
    }
};

/// Has `s`, and `last` and `planes` for the two layouts.
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

}  // namespace hone::lower::batch_norm

namespace hone::lower {
/// hone.BatchNormAct, BatchNormActGrad and BatchNormApply; called by batch_training.
void batch_norm_fused(const LowerContext&, std::vector<Candidate>&);
}  // namespace hone::lower
