// SPDX-License-Identifier: Apache-2.0
// Softmax, layer, instance, group, local response and batch normalisation, reductions over trailing or adjoining axes.
#include <algorithm>
#include <cmath>
#include <map>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

struct Split {
    int64_t outer, axis, inner;
};
Split split_at(const Dims& d, size_t begin, size_t end) {
    return {count_of(Dims(d.begin(), d.begin() + static_cast<long>(begin))),
            count_of(Dims(d.begin() + static_cast<long>(begin), d.begin() + static_cast<long>(end))),
            count_of(Dims(d.begin() + static_cast<long>(end), d.end()))};
}

void add(std::vector<Candidate>& list, const char* name, std::function<void(const StepArgs&)> run, LayoutRule rule = LayoutRule::plain) {
    Candidate k;
    k.name = name;
    k.layout = rule;
    k.make = [=](Layout) { return step_kernel(std::string("vector ") + name, run); };
    list.push_back(std::move(k));
}

void softmax(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    if (d.empty()) return;
    const OpContext op = c.op();
    const auto axis = static_cast<size_t>(normal_axis(op, op.integer("axis"), static_cast<int64_t>(d.size())));
    const Split s = split_at(d, axis, axis + 1);
    const bool log = c.node.op == "LogSoftmax";
    add(list, "softmax", [=](const StepArgs& a) {
        const vec::Table& t = vec::table();
        const float* x = in<float>(a, 0);
        float* y = out<float>(a);
        if (s.inner == 1)
            parallel_ranges(s.outer, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, s.axis)), [&](int64_t b, int64_t e) {
                (log ? t.log_softmax : t.softmax)(x + b * s.axis, y + b * s.axis, e - b, s.axis);
            });
        else (log ? t.log_softmax_middle : t.softmax_middle)(x, y, s.outer, s.axis, s.inner, 0, s.inner);
    });
}

void layer_norm(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    if (d.empty() || c.node.outputs.size() > 1) return;
    const OpContext op = c.op();
    const auto axis = static_cast<size_t>(normal_axis(op, op.integer("axis"), static_cast<int64_t>(d.size())));
    const Split s = split_at(d, axis, d.size());
    for (size_t i : {1u, 2u})
        if (c.given(i) && (count_of(c.in(i)) != s.axis || c.in_dtype(i) != DType::f32)) return;
    const float epsilon = op.real("epsilon");
    const bool bias = c.given(2);
    if (c.node.op == "RMSNormalization")
        return add(list, "rms_norm", [=](const StepArgs& a) {
            parallel_ranges(s.outer, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, s.axis)), [&](int64_t b, int64_t e) {
                vec::table().rms_norm(in<float>(a, 0) + b * s.axis, in<float>(a, 1), epsilon, out<float>(a) + b * s.axis, e - b, s.axis);
            });
        });
    add(list, "layer_norm", [=](const StepArgs& a) {
        parallel_ranges(s.outer, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, s.axis)), [&](int64_t b, int64_t e) {
            vec::table().layer_norm(in<float>(a, 0) + b * s.axis, in<float>(a, 1), bias ? in<float>(a, 2) : nullptr, epsilon, out<float>(a) + b * s.axis, e - b, s.axis);
        });
    });
}

/// Instance and group normalisation: each group of channels of each sample by itself.
void group_norm(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    if (d.size() < 3 || count_of(d) == 0 || c.in_dtype(1) != DType::f32 || c.in_dtype(2) != DType::f32) return;
    const OpContext op = c.op();
    const int64_t channels = d[1], groups = c.node.op == "GroupNormalization" ? op.integer("num_groups") : channels;
    const int64_t each = channels / groups, inner = split_at(d, 1, 2).inner;
    const float epsilon = op.real("epsilon");
    add(list, "group_norm", [=](const StepArgs& a) {
        parallel_ranges(d[0] * groups, std::max<int64_t>(1, 4096 / (each * inner)), [&](int64_t b, int64_t e) {
            for (int64_t g = b; g < e; ++g) {
                const int64_t first = g % groups * each, at = g * each * inner;
                vec::table().group_norm(in<float>(a, 0) + at, in<float>(a, 1) + first, in<float>(a, 2) + first, epsilon, out<float>(a) + at, 1, each, inner, 1);
            }
        });
    });
}

