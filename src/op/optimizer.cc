// SPDX-License-Identifier: Apache-2.0
// Adagrad, Adam and Momentum of ai.onnx.preview.training: R, T, then each kind of tensor for all parameters in turn; and
// Gradient, which passes expand.
#include <cmath>

#include "op/elements.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

constexpr const char* kDomain = "ai.onnx.preview.training";

/// `kinds` tensors a parameter come in (X, G, states), kinds - 1 go out (X and states).
template <size_t kinds>
void infer_step(InferContext& c) {
    require_type(c, {0}, [](DType t) { return t == DType::f32 || t == DType::f64; }, "f32 or f64");
    require_type(c, {1}, [](DType t) { return t == DType::i64; }, "i64");
    for (size_t i : {0, 1}) require_one(c, i, "R or T");
    const size_t tensors = c.inputs() - 2, n = tensors / kinds;
    if (tensors % kinds || c.out.size() != n * (kinds - 1))
        c.refuse(cat("has ", static_cast<unsigned long>(tensors), " tensors and ", static_cast<unsigned long>(c.out.size()),
                     " outputs; expected ", static_cast<unsigned long>(kinds), " and ", static_cast<unsigned long>(kinds - 1),
                     " a parameter"));
    for (size_t i = 0; i < tensors; ++i) {
        if (!c.given(2 + i)) c.refuse("a tensor is omitted");
        require_type(c, {2 + i % n, 2 + i}, [](DType t) { return t == DType::f32 || t == DType::f64; }, "f32 or f64");
        if (c.rank_known(2 + i % n)) require_shape(c, 2 + i, c.shape(2 + i % n), "a gradient or state");
    }
    for (size_t i = 0; i < c.out.size(); ++i) c.set_like(i, 2 + i % n);
}

/// Calls f(x, gradient, states, outputs) for each element; `states` and `outputs` have kinds - 2 and kinds - 1 entries.
template <size_t kinds, class F>
void each_element(RefContext& c, F f) {
    const size_t n = (c.in.size() - 2) / kinds;
    for (size_t p = 0; p < n; ++p)
        for (int64_t i = 0; i < c.in[2 + p].count(); ++i) {
            double state[2] = {}, out[3] = {};
            for (size_t s = 0; s + 2 < kinds; ++s) state[s] = c.in[2 + (s + 2) * n + p].at(i);
            f(c.in[2 + p].at(i), c.in[2 + n + p].at(i), state, out);
            for (size_t s = 0; s + 1 < kinds; ++s)
                if (c.wanted(s * n + p)) c.out[s * n + p].set(i, out[s]);
        }
}
double real(const OpContext& c, const char* name) { return static_cast<double>(c.real(name)); }

void run_adagrad(RefContext& c) {
    const double rate = c.in[0].at(0) / (1 + static_cast<double>(c.in[1].at_int(0)) * real(c, "decay_factor"));
    const double norm = real(c, "norm_coefficient"), epsilon = real(c, "epsilon");
    each_element<3>(c, [&](double x, double g, const double* state, double* out) {
        const double total = norm * x + g;
        out[1] = state[0] + total * total;
        out[0] = x - rate * total / (std::sqrt(out[1]) + epsilon);
    });
}

void infer_adam(InferContext& c) {
    if (!c.has("epsilon")) c.unsupported("epsilon is omitted: the standard's text and its test case disagree on the default");
    infer_step<4>(c);
}
void run_adam(RefContext& c) {
    const double alpha = real(c, "alpha"), beta = real(c, "beta"), epsilon = real(c, "epsilon");
    const double norm = real(c, "norm_coefficient"), post = real(c, "norm_coefficient_post");
    const auto t = static_cast<double>(c.in[1].at_int(0));
    double rate = c.in[0].at(0);
    if (t > 0) rate *= std::sqrt(1 - std::pow(beta, t)) / (1 - std::pow(alpha, t));
    each_element<4>(c, [&](double x, double g, const double* state, double* out) {
        const double total = norm * x + g;
        out[1] = alpha * state[0] + (1 - alpha) * total;
        out[2] = beta * state[1] + (1 - beta) * total * total;
        out[0] = (1 - post) * (x - rate * out[1] / (std::sqrt(out[2]) + epsilon));
    });
}

void infer_momentum(InferContext& c) {
    const std::string& mode = c.text("mode");
    if (mode != "standard" && mode != "nesterov") c.refuse(cat("mode is '", mode, "'; expected standard or nesterov"));
    infer_step<3>(c);
}
void run_momentum(RefContext& c) {
    const double rate = c.in[0].at(0), alpha = real(c, "alpha"), norm = real(c, "norm_coefficient");
    const double beta = c.in[1].at_int(0) > 0 ? real(c, "beta") : 1;
    const bool nesterov = c.text("mode") == "nesterov";
    each_element<3>(c, [&](double x, double g, const double* state, double* out) {
        const double total = norm * x + g;
        out[1] = alpha * state[0] + beta * total;
        out[0] = x - rate * (nesterov ? total + alpha * out[1] : out[1]);
    });
}

/// d y / d x for each of xs: the types of the xs, which come first among the inputs. src/pass/expand_gradients.cc makes
/// nodes of it.
void infer_gradient(InferContext& c) {
    const size_t n = c.texts("xs").size();
    if (c.inputs() != n + c.texts("zs").size() || c.out.size() > n)
        c.refuse(cat("has ", number(c.inputs()), " inputs and ", number(c.out.size()), " outputs for ", number(n), " xs and ", number(c.texts("zs").size()), " zs"));
    for (size_t i = 0; i < c.out.size(); ++i) c.set_like(i, i);
}

AttrSpec required(const char* name, AttrKind kind) { return {name, kind, std::nullopt, true}; }

}  // namespace

std::vector<OpDecl> optimizer() {
    return {
        {.domain = kDomain, .name = "Adagrad", .min_inputs = 3, .max_inputs = -1, .min_outputs = 1, .max_outputs = -1,
         .attributes = {{"decay_factor", AttrKind::real, 0.0f},
                        {"epsilon", AttrKind::real, 1e-6f},
                        {"norm_coefficient", AttrKind::real, 0.0f}},
         .infer = infer_step<3>, .reference = run_adagrad},
        {.domain = kDomain, .name = "Adam", .min_inputs = 3, .max_inputs = -1, .min_outputs = 1, .max_outputs = -1,
         .attributes = {{"alpha", AttrKind::real, 0.9f},
                        {"beta", AttrKind::real, 0.999f},
                        {"epsilon", AttrKind::real},
                        {"norm_coefficient", AttrKind::real, 0.0f},
                        {"norm_coefficient_post", AttrKind::real, 0.0f}},
         .infer = infer_adam, .reference = run_adam},
        {.domain = kDomain, .name = "Gradient", .min_inputs = 1, .max_inputs = -1, .min_outputs = 1, .max_outputs = -1,
         .attributes = {required("xs", AttrKind::texts), required("y", AttrKind::text), {"zs", AttrKind::texts}},
         .infer = infer_gradient, .reference = nullptr},
        {.domain = kDomain, .name = "Momentum", .min_inputs = 3, .max_inputs = -1, .min_outputs = 1, .max_outputs = -1,
         .attributes = {required("alpha", AttrKind::real), required("beta", AttrKind::real), required("mode", AttrKind::text),
                        required("norm_coefficient", AttrKind::real)},
         .infer = infer_momentum, .reference = run_momentum},
    };
}

}  // namespace hone::ops
