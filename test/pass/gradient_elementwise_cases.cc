// SPDX-License-Identifier: Apache-2.0
// Operators of one element and of several with broadcasting.
#include "gradient_case.h"

namespace hone {
namespace {

GradientCase one(const char* op, double low = -2, double high = 2, std::vector<double> kinks = {}, Attributes a = {}, std::string note = "") {
    return {.op = op, .in = {points({3, 5}, low, high, kinks)}, .attributes = std::move(a), .note = std::move(note)};
}
GradientCase two(const char* op, double low = -2, double high = 2, Dims a = {2, 3, 5}, Dims b = {3, 1}) {
    return {.op = op, .in = {points(a, low, high), points(b, low, high, {}, 1)}};
}
Tensor scalar(double v) {
    Tensor t = Tensor::zeros(DType::f64, {});
    t.set(0, v);
    return t;
}
Tensor mask(const Dims& d) {
    Tensor t = Tensor::zeros(DType::boolean, d);
    for (int64_t i = 0; i < t.count(); ++i) t.set_int(i, i % 3 != 1);
    return t;
}
Tensor exponents() {
    Tensor t = Tensor::zeros(DType::i64, {3, 1});
    for (int64_t i = 0; i < 3; ++i) t.set_int(i, i + 1);
    return t;
}

}  // namespace

std::vector<GradientCase> elementwise_gradient_cases() {
    return {
        one("Abs", -2, 2, {0}), one("Neg"), one("Sqrt", 0.1, 3), one("Exp"), one("Log", 0.1, 3), one("Reciprocal", 0.2, 2),
        one("Sin"), one("Cos"), one("Tan", -1.2, 1.2), one("Asin", -0.9, 0.9), one("Acos", -0.9, 0.9), one("Atan"),
        one("Sinh"), one("Cosh"), one("Tanh"), one("Asinh"), one("Acosh", 1.1, 3), one("Atanh", -0.9, 0.9), one("Erf"),
        one("Sigmoid"), one("Relu", -2, 2, {0}), one("LeakyRelu", -2, 2, {0}, {{"alpha", 0.3f}}), one("Elu", -2, 2, {0}, {{"alpha", 1.7f}}),
        one("Celu", -2, 2, {0}, {{"alpha", 1.7f}}), one("Selu", -2, 2, {0}), one("HardSigmoid", -4, 4, {-2.5, 2.5}),
        one("HardSwish", -4, 4, {-3, 3}), one("Softplus"), one("Softsign", -2, 2, {0}), one("ThresholdedRelu", -2, 2, {0.7}, {{"alpha", 0.7f}}),
        one("Shrink", -2, 2, {-0.9, 0.9}, {{"bias", 0.2f}, {"lambd", 0.9f}}), one("Gelu"),
        one("Gelu", -2, 2, {}, {{"approximate", std::string("tanh")}}, "tanh"), one("Swish"), one("Swish", -2, 2, {}, {{"alpha", 1.7f}}, "alpha"),
        one("Mish"),
        {.op = "Clip", .in = {points({3, 7}, -2, 2, {-1, 0.5}), scalar(-1), scalar(0.5)}, .note = "both"},
        {.op = "Clip", .in = {points({3, 7}, -2, 2, {0.5}), Tensor(), scalar(0.5)}, .note = "above"},
        {.op = "Clip", .in = {points({3, 7}, -2, 2, {-1}), scalar(-1)}, .note = "below"},

        two("Add"), two("Sub"), two("Mul"), two("Div", 0.3, 2), two("Pow", 0.3, 2), two("Mul", -2, 2, {5}, {3, 2, 1}), two("Sub", -2, 2, {}, {3, 2}),
        {.op = "Pow", .in = {points({3, 5}), exponents()}, .note = "integers"},
        {.op = "Mod", .in = {points({2, 3, 5}, 3.1, 3.9), points({3, 1}, 1.32, 1.52, {}, 1)}, .attributes = {{"fmod", int64_t{1}}}},
        {.op = "Min", .in = {points({2, 3, 5}), points({3, 1}, -2, 2, {}, 1), points({5}, -2, 2, {}, 2)}},
        {.op = "Max", .in = {points({2, 3, 5}), points({3, 1}, -2, 2, {}, 1), points({5}, -2, 2, {}, 2)}},
        {.op = "Sum", .in = {points({2, 3, 5}), points({3, 1}, -2, 2, {}, 1), points({5}, -2, 2, {}, 2)}},
        {.op = "Mean", .in = {points({2, 3, 5}), points({3, 1}, -2, 2, {}, 1), points({5}, -2, 2, {}, 2)}},
        {.op = "Sum", .in = {points({3})}, .note = "one"},
        {.op = "PRelu", .in = {points({2, 3, 5}, -2, 2, {0}), points({3, 1}, 0.1, 0.5, {}, 1)}},
        {.op = "Where", .in = {mask({3, 5}), points({2, 3, 1}), points({5}, -2, 2, {}, 1)}},
    };
}

}  // namespace hone
