// SPDX-License-Identifier: Apache-2.0
// Convolutions, pools and the normalisations of batches, with their own gradient operators.
#include "gradient_case.h"

namespace hone {
namespace {

using Ints = std::vector<int64_t>;
std::string text(const char* s) { return s; }

GradientCase conv(Dims x, Dims w, Attributes a, std::string note, bool bias = false) {
    GradientCase c{.op = "Conv", .in = {points(x), points(w, -1, 1, {}, 1)}, .attributes = std::move(a), .note = std::move(note)};
    if (bias) c.in.push_back(points({w[0]}, -1, 1, {}, 2));
    return c;
}
GradientCase transposed(Dims x, Dims w, Attributes a, std::string note, int64_t bias = 0) {
    GradientCase c{.op = "ConvTranspose", .in = {points(x), points(w, -1, 1, {}, 1)}, .attributes = std::move(a), .note = std::move(note)};
    if (bias) c.in.push_back(points({bias}, -1, 1, {}, 2));
    return c;
}
GradientCase pool(const char* op, Dims x, Attributes a, std::string note, int outputs = 1) {
    return {.op = op, .in = {distinct(x)}, .attributes = std::move(a), .outputs = outputs, .note = std::move(note)};
}
GradientCase batch_norm(Dims x, Attributes a, std::string note, int outputs = 1, std::set<size_t> unused = {}) {
    const Dims channels{x.size() < 2 ? 1 : x[1]};
    return {.op = "BatchNormalization",
            .in = {points(x), points(channels, 0.5, 1.5, {}, 1), points(channels, -1, 1, {}, 2), points(channels, -1, 1, {}, 3),
                   points(channels, 0.5, 2, {}, 4)},
            .attributes = std::move(a), .outputs = outputs, .unused = std::move(unused), .note = std::move(note)};
}
GradientCase instance_norm(Dims x, std::string note) {
    return {.op = "InstanceNormalization", .in = {points(x), points({x[1]}, 0.5, 1.5, {}, 1), points({x[1]}, -1, 1, {}, 2)},
            .attributes = {{"epsilon", 0.01f}}, .note = std::move(note)};
}
/// To scale and bias alone: S is itself a function of X, and the rule goes the whole way (test/pass/exchange_test.cc).
GradientCase sync_batch_norm(Dims x) {
    const Dims c{x[1]};
    return {.op = "SyncBatchNorm", .domain = "hone",
            .in = {points(x), points(c, 0.5, 1.5, {}, 1), points(c, -1, 1, {}, 2), points(c, -1, 1, {}, 3), points(c, 0.5, 2, {}, 4), points({2, c[0]}, 5, 8, {}, 5)},
            .outputs = 3, .fixed = {0, 3, 4, 5}, .unused = {1, 2}, .note = "scale_and_bias"};
}
const Attributes kTraining{{"training_mode", int64_t{1}}, {"epsilon", 0.01f}, {"momentum", 0.7f}};

void add_convolutions(std::vector<GradientCase>& all) {
    const Attributes odd{{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 2, 1}}, {"dilations", Ints{1, 2}}};
    for (GradientCase& c : std::vector<GradientCase>{
             conv({2, 3, 5, 7}, {4, 3, 3, 3}, {}, "plain", true),
             conv({2, 3, 7, 9}, {5, 3, 3, 2}, odd, "stride_pad_dilation", true),
             conv({1, 4, 5, 5}, {6, 2, 3, 3}, {{"group", int64_t{2}}, {"pads", Ints{1, 1, 1, 1}}}, "groups"),
             conv({2, 3, 6, 5}, {3, 1, 3, 3}, {{"group", int64_t{3}}, {"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}}, "depthwise", true),
             conv({1, 3, 5, 5}, {6, 1, 3, 3}, {{"group", int64_t{3}}}, "depthwise_multiplier"),
             conv({2, 3, 6, 5}, {2, 3, 4, 3}, {{"auto_pad", text("SAME_UPPER")}, {"strides", Ints{2, 2}}}, "same_upper"),
             conv({2, 3, 6, 5}, {2, 3, 4, 2}, {{"auto_pad", text("SAME_LOWER")}}, "same_lower"),
             conv({2, 3, 6, 5}, {2, 3, 4, 3}, {{"auto_pad", text("VALID")}, {"kernel_shape", Ints{4, 3}}, {"strides", Ints{2, 2}}}, "valid"),
             conv({3, 2, 11}, {3, 2, 3}, {{"strides", Ints{3}}, {"pads", Ints{2, 1}}}, "one_axis", true),
             conv({1, 2, 3, 4, 5}, {3, 2, 2, 1, 3}, {{"pads", Ints{1, 0, 1, 0, 0, 2}}, {"strides", Ints{1, 2, 2}}}, "three_axes", true),
             conv({1, 3, 1, 1}, {2, 3, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}}, "one_pixel"),
             conv({2, 5, 4, 3}, {7, 5, 1, 1}, {{"strides", Ints{2, 2}}}, "pointwise", true),
             transposed({2, 3, 4, 5}, {3, 4, 3, 3}, {}, "plain", 4),
             transposed({2, 3, 4, 3}, {3, 2, 3, 2}, {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 0, 1}}, {"dilations", Ints{1, 2}}}, "stride_pad_dilation"),
             transposed({1, 4, 3, 3}, {4, 3, 3, 3}, {{"group", int64_t{2}}, {"strides", Ints{2, 2}}, {"output_padding", Ints{1, 1}}, {"pads", Ints{1, 1, 1, 1}}}, "groups", 6),
             transposed({1, 3, 3, 3}, {3, 1, 2, 2}, {{"group", int64_t{3}}, {"strides", Ints{3, 3}}, {"output_padding", Ints{2, 2}}}, "beyond_taps", 3),
             transposed({1, 2, 3, 3}, {2, 2, 1, 1}, {{"strides", Ints{2, 2}}, {"pads", Ints{2, 2, 1, 1}}, {"output_padding", Ints{1, 1}}}, "cropped", 2),
             transposed({1, 2, 4, 3}, {2, 3, 3, 3}, {{"strides", Ints{2, 2}}, {"auto_pad", text("SAME_UPPER")}}, "same_upper"),
             transposed({1, 2, 4, 3}, {2, 3, 3, 3}, {{"strides", Ints{2, 2}}, {"output_shape", Ints{8, 7}}}, "output_shape"),
             transposed({2, 3, 5}, {3, 2, 4}, {{"strides", Ints{2}}}, "one_axis", 2),
             transposed({1, 2, 2, 3, 2}, {2, 2, 2, 3, 1}, {{"strides", Ints{1, 2, 2}}, {"pads", Ints{0, 1, 0, 1, 0, 0}}}, "three_axes"),
         })
        all.push_back(std::move(c));
    Attributes input = odd, weight = odd;
    input["shape"] = Ints{2, 3, 7, 9};
    weight["shape"] = Ints{5, 3, 3, 2};
    all.push_back({.op = "ConvGradInput", .domain = "hone", .in = {points({2, 5, 4, 3}), points({5, 3, 3, 2}, -1, 1, {}, 1)}, .attributes = input});
    all.push_back({.op = "ConvGradWeight", .domain = "hone", .in = {points({2, 3, 7, 9}), points({2, 5, 4, 3}, -1, 1, {}, 1)}, .attributes = weight});
}

void add_pools(std::vector<GradientCase>& all) {
    const Attributes plain{{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
    const Attributes padded{{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 2}}};
    const Attributes ceil{{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}, {"pads", Ints{0, 1, 1, 0}}};
    const Attributes dilated{{"kernel_shape", Ints{2, 3}}, {"dilations", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 2}}};
    const Attributes same{{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"auto_pad", text("SAME_UPPER")}};
    for (const char* op : {"MaxPool", "AveragePool", "LpPool"}) {
        for (const auto& [a, note] : {std::pair{plain, "plain"}, {padded, "padded"}, {ceil, "ceil"}, {dilated, "dilated"}, {same, "same"}})
            all.push_back(pool(op, {2, 3, 6, 7}, a, note));
        all.push_back(pool(op, {2, 3, 11}, {{"kernel_shape", Ints{4}}, {"strides", Ints{3}}}, "one_axis"));
        all.push_back(pool(op, {1, 2, 4, 5, 3}, {{"kernel_shape", Ints{2, 3, 2}}, {"pads", Ints{0, 1, 0, 1, 0, 1}}}, "three_axes"));
    }
    for (Attributes a : {padded, ceil, dilated}) {
        a["count_include_pad"] = int64_t{1};
        all.push_back(pool("AveragePool", {2, 3, 6, 7}, a, "include_pad"));
    }
    for (int64_t p : {1, 3}) {
        Attributes a = padded;
        a["p"] = p;
        all.push_back({.op = "LpPool", .in = {points({2, 3, 6, 7}, -2, 2, {0})}, .attributes = a, .note = cat("p", p)});
        all.push_back({.op = "GlobalLpPool", .in = {points({2, 3, 5, 3}, -2, 2, {0})}, .attributes = {{"p", p}}, .note = cat("p", p)});
    }
    all.push_back(pool("MaxPool", {2, 3, 6, 7}, padded, "indices", 2));
    Attributes by_column = padded;
    by_column["storage_order"] = int64_t{1};
    all.push_back(pool("MaxPool", {2, 3, 6, 7}, by_column, "indices_by_column", 2));
    for (const char* op : {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}) {
        all.push_back(pool(op, {2, 3, 5, 3}, {}, "two_axes"));
        all.push_back(pool(op, {2, 3, 7}, {}, "one_axis"));
        all.push_back(pool(op, {1, 2, 2, 3, 2}, {}, "three_axes"));
    }
}

}  // namespace

