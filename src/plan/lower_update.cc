// SPDX-License-Identifier: Apache-2.0
// The optimisers' steps on f32 weights (op/update.cc), in place: weights and moments are states.
#include <cmath>
#include <cstring>

#include "kernel/vector/vector.h"
#include "plan/lower.h"

namespace hone::lower {
namespace {

constexpr int64_t kGrain = 16384;
constexpr size_t kFirstState = 5;

struct Hyper {
    double momentum = 0, decay = 0, epsilon = 0, beta1 = 0, beta2 = 0, lr_decay = 0;
    bool flag = false;
};

double real(const OpContext& c, const char* name) { return c.tensor(name).at(0); }

Hyper hyper_of(const OpContext& c, const std::string& op) {
    Hyper h;
    h.decay = real(c, "weight_decay");
    if (op == "Sgd") h.momentum = real(c, "momentum"), h.flag = c.integer("nesterov") != 0;
    if (op == "Adagrad") h.lr_decay = real(c, "lr_decay"), h.epsilon = real(c, "epsilon");
    if (op == "RmsProp") h.beta1 = real(c, "alpha"), h.epsilon = real(c, "epsilon"), h.momentum = real(c, "momentum"), h.flag = c.integer("centred") != 0;
    if (op == "Adam") h.beta1 = real(c, "beta1"), h.beta2 = real(c, "beta2"), h.epsilon = real(c, "epsilon"), h.flag = c.integer("decoupled") != 0;
    return h;
}

/// What the scalars of this step come to, in double.
void set_scalars(vec::UpdateArgs& u, const Hyper& h, const std::string& op, double lr, double done) {
    const double t = done + 1;
    double rate = lr;
    if (op == "Adagrad") rate = lr / (1 + done * h.lr_decay);
    if (op == "Adam") {
        rate = lr / (1 - std::pow(h.beta1, t));
        u.root = static_cast<float>(1 / std::sqrt(1 - std::pow(h.beta2, t)));
        u.shrink = static_cast<float>(1 - lr * h.decay);
    }
    u.rate = static_cast<float>(rate);
    u.decay = static_cast<float>(h.decay), u.momentum = static_cast<float>(h.momentum), u.epsilon = static_cast<float>(h.epsilon);
    u.beta1 = static_cast<float>(h.beta1), u.one_minus_beta1 = static_cast<float>(1 - h.beta1);
    u.beta2 = static_cast<float>(h.beta2), u.one_minus_beta2 = static_cast<float>(1 - h.beta2);
    u.flag = h.flag;
}

}  // namespace

void update(const LowerContext& c, std::vector<Candidate>& list) {
    const size_t states = c.node.outputs.size() - 1;
    for (size_t i = 0; i < c.node.inputs.size(); ++i)
        if (i < 2 || i >= kFirstState)
            if (c.in_dtype(i) != DType::f32 || !c.given(i)) return;
    if (c.in_dtype(2) != DType::f64) return;
    Candidate k;
    k.name = "vector_update";
    k.layout = LayoutRule::any;
    k.in_place.push_back({0, 0});
    for (size_t i = 0; i < states; ++i) k.in_place.push_back({static_cast<int>(kFirstState + i), static_cast<int>(1 + i)});
    const int64_t n = count_of(c.out());
    const std::string op = c.node.op;
    const bool conditional = c.given(4);
    const Hyper h = hyper_of(c.op(), op);
    k.make = [=](Layout) {
        return step_kernel("vector update", [=](const StepArgs& a) {
            vec::UpdateArgs u;
            u.states = static_cast<int>(states);
            u.w = in<float>(a, 0), u.g = in<float>(a, 1), u.w_out = out<float>(a);
            for (size_t i = 0; i < states; ++i) u.s[i] = in<float>(a, kFirstState + i), u.s_out[i] = out<float>(a, 1 + i);
            if (conditional && !*in<bool>(a, 4)) {  // this step is not to be applied
                if (u.w_out != u.w) std::memcpy(u.w_out, u.w, static_cast<size_t>(n) * sizeof(float));
                for (size_t i = 0; i < states; ++i)
                    if (u.s_out[i] != u.s[i]) std::memcpy(u.s_out[i], u.s[i], static_cast<size_t>(n) * sizeof(float));
                return;
            }
            set_scalars(u, h, op, *in<double>(a, 2), static_cast<double>(*in<int64_t>(a, 3)));
            const vec::Table& t = vec::table();
            const auto f = op == "Sgd" ? t.update_sgd : op == "Adagrad" ? t.update_adagrad : op == "RmsProp" ? t.update_rmsprop : t.update_adam;
            parallel_ranges(n, kGrain, [&](int64_t begin, int64_t end) { f(u, begin, end); });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
