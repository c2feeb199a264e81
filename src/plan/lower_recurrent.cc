// SPDX-License-Identifier: Apache-2.0
// RNN, LSTM and GRU with the default activations (RNN: or relu) on our recurrent kernels: constant weights (f32, bf16, s8)
// are packed once, those that are values in every run.
#include <algorithm>
#include <cmath>

#include "op/fused.h"
#include "op/rnn_cell.h"
#include "plan/recurrent_spec.h"

namespace hone::lower {

namespace {
bool plain(const LowerContext& c, recurrent::Cell cell) {
    const OpContext op = c.op();
    const bool lstm = cell == recurrent::Cell::lstm;
    if (c.given(4) || (lstm && c.given(7))) return false;
    const std::vector<std::string> defaults = default_activations(recurrent::gates_of(cell));
    const std::vector<std::string>& acts = op.texts("activations");
    for (size_t i = 0; i < acts.size(); ++i)
        if (acts[i] != (cell == recurrent::Cell::rnn_relu ? "Relu" : defaults[i % defaults.size()])) return false;
    if (!op.reals("activation_alpha").empty() || !op.reals("activation_beta").empty() || op.has("clip") || op.integer("layout") != 0) return false;
    return !lstm || op.integer("input_forget") == 0;
}
}  // namespace

bool all_f32(const LowerContext& c, std::initializer_list<size_t> inputs) {
    return std::all_of(inputs.begin(), inputs.end(), [&](size_t i) { return !c.given(i) || c.in_dtype(i) == DType::f32; });
}

recurrent::Cell recurrent_cell(const std::string& op) {
    return op.starts_with("LSTM") ? recurrent::Cell::lstm : op.starts_with("GRU") ? recurrent::Cell::gru : recurrent::Cell::rnn;
}

std::optional<recurrent::Spec> recurrent_spec(const LowerContext& c, recurrent::Cell cell) {
    const OpContext op = c.op();
    if (cell == recurrent::Cell::rnn && !op.texts("activations").empty() && op.texts("activations")[0] == "Relu") cell = recurrent::Cell::rnn_relu;
    if (!plain(c, cell) || count_of(c.in(0)) == 0) return {};
    using recurrent::Direction;
    const std::string& direction = op.text("direction");
    recurrent::Spec s;
    s.cell = cell;
    s.direction = direction == "reverse" ? Direction::reverse : direction == "bidirectional" ? Direction::bidirectional : Direction::forward;
    s.input = c.in(0)[2];
    s.hidden = c.in(2)[2];
    s.linear_before_reset = cell == recurrent::Cell::gru && op.integer("linear_before_reset") != 0;
    return s;
}

namespace {
/// A training step's weights are values.
void with_values(const LowerContext& c, const recurrent::Spec& s, std::vector<Candidate>& list) {
    if (!all_f32(c, {0, 1, 2, 3, 5, 6})) return;
    const bool lstm = s.cell == recurrent::Cell::lstm, b = c.given(3), h0 = c.given(5), c0 = lstm && c.given(6);
    const Dims x = c.in(0);
    const size_t outputs = c.node.outputs.size();
    const std::string name = cat("recurrent ", c.node.op, ", weights packed in every run");
    Candidate k;
    k.name = "recurrent";
    k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
        const recurrent::Recurrent cell(s);
        const size_t packed = (cell.packed_bytes() + 63) / 64 * 64;
        return step_kernel(name, [=](const StepArgs& a) {
            const auto result = [&](size_t i) { return i < outputs ? out<float>(a, i) : nullptr; };
            const recurrent::Recurrent ready = cell.with_weights(in<float>(a, 1), in<float>(a, 2), b ? in<float>(a, 3) : nullptr, a.scratch);
            ready.run({.x = in<float>(a, 0), .steps = x[0], .batch = x[1], .h0 = h0 ? in<float>(a, 5) : nullptr, .c0 = c0 ? in<float>(a, 6) : nullptr,
                       .y = result(0), .y_h = result(1), .y_c = lstm ? result(2) : nullptr, .scratch = static_cast<char*>(a.scratch) + packed});
        }, packed + cell.scratch_bytes(x[0], x[1]));
    };
    list.push_back(std::move(k));
}
}  // namespace