/// Local response normalisation across channels: x * (bias + alpha / size * sum of squares)^-beta, the power by exp and log.
void local_response(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    if (d.size() < 2 || count_of(d) == 0) return;
    const OpContext op = c.op();
    const int64_t n = d[0], channels = d[1], inner = split_at(d, 1, 2).inner, size = op.integer("size");
    const int64_t before = std::min((size - 1) / 2, channels), after = std::min(size / 2, channels);
    const float alpha = op.real("alpha") / static_cast<float>(size), beta = op.real("beta"), bias = op.real("bias");
    if (!(bias > 0) || !(alpha >= 0)) return;  // the logarithm needs a positive base
    add(list, "local_response", [=](const StepArgs& a) {
        parallel_ranges(n * channels, std::max<int64_t>(1, 2048 / inner), [&](int64_t b, int64_t e) {
            const vec::Table& t = vec::table();
            const auto unary = [&](vec::Unary u, float* y) { t.unary[static_cast<int>(u)](y, y, inner, 0, 0); };
            const auto times = [&](float v, float* y) { t.binary[static_cast<int>(vec::Binary::mul)].vs(y, v, y, inner); };
            for (int64_t r = b; r < e; ++r) {
                const int64_t channel = r % channels;
                const float* plane = in<float>(a, 0) + (r - channel) * inner;
                float* y = out<float>(a) + r * inner;
                std::fill(y, y + inner, 0.f);
                for (int64_t k = std::max<int64_t>(0, channel - before); k <= std::min(channels - 1, channel + after); ++k)
                    for (int64_t i = 0; i < inner; ++i) y[i] += plane[k * inner + i] * plane[k * inner + i];
                times(alpha, y);
                t.binary[static_cast<int>(vec::Binary::add)].vs(y, bias, y, inner);
                unary(vec::Unary::log, y);
                times(-beta, y);
                unary(vec::Unary::exp, y);
                t.binary[static_cast<int>(vec::Binary::mul)].vv(y, plane + channel * inner, y, inner);
            }
        });
    });
}

void batch_norm(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    const OpContext op = c.op();
    if (op.integer("training_mode")) return batch_training(c, list);
    if (d.size() < 2 || c.node.outputs.size() > 1) return;
    const Tensor* p[4];
    for (size_t i = 0; i < 4; ++i)
        if (!(p[i] = c.constant(i + 1)) || p[i]->count() != d[1]) return;
    Tensor scale = Tensor::zeros(DType::f32, {d[1]}), bias = Tensor::zeros(DType::f32, {d[1]});
    for (int64_t i = 0; i < d[1]; ++i) {
        const double s = p[0]->at(i) / std::sqrt(p[3]->at(i) + op.real("epsilon"));
        scale.set(i, s);
        bias.set(i, p[1]->at(i) - p[2]->at(i) * s);
    }
    const int64_t inner = split_at(d, 1, 2).inner;
    Candidate k;
    k.name = "affine";
    k.layout = LayoutRule::any;
    k.in_place = {0};
    k.make = [=](Layout layout) {
        return step_kernel("vector affine", [=](const StepArgs& a) {
            const float *x = in<float>(a, 0), *s = scale.data<float>(), *b = bias.data<float>();
            if (layout == Layout::plain) vec::table().affine_middle(x, s, b, out<float>(a), d[0], d[1], inner, false);
            else vec::table().affine_last(x, s, b, out<float>(a), d[0] * inner, d[1], false);
        });
    };
    list.push_back(std::move(k));
}

