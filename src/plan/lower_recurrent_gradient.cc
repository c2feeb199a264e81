// SPDX-License-Identifier: Apache-2.0
// hone.RNNGrad, hone.LSTMGrad and hone.GRUGrad on our kernel, which reads the states in Y.
#include "kernel/recurrent/recurrent_gradient.h"
#include "plan/recurrent_spec.h"

namespace hone::lower {

void recurrent_gradient(const LowerContext& c, std::vector<Candidate>& list) {
    const bool lstm = c.node.op == "LSTMGrad";
    const size_t y = lstm ? 8 : 6, inputs = c.node.inputs.size(), outputs = c.node.outputs.size();
    const std::optional<recurrent::Spec> spec = recurrent_spec(c, recurrent_cell(c.node.op));
    if (!spec || !c.given(y) || !all_f32(c, {0, 1, 2, 3, 5, 6, 8, 9, 10, 11})) return;
    const Dims x = c.in(0);
    const std::string name = cat("recurrent ", c.node.op);
    Candidate k;
    k.name = "recurrent_gradient";
    k.isa = Isa::avx2;
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        const recurrent::RecurrentGradient back(*spec, x[0], x[1]);
        return step_kernel(name, [=](const StepArgs& a) {
            const auto result = [&](size_t i) { return i < outputs ? out<float>(a, i) : nullptr; };
            const auto given = [&](size_t i) { return i < inputs ? in<float>(a, i) : nullptr; };
            back.run({.x = in<float>(a, 0), .w = in<float>(a, 1), .r = in<float>(a, 2), .b = given(3), .h0 = given(5), .c0 = lstm ? given(6) : nullptr,
                      .y = in<float>(a, y), .dy = given(y + 1), .dy_h = given(y + 2), .dy_c = lstm ? given(y + 3) : nullptr,
                      .dx = result(0), .dw = result(1), .dr = result(2), .db = result(3), .dh0 = result(4), .dc0 = lstm ? result(5) : nullptr, .scratch = a.scratch});
        }, back.scratch_bytes());
    };
    list.push_back(std::move(k));
}

}  // namespace hone::lower
