// SPDX-License-Identifier: Apache-2.0
#include "zoo/builder.h"

#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "op/op.h"

namespace hone::zoo {
namespace {

constexpr double bias_deviation = 0.05;

}  // namespace

Builder::Builder(const std::string& name, const Asked& a) : classes_(a.classes), seed_(a.seed) {
    if (a.input.size() != 3 || a.input[0] < 1 || a.input[1] < 1 || a.input[2] < 1 || a.classes < 1)
        fail(ErrorKind::usage, "zoo.input",
             cat(a.what, " needs [C,H,W] and classes, got ", to_text(a.input), " and ", a.classes));
    g_.name = name;
    g_.producer = "hone";
    g_.ir_version = 8;
    g_.opsets[""] = 13;
    image_ = g_.add_input("input",
                          TypeInfo::tensor(DType::f32, {Dim::named("N"), a.input[0], a.input[1], a.input[2]}));
}

ValueId Builder::conv(const std::string& name, ValueId x, const Conv& c) {
    const int64_t inputs = c.channels / c.groups, k = c.kernel;
    const ValueId w = normal(name + ".weight", {c.filters, inputs, k, k},
                             c.gain * std::sqrt(2.0 / static_cast<double>(inputs * k * k)));
    return add("Conv", name, {x, w, normal(name + ".bias", {c.filters}, bias_deviation)},
               {{"dilations", std::vector<int64_t>{1, 1}},
                {"group", c.groups},
                {"kernel_shape", std::vector<int64_t>{k, k}},
                {"pads", std::vector<int64_t>(4, k / 2)},
                {"strides", std::vector<int64_t>{c.stride, c.stride}}});
}

ValueId Builder::relu6(const std::string& name, ValueId x) {
    if (zero_ == kNone) {
        zero_ = g_.add_constant("relu6.min", Tensor::scalar_f32(0));
        six_ = g_.add_constant("relu6.max", Tensor::scalar_f32(6));
    }
    return add("Clip", name, {x, zero_, six_});
}

ValueId Builder::max_pool(const std::string& name, ValueId x) {
    return add("MaxPool", name, {x},
               {{"kernel_shape", std::vector<int64_t>{3, 3}},
                {"pads", std::vector<int64_t>(4, 1)},
                {"strides", std::vector<int64_t>{2, 2}}});
}

ValueId Builder::classifier(const std::string& name, ValueId x, int64_t channels) {
    x = add("Flatten", "flatten", {add("GlobalAveragePool", "avgpool", {x})}, {{"axis", int64_t{1}}});
    const ValueId w =
        normal(name + ".weight", {classes_, channels}, std::sqrt(1.0 / static_cast<double>(channels)));
    return add("Gemm", name, {x, w, normal(name + ".bias", {classes_}, bias_deviation)}, {{"transB", int64_t{1}}});
}

Graph Builder::finish(ValueId logits) {
    g_.rename_value(logits, "logits");
    g_.outputs = {logits};
    infer_graph(g_);
    return std::move(g_);
}

ValueId Builder::add(const char* op, const std::string& name, std::vector<ValueId> in, Attributes attributes) {
    return g_.node(g_.add_node("", op, std::move(in), 1, std::move(attributes), name, {name})).out();
}

ValueId Builder::normal(const std::string& name, const Dims& dims, double deviation) {
    Tensor t = Tensor::zeros(DType::f32, dims);
    Rng rng(seed_, stream_++);
    for (float *p = t.data<float>(), *end = p + t.count(); p < end; ++p)
        *p = static_cast<float>(rng.normal() * deviation);
    return g_.add_constant(name, t);
}

}  // namespace hone::zoo
