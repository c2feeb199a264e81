// SPDX-License-Identifier: Apache-2.0
#include "zoo/builder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace hone::zoo {
namespace {

std::vector<int64_t> both(int64_t v) { return {v, v}; }

Attributes window(int64_t kernel, int64_t stride, int64_t pad) {
    return {{"kernel_shape", both(kernel)}, {"pads", std::vector<int64_t>(4, pad)}, {"strides", both(stride)}};
}

}  // namespace

Builder::Builder(const std::string& name, uint64_t seed, const Rules& rules) : rules_(rules), seed_(seed) {
    g_.name = name;
    g_.producer = "hone";
    g_.ir_version = 8;
    g_.opsets[""] = 13;
}

Builder::Builder(const std::string& name, const Asked& a, const Rules& rules) : Builder(name, a.seed, rules) {
    if (a.input.size() != 3 || a.input[0] < 1 || a.input[1] < 1 || a.input[2] < 1 || a.classes < 1)
        fail(ErrorKind::usage, "zoo.input",
             cat(a.what, " needs [C,H,W] and classes, got ", to_text(a.input), " and ", a.classes));
    image_ = input("input", DType::f32, {Dim::named("N"), a.input[0], a.input[1], a.input[2]});
}

ValueId Builder::input(const std::string& name, DType type, Shape shape) {
    return g_.add_input(name, TypeInfo::tensor(type, std::move(shape)));
}

ValueId Builder::conv(const std::string& name, ValueId x, const Conv& c) {
    const int64_t inputs = c.channels / c.groups, k = c.kernel, pad = c.pad < 0 ? k / 2 : c.pad;
    require_left(name, x, k, pad);
    const Fan fan{inputs * k * k, c.filters * k * k, c.gain};
    std::vector<ValueId> in{x, parameter(name + ".weight", {c.filters, inputs, k, k}, rules_.conv(fan))};
    if (c.bias) in.push_back(parameter(name + ".bias", {c.filters}, rules_.conv_bias(fan)));
    Attributes a = window(k, c.stride, pad);
    a["dilations"] = both(1);
    a["group"] = c.groups;
    return add("Conv", name, std::move(in), std::move(a));
}

ValueId Builder::conv_norm(const std::string& name, const std::string& norm, ValueId x, Conv c) {
    if (rules_.folds_norm) return conv(name, x, c);
    c.bias = false;
    return batch_norm(norm, conv(name, x, c));
}

ValueId Builder::deconv(const std::string& name, ValueId x, const Conv& c) {
    const int64_t k = c.kernel;
    const Fan fan{c.filters * k * k, c.channels * k * k, c.gain};  // as torch counts, from the weight's second axis
    const ValueId w = parameter(name + ".weight", {c.channels, c.filters, k, k}, rules_.conv(fan));
    return add("ConvTranspose", name, {x, w}, window(k, c.stride, c.pad < 0 ? k / 2 : c.pad));
}

ValueId Builder::batch_norm(const std::string& name, ValueId x) {
    const Dims channels{dim(x, 1)};
    const ValueId scale = parameter(name + ".weight", channels, rules_.norm_scale);
    const ValueId bias = parameter(name + ".bias", channels, constant(0));
    const ValueId mean = fixed(name + ".running_mean", draw(constant(0), channels, 0, 0));
    const ValueId variance = fixed(name + ".running_var", draw(constant(1), channels, 0, 0));
    return add("BatchNormalization", name, {x, scale, bias, mean, variance}, {{"epsilon", 1e-5F}, {"momentum", 0.9F}});
}

ValueId Builder::layer_norm(const std::string& name, ValueId x) {
    const Dims width{dim(x, g_.value(x).type.shape.size() - 1)};
    const ValueId scale = parameter(name + ".weight", width, constant(1));
    const ValueId bias = parameter(name + ".bias", width, constant(0));
    return add("LayerNormalization", name, {x, scale, bias}, {{"axis", int64_t{-1}}, {"epsilon", 1e-6F}});
}

ValueId Builder::relu6(const std::string& name, ValueId x) {
    const ValueId zero = scalar("relu6.min", 0);
    return add("Clip", name, {x, zero, scalar("relu6.max", 6)});
}

ValueId Builder::max_pool(const std::string& name, ValueId x, const Pool& p) {
    require_left(name, x, p.kernel, p.pad);
    return add("MaxPool", name, {x}, window(p.kernel, p.stride, p.pad));
}

ValueId Builder::average_to(const std::string& name, ValueId x, int64_t side) {
    std::vector<int64_t> kernel, stride;
    for (size_t axis : {size_t{2}, size_t{3}}) {
        const int64_t n = dim(x, axis), step = std::max<int64_t>(1, n / side);
        stride.push_back(step);
        kernel.push_back(std::max<int64_t>(1, n - (side - 1) * step));
    }
    if (kernel == both(1)) return x;
    return add("AveragePool", name, {x}, {{"kernel_shape", kernel}, {"strides", stride}});
}