/// Over all axes but the channels: the gradient of a convolution's bias.
void channel_reduce(const LowerContext& c, int kind, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    const int64_t n = d[0], channels = d[1], inner = split_at(d, 1, 2).inner;
    Candidate k;
    k.name = "channel_reduce";
    k.layout = c.out().size() < 3 || layout_free(c.out()) ? LayoutRule::any : LayoutRule::plain;
    k.make = [=](Layout layout) {
        const bool last = layout == Layout::channels_last;
        const int64_t parts = last ? n : n * channels;  // then what they came to is reduced over the samples
        return step_kernel("vector channel reduce", [=](const StepArgs& a) {
            auto* each = static_cast<float*>(a.scratch);
            const int64_t size = last ? inner * channels : inner;
            parallel_ranges(parts, std::max<int64_t>(1, 16384 / size), [&](int64_t b, int64_t e) {
                if (last) vec::table().reduce_middle[kind](in<float>(a, 0) + b * size, each + b * channels, e - b, inner, channels);
                else vec::table().reduce_last[kind](in<float>(a, 0) + b * size, each + b, e - b, inner);
            });
            vec::table().reduce_middle[kind](each, out<float>(a), 1, n, channels);
        }, static_cast<size_t>(n * channels) * sizeof(float));
    };
    list.push_back(std::move(k));
}

void reduce(const LowerContext& c, std::vector<Candidate>& list) {
    using R = vec::Reduce;
    static const std::map<std::string, R> kinds = {{"ReduceMean", R::mean}, {"ReduceSum", R::sum}, {"ReduceMax", R::max}, {"ReduceMin", R::min}, {"ReduceSumSquare", R::sum_square}};
    const Dims d = c.in(0);
    const auto rank = static_cast<int64_t>(d.size());
    std::vector<int64_t> axes;
    if (c.given(1)) {
        if (!c.constant(1)) return;
        axes = c.constant(1)->to_i64();
    }
    const OpContext op = c.op();
    if (axes.empty()) {
        if (op.integer("noop_with_empty_axes")) return;
        for (int64_t i = 0; i < rank; ++i) axes.push_back(i);
    }
    for (int64_t& a : axes) a = normal_axis(op, a, rank);
    std::sort(axes.begin(), axes.end());
    if (axes.empty() || count_of(d) == 0) return;
    bool all_but_channels = rank >= 3 && static_cast<int64_t>(axes.size()) == rank - 1 && axes[0] == 0;
    for (size_t i = 1; i < axes.size(); ++i) all_but_channels = all_but_channels && axes[i] == static_cast<int64_t>(i) + 1;
    if (all_but_channels && c.node.op != "ReduceSumSquare") return channel_reduce(c, static_cast<int>(kinds.at(c.node.op)), list);
    for (size_t i = 1; i < axes.size(); ++i)
        if (axes[i] != axes[i - 1] + 1) return;
    const Split s = split_at(d, static_cast<size_t>(axes.front()), static_cast<size_t>(axes.back()) + 1);
    const int kind = static_cast<int>(kinds.at(c.node.op));
    // Over all positions, or over the channels, of a tensor that lies channels last; what is left must have no layout.
    const bool positions = axes.front() == 2 && axes.back() == rank - 1, channels = axes.front() == 1 && axes.back() == 1;
    const bool any = rank >= 3 && (positions || channels) && (c.out().size() < 3 || layout_free(c.out()));
    Candidate k;
    k.name = "reduce";
    k.layout = any ? LayoutRule::any : LayoutRule::plain;
    k.make = [=](Layout layout) {
        Split at = s;
        if (layout == Layout::channels_last) at = positions ? Split{d[0], s.axis, d[1]} : Split{s.outer * s.inner, s.axis, 1};
        return step_kernel("vector reduce", [=](const StepArgs& a) {
            parallel_ranges(at.outer, std::max<int64_t>(1, 16384 / (at.axis * at.inner)), [&](int64_t b, int64_t e) {
                const float* x = in<float>(a, 0) + b * at.axis * at.inner;
                float* y = out<float>(a) + b * at.inner;
                if (at.inner == 1) vec::table().reduce_last[kind](x, y, e - b, at.axis);
                else vec::table().reduce_middle[kind](x, y, e - b, at.axis, at.inner);
            });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

void normalise(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.in_dtype(0) != DType::f32) return;
    const std::string& op = c.node.op;
    if (op == "Softmax" || op == "LogSoftmax") softmax(c, list);
    else if (op == "LayerNormalization" || op == "RMSNormalization") layer_norm(c, list);
    else if (op == "InstanceNormalization" || op == "GroupNormalization") group_norm(c, list);
    else if (op == "LRN") local_response(c, list);
    else if (op == "BatchNormalization") batch_norm(c, list);
    else reduce(c, list);
}

}  // namespace hone::lower
