// SPDX-License-Identifier: Apache-2.0
// Batch normalisation in training with the residual's sum and ReLU, and the way back, in f32 and bf16 and in either layout:
// one pass for sums, one for results (pass/fuse_batch_norm.cc makes the nodes).
#include "plan/batch_norm.h"

#include "kernel/training/training.h"
#include "kernel/vector/vector.h"

namespace hone::lower {
namespace {

using namespace batch_norm;
using Range = train::BatchNormRange;

struct Fused {
    Sizes s;
    bool bf16 = false, relu = false, residual = false, dy2 = false, y = false, means = false, masked = false;
    bool given[3] = {false, false, false};  ///< outputs 1 and 2
    double epsilon = 0, momentum = 0;

    const char* at(const void* p, int64_t i) const { return p ? static_cast<const char*>(p) + i * (bf16 ? 2 : 4) : nullptr; }
    char* at(void* p, int64_t i) const { return p ? static_cast<char*>(p) + i * (bf16 ? 2 : 4) : nullptr; }
    /// `r` from element i on.
    Range moved(Range r, int64_t i, int64_t rows) const {
        for (const void** p : {&r.x, &r.residual, &r.dy, &r.dy2, &r.y}) *p = at(*p, i);
        for (void** p : {&r.out, &r.masked}) *p = at(*p, i);
        r.rows = rows;
        return r;
    }
    /// f(range, channel): all rows in ranges where channels are last, else every plane of every channel, channel by channel.
    template <class F>
    void ranges(Range r, bool last, F f) const {
        r.channels = last ? s.channels : s.inner, r.stride = s.channels, r.plane = !last;
        if (last) return row_ranges(s, [&](int64_t, int64_t first, int64_t rows) { f(moved(r, first * s.channels, rows)); });
        each_channel(s, [&](int64_t c) {
            Range one = r;
            for (const float** p : {&one.slope, &one.bias, &one.k}) *p = *p ? *p + c : nullptr;
            for (int64_t n = 0; n < s.batch; ++n) f(moved(one, s.plane_at(n, c), 1));
        });
    }
    void first_values(const void* x, bool last, float* shift) const {
        for (int64_t c = 0; c < s.channels; ++c) {
            const int64_t i = last ? c : s.plane_at(0, c);
            if (bf16) vec::table().bf16_to_f32(static_cast<const uint16_t*>(x) + i, shift + c, 1);
            else shift[c] = static_cast<const float*>(x)[i];
        }
    }
    /// Sums [4, channels] of x and of the gradient in `r`.
    void sums(Range r, bool last, const float* shift, double* to) const {
        r.stride = s.channels;
        if (last) {
            r.channels = s.channels, r.shift = shift;
            return sum_rows(s, 4, to, [&](int64_t first, int64_t rows, double* part) {
                Range here = moved(r, first * s.channels, rows);
                here.sums = part;
                train::table().batch_norm_sums[bf16](here);
            });
        }
        std::fill_n(to, 4 * s.channels, 0.0);
        r.channels = s.inner, r.plane = true;
        each_channel(s, [&](int64_t c) {
            Range one = r;
            for (const float** p : {&one.slope, &one.bias}) *p = *p ? *p + c : nullptr;
            one.shift = shift + c, one.sums = to + c;
            for (int64_t n = 0; n < s.batch; ++n) train::table().batch_norm_sums[bf16](moved(one, s.plane_at(n, c), 1));
        });
    }