std::vector<GradientCase> conv_gradient_cases() {
    std::vector<GradientCase> all;
    add_convolutions(all);
    add_pools(all);
    all.push_back({.op = "ReluGrad", .domain = "hone", .in = {points({3, 5}), points({3, 5}, -2, 2, {0}, 1)}});
    all.push_back(batch_norm({3, 5, 2, 3}, kTraining, "training"));
    all.push_back(batch_norm({3, 5, 2, 3}, kTraining, "training_statistics_unused", 3, {1, 2}));
    all.push_back(batch_norm({3, 2, 5}, kTraining, "training_through_statistics", 3));
    all.push_back(batch_norm({3, 2, 5}, kTraining, "training_only_statistics", 3, {0}));
    all.push_back(batch_norm({7, 3}, kTraining, "training_no_axes"));
    all.push_back(batch_norm({7}, kTraining, "training_rank_1"));
    all.push_back(batch_norm({3, 5, 2, 3}, {{"epsilon", 0.01f}}, "inference"));
    all.push_back(batch_norm({7}, {}, "inference_rank_1"));
    all.push_back(sync_batch_norm({3, 4, 2, 3}));
    all.push_back({.op = "AllReduce", .domain = "hone", .in = {points({3, 5})}});
    all.push_back(instance_norm({2, 3, 5, 3}, "two_axes"));
    all.push_back(instance_norm({3, 2, 7}, "one_axis"));
    return all;
}

}  // namespace hone
