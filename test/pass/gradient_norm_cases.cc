// SPDX-License-Identifier: Apache-2.0
// Normalisation, losses, sampling (Resize, GridSample, RoiAlign, MaxUnpool), Fourier transforms, Dropout.
#include <cmath>

#include "base/rng.h"
#include "gradient_case.h"

namespace hone {
namespace {

using Cases = std::vector<GradientCase>;
using Ints = std::vector<int64_t>;

Attribute text(const char* s) { return std::string(s); }
Attribute whole(int64_t v) { return v; }
Tensor integers(const Ints& v, const Dims& d) { return Tensor::of_i64(v).reshaped(d); }
Tensor one(int64_t v) { return integers({v}, {}); }
Tensor truth(bool v) {
    Tensor t = Tensor::zeros(DType::boolean, {});
    t.set_int(0, v);
    return t;
}
Tensor doubles(const std::vector<double>& v, const Dims& d) {
    Tensor t = Tensor::zeros(DType::f64, d);
    for (size_t i = 0; i < v.size(); ++i) t.set(static_cast<int64_t>(i), v[i]);
    return t;
}

void layer_norms(Cases& all) {
    const Tensor x = points({2, 3, 5});
    const auto p = [](const Dims& d, uint64_t seed) { return points(d, 0.3, 2, {}, seed); };
    const auto add = [&](const char* op, std::vector<Tensor> in, Attributes a, std::string note) {
        all.push_back({.op = op, .in = std::move(in), .attributes = std::move(a), .note = std::move(note)});
    };
    for (const char* op : {"LayerNormalization", "RMSNormalization"}) {
        add(op, {x, p({5}, 1)}, {}, "last");
        add(op, {x, p({3, 5}, 1)}, {{"axis", whole(1)}, {"epsilon", 0.1f}}, "epsilon");
        add(op, {x, p({1, 5}, 1)}, {{"axis", whole(-2)}}, "broadcast");
        add(op, {x, p({3, 1}, 1)}, {{"axis", whole(0)}}, "column");
        add(op, {x, p({}, 1)}, {}, "scalar");
        add(op, {x, p({2, 3, 1}, 1)}, {}, "scale_by_row");
    }
    const char* op = "LayerNormalization";
    add(op, {x, p({5}, 1), p({5}, 2)}, {}, "bias");
    add(op, {x, p({1, 1, 5}, 1), p({1}, 2)}, {}, "bias_broadcast");
    add(op, {x, p({5}, 1), p({3, 1}, 2)}, {}, "bias_by_row");
    add(op, {x, p({3, 1}, 1), p({5}, 2)}, {{"axis", whole(2)}}, "both_ways");
    const Attributes wide{{"stash_type", whole(11)}};
    all.push_back({.op = op, .in = {x, p({5}, 1), p({5}, 2)}, .outputs = 3, .unused = {1, 2}, .note = "optional_unused"});
    all.push_back({.op = op, .in = {x, p({5}, 1), p({5}, 2)}, .attributes = wide, .outputs = 3, .note = "optional_used"});
    all.push_back({.op = op, .in = {x, p({5}, 1)}, .attributes = wide, .outputs = 3, .unused = {0, 1}, .note = "deviation_only"});
    for (size_t i : {0u, 1u, 2u})
        all.push_back({.op = op, .in = {x, p({5}, 1), p({5}, 2)}, .fixed = {i, (i + 1) % 3}, .note = "one_wanted"});
}

void other_norms(Cases& all) {
    const auto p = [](const Dims& d, uint64_t seed) { return points(d, 0.3, 2, {}, seed); };
    for (int64_t groups : {1, 2, 6})
        all.push_back({.op = "GroupNormalization", .in = {points({2, 6, 3, 1}), p({6}, 1), p({6}, 2)},
                       .attributes = {{"num_groups", groups}, {"epsilon", 0.01f}}});
    all.push_back({.op = "GroupNormalization", .in = {points({3, 6}), p({6}, 1), p({6}, 2)}, .attributes = {{"num_groups", whole(2)}}, .note = "flat"});
    all.push_back({.op = "MeanVarianceNormalization", .in = {points({2, 3, 2, 5})}});
    all.push_back({.op = "MeanVarianceNormalization", .in = {points({3, 7})}, .attributes = {{"axes", Ints{-1}}}, .note = "last"});
    for (int64_t order : {1, 2})
        for (int64_t axis : {-1, 1})
            all.push_back({.op = "LpNormalization", .in = {points({3, 5, 2}, -2, 2, {0})}, .attributes = {{"p", order}, {"axis", axis}}});
    for (int64_t size : {1, 3, 4, 20})
        all.push_back({.op = "LRN", .in = {points({2, 5, 3})},
                       .attributes = {{"size", size}, {"alpha", 0.6f}, {"beta", 0.7f}, {"bias", 1.3f}}});
    all.push_back({.op = "LRN", .in = {points({2, 3, 1, 5})}, .attributes = {{"size", whole(3)}}, .note = "defaults"});
}

void losses(Cases& all) {
    for (const char* op : {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"}) {
        const bool logits = op[0] == 'S';
        const Tensor x = logits ? points({3, 5}) : points({3, 5}, -3, -0.1), labels = integers({4, 0, 2}, {3});
        const Tensor deep = logits ? points({2, 3, 2, 3}) : points({2, 3, 2, 3}, -3, -0.1);
        const Tensor places = integers({0, 1, 2, 2, 1, 0, 1, 1, 2, 0, 0, 2}, {2, 2, 3});
        const Tensor weights = points({5}, 0.3, 2, {}, 3), few = points({3}, 0.3, 2, {}, 4);
        for (const char* reduction : {"none", "sum", "mean"}) {
            Attributes a{{"reduction", text(reduction)}};
            all.push_back({.op = op, .in = {x, labels}, .attributes = a, .note = reduction});
            all.push_back({.op = op, .in = {x, labels, weights}, .attributes = a, .note = cat(reduction, "_weights")});
            all.push_back({.op = op, .in = {x, labels, weights}, .attributes = a, .fixed = {2}, .note = cat(reduction, "_fixed_weights")});
            a["ignore_index"] = whole(1);
            all.push_back({.op = op, .in = {deep, places}, .attributes = a, .note = cat(reduction, "_axes_ignore")});
            all.push_back({.op = op, .in = {deep, places, few}, .attributes = a, .note = cat(reduction, "_axes_ignore_weights")});
        }
        all.push_back({.op = op, .in = {x, integers({4, -100, 2}, {3})}, .attributes = {{"ignore_index", whole(-100)}}, .note = "outside"});
        if (!logits) continue;
        all.push_back({.op = op, .in = {x, labels, weights}, .outputs = 2, .note = "log_prob"});
        all.push_back({.op = op, .in = {deep, places}, .outputs = 2, .unused = {0}, .note = "log_prob_only"});
        all.push_back({.op = op, .in = {deep, places}, .outputs = 2, .unused = {1}, .note = "log_prob_unused"});
    }
}

void resizes(Cases& all) {
    const Tensor x = points({1, 2, 5, 3}), none, roi = Tensor::of_f32({0, 0, 0.1f, -0.2f, 1, 1, 0.8f, 1.1f});
    const Tensor scales = Tensor::of_f32({1, 1, 0.7f, 2.4f}), sizes = integers({1, 2, 7, 2}, {4});
    const auto add = [&](std::vector<Tensor> in, Attributes a, std::string note) {
        all.push_back({.op = "Resize", .in = std::move(in), .attributes = std::move(a), .fixed = {1, 2}, .note = std::move(note)});
    };
    for (const char* mode : {"nearest", "linear", "cubic"}) {
        for (const char* where : {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"}) {
            const Attributes a{{"mode", text(mode)}, {"coordinate_transformation_mode", text(where)}};
            add({x, none, scales}, a, cat(mode, "_", where, "_scales"));
            add({x, none, none, sizes}, a, cat(mode, "_", where, "_sizes"));
        }
        add({x, roi, scales}, {{"mode", text(mode)}, {"coordinate_transformation_mode", text("tf_crop_and_resize")}, {"extrapolation_value", 0.5f}}, cat(mode, "_crop"));
        for (const char* policy : {"not_larger", "not_smaller"})
            add({x, none, none, integers({4, 7}, {2})},
                {{"mode", text(mode)}, {"axes", Ints{-1, 2}}, {"keep_aspect_ratio_policy", text(policy)}}, cat(mode, "_axes_", policy));
        add({x, none, scales}, {{"mode", text(mode)}, {"exclude_outside", whole(1)}}, cat(mode, "_exclude_outside"));
    }
    for (const char* round : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
        add({x, none, scales}, {{"nearest_mode", text(round)}}, round);
    add({x, none, scales}, {{"mode", text("cubic")}, {"cubic_coeff_a", -0.5f}}, "coefficient");
    add({points({4, 3}), none, Tensor::of_f32({0.5f, 3})}, {{"mode", text("linear")}}, "batch");
}

/// At least 0.05 of a pixel from where a neighbour or its reflection begins, up to 2.5 pixels outside.
Tensor grid(const Dims& d, const Dims& spatial, bool align) {
    Tensor t = Tensor::zeros(DType::f64, d);
    Rng rng(5, 79);
    const auto axes = static_cast<int64_t>(spatial.size());
    for (int64_t i = 0; i < t.count(); ++i) {
        const int64_t n = spatial[static_cast<size_t>(axes - 1 - i % axes)];
        double at = std::floor(rng.uniform() * static_cast<double>(n + 4) * 2) / 2 - 2.5;
        at += 0.05 + 0.4 * rng.uniform();
        t.set(i, align ? 2 * at / static_cast<double>(n - 1) - 1 : (2 * at + 1) / static_cast<double>(n) - 1);
    }
    return t;
}
void samplers(Cases& all) {
    for (const char* mode : {"nearest", "linear", "cubic"})
        for (const char* padding : {"zeros", "border", "reflection"})
            for (bool align : {false, true}) {
                const Attributes a{{"mode", text(mode)}, {"padding_mode", text(padding)}, {"align_corners", whole(align)}};
                const std::string note = cat(mode, "_", padding, align ? "_align" : "");
                all.push_back({.op = "GridSample", .in = {points({2, 3, 4, 5}), grid({2, 3, 7, 2}, {4, 5}, align)}, .attributes = a, .note = note});
                if (align || *mode == 'l')
                    all.push_back({.op = "GridSample", .in = {points({1, 2, 3, 2, 5}), grid({1, 2, 3, 1, 3}, {3, 2, 5}, align)}, .attributes = a, .note = note + "_volume"});
            }
    all.push_back({.op = "GridSample", .in = {points({1, 2, 7}), grid({1, 9, 1}, {7}, false)}, .note = "line"});
    all.push_back({.op = "GridSample", .in = {points({2, 3, 4, 5}), grid({2, 3, 7, 2}, {4, 5}, false)}, .fixed = {0}, .note = "grid_only"});
    for (const char* where : {"half_pixel", "output_half_pixel"})
        for (int64_t ratio : {0, 2})
            all.push_back({.op = "RoiAlign",
                           .in = {points({2, 3, 5, 7}), doubles({0.5, 1, 9, 7.3, -3, 2, 4, 14, 3, 3, 3.2, 3.1}, {3, 4}), integers({1, 0, 1}, {3})},
                           .attributes = {{"coordinate_transformation_mode", text(where)}, {"output_height", whole(3)}, {"output_width", whole(2)},
                                          {"sampling_ratio", ratio}, {"spatial_scale", 0.6f}},
                           .fixed = {1}, .note = where});
}

/// Of a pooling of 2 x 2 from [1, 2, 4, 6].
Tensor pooled(bool odd_columns) {
    Ints v;
    for (int64_t i = 0; i < 12; ++i) v.push_back(((i / 6) * 4 + i / 3 % 2 * 2 + i % 2) * 6 + i % 3 * 2 + (odd_columns && i % 4 == 1));
    return integers(v, {1, 2, 2, 3});
}
void unpools(Cases& all) {
    const Attributes a{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
    const Tensor x = points({1, 2, 2, 3});
    all.push_back({.op = "MaxUnpool", .in = {x, pooled(true)}, .attributes = a});
    all.push_back({.op = "MaxUnpool", .in = {x, pooled(true), integers({1, 2, 5, 7}, {4})}, .attributes = a, .note = "larger"});
    all.push_back({.op = "MaxUnpool", .in = {x, pooled(false), integers({1, 2, 6, 5}, {4})}, .attributes = a, .note = "narrower"});
}

void transforms(Cases& all) {
    const Tensor none;
    const auto dft = [&](Tensor x, Tensor length, Tensor axis, bool inverse, bool one_sided, std::string note) {
        std::vector<Tensor> in{std::move(x)};
        if (length.defined() || axis.defined()) in.push_back(std::move(length));
        if (axis.defined()) in.push_back(std::move(axis));
        all.push_back({.op = "DFT", .in = std::move(in), .attributes = {{"inverse", whole(inverse)}, {"onesided", whole(one_sided)}}, .note = std::move(note)});
    };
    for (bool inverse : {false, true}) {
        const std::string way = inverse ? "inverse" : "forward";
        dft(points({2, 7, 1}), none, none, inverse, false, way + "_real");
        dft(points({2, 8, 3, 2}), one(5), one(1), inverse, false, way + "_shorter");
        dft(points({2, 5, 2}), one(8), one(-2), inverse, false, way + "_longer");
        dft(points({3, 5, 2}), none, one(0), inverse, false, way + "_first");
    }
    dft(points({2, 7, 1}), none, none, false, true, "half_odd");
    dft(points({2, 6, 3, 1}), one(9), one(1), false, true, "half_longer");
    dft(points({2, 6, 1}), one(4), none, false, true, "half_shorter");
    dft(points({2, 5, 2}), none, none, true, true, "half_inverse");
    for (int64_t n : {5, 6, 12}) dft(points({2, 5, 2}), one(n), none, true, true, "half_inverse_length");
    for (bool one_sided : {false, true}) {
        const Attributes a{{"onesided", whole(one_sided)}};
        all.push_back({.op = "STFT", .in = {points({2, 17, 1}), one(3), points({5}, 0.2, 1)}, .attributes = a, .note = "window"});
        all.push_back({.op = "STFT", .in = {points({2, 17, 1}), one(4), none, one(8)}, .attributes = a, .note = "length"});
    }
    all.push_back({.op = "STFT", .in = {points({1, 13, 2}), one(2), points({6}, 0.2, 1), one(6)}, .attributes = {{"onesided", whole(0)}}, .note = "complex"});
}

void dropouts(Cases& all) {
    const Tensor x = points({3, 17}), half = Tensor::scalar_f32(0.3f), none;
    const auto add = [&](std::vector<Tensor> in, std::string note, int outputs = 1) {
        all.push_back({.op = "Dropout", .in = std::move(in), .attributes = {{"seed", whole(7)}}, .outputs = outputs, .fixed = {1}, .note = std::move(note)});
    };
    add({x}, "plain");
    add({x, half, truth(false)}, "evaluation");
    add({x, half, truth(true)}, "training");
    add({x, half, truth(true)}, "training_mask", 2);
    add({x, none, truth(true)}, "training_default");
    add({x, Tensor::scalar_f32(0), truth(true)}, "training_none");
    Tensor ratio = Tensor::zeros(DType::f64, {});
    ratio.set(0, 0.3);
    for (int outputs : {1, 2})
        all.push_back({.op = "Dropout", .domain = "hone", .in = {x, Tensor::scalar_i64(5)}, .attributes = {{"ratio", ratio}, {"seed", whole(7)}, {"first", whole(3)}}, .outputs = outputs, .fixed = {1}});
}

}  // namespace

std::vector<GradientCase> norm_gradient_cases() {
    Cases all;
    for (auto* family : {layer_norms, other_norms, losses, resizes, samplers, unpools, transforms, dropouts}) family(all);
    return all;
}

}  // namespace hone