    void forward(const StepArgs& a, bool last) const {
        const int64_t ch = s.channels;
        auto* sum = static_cast<double*>(a.scratch);
        float *shift = behind(s, 4, a.scratch), *slope = out<float>(a, 3), *bias = out<float>(a, 4);
        first_values(a.in[0], last, shift);
        if (bf16 || !last) {
            Range r{.x = a.in[0], .dy = a.in[0]};
            sums(r, last, shift, sum);
        } else {
            sum_rows(s, 2, sum, [&](int64_t first, int64_t rows, double* to) { train::table().moments_last(in<float>(a, 0) + first * ch, shift, rows, ch, to); });
        }
        const Running running{epsilon, momentum, given[1], given[2]};
        for (int64_t c = 0; c < ch; ++c) running.finish(a, c, shift[c], Moments(sum[c], sum[ch + c], s.rows()), slope[c], bias[c]);
        apply({.x = a.in[0], .residual = residual ? a.in[5] : nullptr, .out = a.out[0], .slope = slope, .bias = bias}, last);
    }
    void apply(Range r, bool last) const {
        r.relu = relu;
        ranges(r, last, [&](const Range& here) { train::table().batch_norm_apply[bf16](here); });
    }
    void backward(const StepArgs& a, bool last) const {
        const int64_t ch = s.channels;
        auto* sum = static_cast<double*>(a.scratch);
        float *k = behind(s, 4, a.scratch), *shift = k + 3 * ch;
        first_values(a.in[1], last, shift);
        Range r{.x = a.in[1], .dy = a.in[0], .dy2 = dy2 ? a.in[3] : nullptr, .y = y ? a.in[4] : nullptr, .masked = masked ? a.out[3] : nullptr,
                .slope = means ? in<float>(a, 5) : nullptr, .bias = means ? in<float>(a, 6) : nullptr, .relu = relu};
        sums(r, last, shift, sum);
        for (int64_t c = 0; c < ch; ++c) {
            const auto n = static_cast<double>(s.rows());
            const Moments m(sum[c], sum[ch + c], s.rows());
            const double inverse = 1 / std::sqrt(m.variance + epsilon), dy = sum[2 * ch + c], along = (sum[3 * ch + c] - m.offset * dy) * inverse;
            const double slope = static_cast<double>(in<float>(a, 2)[c]) * inverse, bend = -slope * inverse * along / n;
            k[c] = static_cast<float>(slope);
            k[ch + c] = static_cast<float>(bend);
            k[2 * ch + c] = static_cast<float>(-slope * dy / n - bend * (static_cast<double>(shift[c]) + m.offset));
            if (given[1]) out<float>(a, 1)[c] = static_cast<float>(along);
            if (given[2]) out<float>(a, 2)[c] = static_cast<float>(dy);
        }
        if (masked) r.dy = a.out[3], r.dy2 = nullptr, r.y = nullptr, r.masked = nullptr, r.relu = false;
        r.out = a.out[0], r.k = k;
        ranges(r, last, [&](const Range& here) { train::table().batch_norm_gradient[bf16](here); });
    }
};

}  // namespace

void batch_norm_fused(const LowerContext& c, std::vector<Candidate>& list) {
    const bool gradient = c.node.op == "BatchNormActGrad", applies = c.node.op == "BatchNormApply";
    const Dims d = c.in(gradient ? 1 : 0);
    const DType type = c.in_dtype(0);
    if (d.size() < 2 || count_of(d) == 0 || (type != DType::f32 && type != DType::bf16) || c.node.out(0) == kNone) return;
    for (size_t i = 0; i < c.node.inputs.size(); ++i) {
        const bool whole = gradient ? i < 2 || i == 3 || i == 4 : i == 0 || i == 5;
        if (c.given(i) && c.in_dtype(i) != (whole ? type : DType::f32)) return;
    }
    const OpContext op = c.op();
    Fused f;
    f.s = {d[0], d[1], count_of(Dims(d.begin() + 2, d.end()))};
    f.bf16 = type == DType::bf16;
    f.relu = op.integer("relu") != 0;
    for (size_t i : {1u, 2u}) f.given[i] = c.node.out(i) != kNone;
    if (!applies) f.epsilon = static_cast<double>(op.real("epsilon"));
    Candidate k;
    k.name = gradient ? "batch_norm_act_gradient" : applies ? "batch_norm_apply" : "batch_norm_act";
    k.layout = LayoutRule::any;
    if (gradient) {
        f.dy2 = c.given(3), f.y = c.given(4), f.means = c.given(5), f.masked = c.node.out(3) != kNone;
        k.in_place = f.masked ? std::vector<InPlace>{{0, 3}, {3, 3}, {1, 0}} : std::vector<InPlace>{{0, 0}, {3, 0}, {1, 0}};
        if (!f.dy2) std::erase_if(k.in_place, [](const InPlace& w) { return w.input == 3; });
    } else {
        k.in_place = {{0, 0}};
        if (!applies) {
            f.residual = c.given(5), f.momentum = static_cast<double>(op.real("momentum"));
            if (f.residual) k.in_place.push_back({5, 0});
            for (int i : {1, 2})
                if (f.given[i]) k.in_place.push_back({i + 2, i});
        }
    }
    const std::string text = "vector " + k.name;
    k.make = [=](Layout layout) {
        const bool last = f.s.last(layout);
        return step_kernel(text, [=](const StepArgs& a) {
            if (gradient) f.backward(a, last);
            else if (applies) f.apply({.x = a.in[0], .out = a.out[0], .slope = in<float>(a, 1), .bias = in<float>(a, 2)}, last);
            else f.forward(a, last);
        }, applies ? 0 : scratch_bytes(f.s, 4, 4));
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