ValueId Builder::global_mean(ValueId x) { return flatten(add("GlobalAveragePool", "avgpool", {x})); }

ValueId Builder::mean_over(const std::string& name, ValueId x, int64_t axis) {
    return add("ReduceMean", name, {x, fixed(cat(name, ".axis"), Tensor::of_i64({axis}))}, {{"keepdims", int64_t{0}}});
}

ValueId Builder::flatten(ValueId x) {
    return g_.value(x).type.shape.size() == 2 ? x : add("Flatten", "flatten", {x}, {{"axis", int64_t{1}}});
}

ValueId Builder::dropout(const std::string& name, ValueId x, float ratio) {
    if (ratio == 0) return x;
    std::vector<ValueId> in{x};
    if (ratio != 0.5F) in.push_back(scalar(name + ".ratio", ratio));  // the standard's default
    return add("Dropout", name, std::move(in));
}

ValueId Builder::linear(const std::string& name, ValueId x, int64_t outputs, bool bias) {
    const int64_t inputs = dim(x, 1);
    const Fan fan{inputs, outputs};
    std::vector<ValueId> in{x, parameter(name + ".weight", {outputs, inputs}, rules_.linear(fan))};
    if (bias) in.push_back(parameter(name + ".bias", {outputs}, rules_.linear_bias(fan)));
    return add("Gemm", name, std::move(in), {{"transB", int64_t{1}}});
}

ValueId Builder::dense(const std::string& name, ValueId x, int64_t outputs) {
    const int64_t inputs = dim(x, g_.value(x).type.shape.size() - 1);
    const Fan fan{inputs, outputs};
    const ValueId y = add("MatMul", name, {x, parameter(name + ".weight", {inputs, outputs}, rules_.linear(fan))});
    return sum(name + ".add", y, parameter(name + ".bias", {outputs}, rules_.linear_bias(fan)));
}

ValueId Builder::unit_length(const std::string& name, ValueId x) {
    const ValueId last = fixed("last_axis", Tensor::of_i64({-1}));
    const ValueId squares = add("ReduceSum", name + ".sum", {add("Mul", name + ".square", {x, x}), last});
    const ValueId norm = add("Sqrt", name + ".sqrt", {sum(name + ".shift", squares, scalar("least_square", 1e-12F))});
    return add("Div", name, {x, norm});
}

std::vector<ValueId> Builder::add_some(const char* op, const std::string& name, std::vector<ValueId> in, int outputs,
                                       Attributes attributes) {
    const std::string full = branch_ + name;
    const NodeId n = g_.add_node("", op, std::move(in), outputs, std::move(attributes), full, {full});
    infer_outputs(g_, n);
    return g_.node(n).outputs;
}

ValueId Builder::add(const char* op, const std::string& name, std::vector<ValueId> in, Attributes attributes) {
    return add_some(op, name, std::move(in), 1, std::move(attributes))[0];
}

ValueId Builder::parameter(const std::string& name, const Dims& dims, const Init& init) {
    if (const ValueId tied = g_.find_value(name); tied != kNone) {
        HONE_CHECK(g_.value(tied).is_constant() && g_.value(tied).constant.dims() == dims, name);
        return tied;
    }
    const Tensor t = draw(init, dims, seed_, stream_++);
    parameters_ += t.count();
    return g_.add_constant(name, t);
}

ValueId Builder::fixed(const std::string& name, const Tensor& t) {
    const ValueId there = g_.find_value(name);
    if (there == kNone) return g_.add_constant(name, t);
    HONE_CHECK(g_.value(there).constant.same_bits(t), name);
    return there;
}

ValueId Builder::reshape(const std::string& name, ValueId x, const std::vector<int64_t>& dims) {
    return add("Reshape", name, {x, fixed(branch_ + name + ".dims", Tensor::of_i64(dims))});
}

int64_t Builder::dim(ValueId v, size_t axis) const {
    const Shape& s = g_.value(v).type.shape;
    HONE_CHECK(axis < s.size() && s[axis].known(), g_.value(v).name, " ", to_text(s));
    return s[axis].value;
}

void Builder::require_left(const std::string& name, ValueId x, int64_t kernel, int64_t pad) const {
    const int64_t height = dim(x, 2) + 2 * pad, width = dim(x, 3) + 2 * pad;
    if (height < kernel || width < kernel)
        fail(ErrorKind::usage, "zoo.small",
             cat("the input is too small for ", g_.name, ": at ", name, " a picture of ", dim(x, 2), "x", dim(x, 3),
                 " is left for a window of ", kernel, "x", kernel),
             "Give a larger --input.");
}

Graph Builder::finish(ValueId logits) { return std::move(finish({{"logits", logits}}).graph); }

Network Builder::finish(const std::vector<std::pair<std::string, ValueId>>& outputs, const std::string& part) {
    for (const auto& [name, v] : outputs) {
        g_.rename_value(v, name);
        g_.outputs.push_back(v);
    }
    infer_graph(g_);
    return {part, std::move(g_), parameters_};
}

}  // namespace hone::zoo
