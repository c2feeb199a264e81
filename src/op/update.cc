// SPDX-License-Identifier: Apache-2.0
// The runtime's optimiser steps (domain "hone"), an element at a time, in PyTorch's order of operations:
//   hone.Sgd      W G LR T [A] [momentum]                        Sutskever et al. 2013, coupled decay
//   hone.Adagrad  W G LR T [A] sum                               Duchi et al. 2011
//   hone.RmsProp  W G LR T [A] square [mean] [momentum]          Hinton 2012; centred: Graves 2013
//   hone.Adam     W G LR T [A] first second                      Kingma and Ba 2015; decoupled: Loshchilov and Hutter 2019
// W the weights, G their gradient, LR the learning rate, T (i64) the steps done before this one; where A (bool) is false
// nothing changes. Out come the new W and the new states, in the order of the inputs. Moments that the attributes ask
// for, and no others, are there. Hyper-parameters are f64 scalars: an f32 0.999 would put 1 - 0.999 off by 1e-5.
#include <algorithm>
#include <cmath>

#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

constexpr size_t kFirstState = 5, kMostStates = 3;

AttrSpec hyper(const char* name, double fallback) {
    Tensor t = Tensor::zeros(DType::f64, {});
    t.set(0, fallback);
    return {name, AttrKind::tensor, Attribute(std::move(t))};
}
AttrSpec flag(const char* name) { return {name, AttrKind::integer, int64_t{0}}; }
double value(const OpContext& c, const char* name) {
    const Tensor& t = c.tensor(name);
    if (t.count() != 1 || !is_float(t.dtype())) c.refuse(cat("attribute '", name, "' is not one number"));
    return t.at(0);
}

size_t one_state(const OpContext&) { return 1; }
size_t two_states(const OpContext&) { return 2; }
size_t sgd_states(const OpContext& c) { return value(c, "momentum") != 0; }
size_t rmsprop_states(const OpContext& c) { return 1u + (c.integer("centred") != 0) + (value(c, "momentum") != 0); }

template <size_t (*states)(const OpContext&)>
void infer_update(InferContext& c) {
    const size_t n = states(c);
    const auto text = [](size_t v) { return static_cast<unsigned long>(v); };
    for (const AttrSpec& a : c.op.attributes)
        if (a.kind == AttrKind::tensor) value(c, a.name);
    if (std::max(c.inputs(), kFirstState) != kFirstState + n || c.out.size() != 1 + n)
        c.refuse(cat("has ", text(c.inputs()), " inputs and ", text(c.out.size()), " outputs; with these attributes it keeps ",
                     text(n), " states and expects ", text(kFirstState + n), " and ", text(1 + n)));
    for (size_t i : {0, 1, 2}) require_type(c, {i}, is_float, "a float type");
    require_type(c, {3}, [](DType t) { return t == DType::i64; }, "i64");
    require_type(c, {4}, [](DType t) { return t == DType::boolean; }, "bool");
    require_one(c, 2, "the learning rate");
    require_one(c, 3, "the number of steps");
    if (c.given(4)) require_one(c, 4, "whether to apply");
    c.set_like(0, 0);
    if (c.rank_known(0)) require_shape(c, 1, c.shape(0), "the gradient");
    for (size_t i = 0; i < n; ++i) {
        const size_t at = kFirstState + i;
        if (!c.given(at)) c.refuse(cat("state ", text(i), " is omitted"));
        require_type(c, {at}, is_float, "a float type");
        if (c.rank_known(0)) require_shape(c, at, c.shape(0), "a state");
        c.set_like(1 + i, at);
    }
}

struct Element {
    double w, g, s[kMostStates];
};
/// Calls f(element) for each, where the step is to be applied.
template <class F>
void each_element(RefContext& c, F f) {
    const bool apply = !c.given(4) || c.in[4].at_int(0) != 0;
    const size_t n = std::max(c.in.size(), kFirstState) - kFirstState;
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        Element e{c.in[0].at(i), c.in[1].at(i), {}};
        for (size_t k = 0; k < n; ++k) e.s[k] = c.in[kFirstState + k].at(i);
        if (apply) f(e);
        if (c.wanted(0)) c.out[0].set(i, e.w);
        for (size_t k = 0; k < n; ++k)
            if (c.wanted(1 + k)) c.out[1 + k].set(i, e.s[k]);
    }
}
double rate(const RefContext& c) { return c.in[2].at(0); }
/// Of this step, from 1.
double step(const RefContext& c) { return static_cast<double>(c.in[3].at_int(0) + 1); }

