// SPDX-License-Identifier: Apache-2.0
// LSTM and GRU with constant weights and the default activations on our recurrent kernels.
#include "kernel/recurrent/recurrent.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {
bool plain(const LowerContext& c, bool lstm) {
    const OpContext op = c.op();
    for (size_t i : {4u, 7u})
        if (c.given(i)) return false;
    const std::vector<std::string> defaults = lstm ? std::vector<std::string>{"Sigmoid", "Tanh", "Tanh"} : std::vector<std::string>{"Sigmoid", "Tanh"};
    const std::vector<std::string>& acts = op.texts("activations");
    for (size_t i = 0; i < acts.size(); ++i)
        if (acts[i] != defaults[i % defaults.size()]) return false;
    if (!op.reals("activation_alpha").empty() || !op.reals("activation_beta").empty() || op.has("clip") || op.integer("layout") != 0) return false;
    return !lstm || op.integer("input_forget") == 0;
}
}  // namespace

void recurrent(const LowerContext& c, std::vector<Candidate>& list) {
    const bool lstm = c.node.op == "LSTM";
    const Tensor *w = c.constant(1), *r = c.constant(2), *b = c.constant(3);
    if (!w || !r || (c.given(3) && !b) || w->dtype() != DType::f32 || c.in_dtype(0) != DType::f32 || !plain(c, lstm)) return;
    const OpContext op = c.op();
    const std::string& direction = op.text("direction");
    hone::recurrent::Spec s;
    s.cell = lstm ? hone::recurrent::Cell::lstm : hone::recurrent::Cell::gru;
    s.direction = direction == "reverse" ? hone::recurrent::Direction::reverse
                  : direction == "bidirectional" ? hone::recurrent::Direction::bidirectional : hone::recurrent::Direction::forward;
    const Dims x = c.in(0);
    s.input = x[2];
    s.hidden = r->dim(2);
    s.linear_before_reset = !lstm && op.integer("linear_before_reset") != 0;
    if (count_of(x) == 0 || s.hidden == 0) return;
    const Tensor weights = *w, recurrence = *r, bias = b ? *b : Tensor();
    const bool h0 = c.given(5), c0 = lstm && c.given(6);
    const size_t outputs = c.node.outputs.size();
    Candidate k;
    k.name = "recurrent";
    k.packed = {1, 2, 3};
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        auto cell = std::make_shared<hone::recurrent::Recurrent>(s, weights.data<float>(), recurrence.data<float>(), bias.defined() ? bias.data<float>() : nullptr);
        return step_kernel(lstm ? "recurrent lstm" : "recurrent gru", [=](const StepArgs& a) {
            auto result = [&](size_t i) { return i < outputs ? out<float>(a, i) : nullptr; };
            cell->run({.x = in<float>(a, 0), .steps = x[0], .batch = x[1], .h0 = h0 ? in<float>(a, 5) : nullptr, .c0 = c0 ? in<float>(a, 6) : nullptr,
                       .y = result(0), .y_h = result(1), .y_c = lstm ? result(2) : nullptr, .scratch = a.scratch});
        }, cell->scratch_bytes(x[0], x[1]));
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
