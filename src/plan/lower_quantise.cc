// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear and the int8 residual addition on our vector kernels.
#include "kernel/vector/vector.h"
#include "pass/match.h"
#include "plan/lower.h"

namespace hone::lower {

namespace {

constexpr int64_t kGrain = 32768;
int byte_index(DType t) { return t == DType::u8 ? static_cast<int>(vec::Int::u8) : static_cast<int>(vec::Int::s8); }

void linear(const LowerContext& c, std::vector<Candidate>& list) {
    const auto p = passes::quant_params(c.graph, c.node);
    if (!p || !p->per_tensor()) return;
    const bool quantize = c.node.op == "QuantizeLinear";
    const int64_t n = count_of(c.out());
    const float scale = p->scale.data<float>()[0];
    const auto zero = static_cast<int32_t>(p->zero_point);
    Candidate k;
    k.name = quantize ? "vector_quantize" : "vector_dequantize";
    k.layout = LayoutRule::any;
    if (quantize) {
        if (c.in_dtype(0) != DType::f32 || !passes::is_byte(c.out_dtype())) return;
        const int type = byte_index(c.out_dtype());
        k.make = [=](Layout) {
            return step_kernel("vector quantize", [=](const StepArgs& a) {
                parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { vec::table().quantize[type](in<float>(a, 0) + b, scale, zero, out<uint8_t>(a) + b, e - b); });
            });
        };
    } else {
        if (c.out_dtype() != DType::f32 || !passes::is_byte(c.in_dtype(0))) return;
        const int type = byte_index(c.in_dtype(0));
        k.make = [=](Layout) {
            return step_kernel("vector dequantize", [=](const StepArgs& a) {
                parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { vec::table().dequantize[type](in<uint8_t>(a, 0) + b, scale, zero, out<float>(a) + b, e - b); });
            });
        };
    }
    list.push_back(std::move(k));
}

void q_add(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.in(0) != c.out() || c.in(1) != c.out()) return;
    const OpContext op = c.op();
    vec::QAdd s;
    auto type = [](DType t) { return t == DType::u8 ? vec::Int::u8 : vec::Int::s8; };
    s.a_type = type(c.in_dtype(0));
    s.b_type = type(c.in_dtype(1));
    s.y_type = type(c.out_dtype());
    s.a_zero = static_cast<int32_t>(op.integer("a_zero_point"));
    s.b_zero = static_cast<int32_t>(op.integer("b_zero_point"));
    s.y_zero = static_cast<int32_t>(op.integer("y_zero_point"));
    s.a_scale = op.real("a_scale");
    s.b_scale = op.real("b_scale");
    s.relu = op.text("activation") == "Relu";
    const int64_t n = count_of(c.out());
    Candidate k;
    k.name = "vector_q_add";
    k.layout = LayoutRule::any;
    k.in_place = {0, 1};
    k.make = [=](Layout) {
        return step_kernel("vector q_add", [=](const StepArgs& a) {
            parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { vec::table().q_add(s, in<uint8_t>(a, 0) + b, in<uint8_t>(a, 1) + b, out<uint8_t>(a) + b, e - b); });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

void quantise(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "QAdd") q_add(c, list);
    else linear(c, list);
}

}  // namespace hone::lower