void run_sgd(RefContext& c) {
    const double lr = rate(c), momentum = value(c, "momentum"), decay = value(c, "weight_decay");
    const bool nesterov = c.integer("nesterov") != 0;
    each_element(c, [&](Element& e) {
        double d = e.g + decay * e.w;
        if (momentum != 0) {
            e.s[0] = momentum * e.s[0] + d;
            d = nesterov ? d + momentum * e.s[0] : e.s[0];
        }
        e.w -= lr * d;
    });
}

void run_adagrad(RefContext& c) {
    const double decay = value(c, "weight_decay"), epsilon = value(c, "epsilon");
    const double lr = rate(c) / (1 + (step(c) - 1) * value(c, "lr_decay"));
    each_element(c, [&](Element& e) {
        const double g = e.g + decay * e.w;
        e.s[0] += g * g;
        e.w -= lr * (g / (std::sqrt(e.s[0]) + epsilon));
    });
}

void run_rmsprop(RefContext& c) {
    const double lr = rate(c), alpha = value(c, "alpha"), epsilon = value(c, "epsilon"), momentum = value(c, "momentum");
    const double decay = value(c, "weight_decay");
    const bool centred = c.integer("centred") != 0;
    each_element(c, [&](Element& e) {
        const double g = e.g + decay * e.w;
        e.s[0] = alpha * e.s[0] + (1 - alpha) * g * g;
        double spread = e.s[0];
        if (centred) {
            e.s[1] = alpha * e.s[1] + (1 - alpha) * g;
            spread -= e.s[1] * e.s[1];
        }
        double d = g / (std::sqrt(spread) + epsilon);
        if (momentum != 0) {
            double& m = e.s[centred ? 2 : 1];
            m = momentum * m + d;
            d = m;
        }
        e.w -= lr * d;
    });
}

void run_adam(RefContext& c) {
    const double lr = rate(c), beta1 = value(c, "beta1"), beta2 = value(c, "beta2"), epsilon = value(c, "epsilon");
    const double decay = value(c, "weight_decay"), t = step(c);
    const bool decoupled = c.integer("decoupled") != 0;
    const double size = lr / (1 - std::pow(beta1, t)), root = std::sqrt(1 - std::pow(beta2, t));
    each_element(c, [&](Element& e) {
        double g = e.g;
        if (decoupled) e.w *= 1 - lr * decay;
        else g += decay * e.w;
        e.s[0] = beta1 * e.s[0] + (1 - beta1) * g;
        e.s[1] = beta2 * e.s[1] + (1 - beta2) * g * g;
        e.w -= size * (e.s[0] / (std::sqrt(e.s[1]) / root + epsilon));
    });
}

Cost cost_update(const CostContext& c) {
    Cost cost;
    if (c.in[0].fixed()) cost.flops = 4 * static_cast<double>(c.out.size()) * static_cast<double>(count_of(dims_of(c.in[0].shape)));
    return cost;
}

OpDecl declare(const char* name, int least, int most, std::vector<AttrSpec> attributes, void (*infer)(InferContext&),
               void (*reference)(RefContext&)) {
    attributes.push_back(hyper("weight_decay", 0));
    return {.domain = "hone", .name = name, .min_inputs = 4, .max_inputs = 5 + most,
            .min_outputs = 1 + least, .max_outputs = 1 + most, .attributes = std::move(attributes), .infer = infer,
            .reference = reference, .cost = cost_update, .elementwise = true};
}

}  // namespace

std::vector<OpDecl> update() {
    return {
        declare("Sgd", 0, 1, {hyper("momentum", 0), flag("nesterov")}, infer_update<sgd_states>, run_sgd),
        declare("Adagrad", 1, 1, {hyper("lr_decay", 0), hyper("epsilon", 1e-10)}, infer_update<one_state>, run_adagrad),
        declare("RmsProp", 1, 3, {hyper("alpha", 0.99), hyper("epsilon", 1e-8), hyper("momentum", 0), flag("centred")},
                infer_update<rmsprop_states>, run_rmsprop),
        declare("Adam", 2, 2, {hyper("beta1", 0.9), hyper("beta2", 0.999), hyper("epsilon", 1e-8), flag("decoupled")},
                infer_update<two_states>, run_adam),
    };
}

}  // namespace hone::ops