void recurrent(const LowerContext& c, std::vector<Candidate>& list) {
    namespace rec = hone::recurrent;
    const rec::Cell cell_kind = recurrent_cell(c.node.op);
    const bool lstm = cell_kind == rec::Cell::lstm;
    const Tensor *w = c.constant(1), *r = c.constant(2), *b = c.constant(3);
    const std::optional<rec::Spec> spec = recurrent_spec(c, cell_kind);
    if (!spec) return;
    const rec::Spec s = *spec;
    if (c.node.domain.empty() && (!w || !r || (c.given(3) && !b))) return with_values(c, s, list);
    if (!w || !r || (c.given(3) && !b) || w->dtype() != r->dtype() || c.in_dtype(0) != DType::f32) return;
    const Dims x = c.in(0);
    const size_t scales = recurrent_scales_at(c.node.op);
    const bool fused = !c.node.domain.empty();
    const Tensor *ws = fused ? c.constant(scales) : nullptr, *rs = fused ? c.constant(scales + 1) : nullptr;
    const Tensor weights = *w, recurrence = *r, bias = b ? *b : Tensor(), w_scale = ws ? *ws : Tensor(), r_scale = rs ? *rs : Tensor();
    const bool h0 = c.given(5), c0 = lstm && c.given(6);
    const size_t outputs = c.node.outputs.size();
    // Exporters give zeros; a state within [-1, 1] fits the steps of the s8 kernel.
    bool bounded = !h0 || c.constant(5);
    for (int64_t i = 0; h0 && bounded && i < c.constant(5)->count(); ++i) bounded = std::abs(c.constant(5)->at(i)) <= 1;
    const auto offer = [&](const char* form, Isa isa, auto build) {
        Candidate k;
        k.name = cat("recurrent", form);
        k.isa = isa;
        k.packed = {1, 2, 3};
        if (fused) k.packed.insert(k.packed.end(), {static_cast<int>(scales), static_cast<int>(scales) + 1});
        std::erase_if(k.packed, [&](int i) { return !c.given(static_cast<size_t>(i)); });
        const std::string name = cat("recurrent ", lstm ? "lstm" : cell_kind == rec::Cell::gru ? "gru" : "rnn", form);
        k.make = [=](Layout) -> std::unique_ptr<StepKernel> {
            const std::shared_ptr<rec::Recurrent> cell = build(bias.defined() ? bias.data<float>() : nullptr);
            return step_kernel(name, [=](const StepArgs& a) {
                auto result = [&](size_t i) { return i < outputs ? out<float>(a, i) : nullptr; };
                cell->run({.x = in<float>(a, 0), .steps = x[0], .batch = x[1], .h0 = h0 ? in<float>(a, 5) : nullptr, .c0 = c0 ? in<float>(a, 6) : nullptr,
                           .y = result(0), .y_h = result(1), .y_c = lstm ? result(2) : nullptr, .scratch = a.scratch});
            }, cell->scratch_bytes(x[0], x[1]));
        };
        list.push_back(std::move(k));
    };
    const auto real = [](const Tensor& t, const Tensor& scale) {
        Tensor f = t.cast(DType::f32);
        if (scale.defined())
            for (int64_t i = 0; i < f.count(); ++i) f.data<float>()[i] *= scale.data<float>()[scale.count() == 1 ? 0 : i / t.dim(2) % t.dim(1)];
        return f;
    };
    if (w->dtype() == DType::i8 && ws && rs && bounded && s.input <= 65536 && s.hidden <= 65536)
        offer(" s8", Isa::avx512_vnni, [=](const float* bias_of) {
            const rec::Quantised q{weights.data<int8_t>(), recurrence.data<int8_t>(), w_scale.data<float>(), r_scale.data<float>(), w_scale.count(), r_scale.count()};
            return std::make_shared<rec::Recurrent>(s, q, bias_of);
        });
    if (w->dtype() == DType::bf16)
        offer(" bf16", Isa::avx512_bf16, [=](const float* bias_of) {
            const Tensor wf = real(weights, w_scale), rf = real(recurrence, r_scale);
            return std::make_shared<rec::Recurrent>(s, wf.data<float>(), rf.data<float>(), bias_of, rec::Recurrent::InBf16{});
        });
    offer("", Isa::scalar, [=](const float* bias_of) {
        const Tensor wf = real(weights, w_scale), rf = real(recurrence, r_scale);
        return std::make_shared<rec::Recurrent>(s, wf.data<float>(), rf.data<float>(), bias_of);
    });
}

}  // namespace hone::lower
