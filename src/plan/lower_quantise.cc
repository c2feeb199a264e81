// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear and the int8 residual addition on our vector kernels.
#include <algorithm>
#include <cstring>

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

/// An operand that repeats along the leading dims of y: elements until it does, its whole size where it does not. 0: it
/// is broadcast otherwise.
int64_t period_of(Dims d, const Dims& y) {
    while (!d.empty() && d.front() == 1) d.erase(d.begin());
    return d.size() <= y.size() && std::equal(d.begin(), d.end(), y.end() - static_cast<long>(d.size())) ? count_of(d) : 0;
}
/// `t` written `times` times in a row.
Tensor repeated(const Tensor& t, int64_t times) {
    Tensor out = Tensor::zeros(t.dtype(), {t.count() * times});
    for (int64_t i = 0; i < times; ++i) std::memcpy(static_cast<char*>(out.raw_mut()) + static_cast<size_t>(i) * t.bytes(), t.raw(), t.bytes());
    return out;
}
constexpr int64_t kShortPeriod = 1024;

void q_add(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims y = c.out();
    const int64_t count = count_of(y);
    int64_t period[2];
    Tensor constant[2];
    for (size_t i : {0u, 1u}) {
        period[i] = period_of(c.in(i), y);
        if (period[i] == 0 || count == 0) return;
        if (period[i] == count || period[i] >= kShortPeriod) continue;
        if (!c.constant(i)) return;
        constant[i] = repeated(*c.constant(i), (kShortPeriod + period[i] - 1) / period[i]);
        period[i] = constant[i].count();
    }
    const bool whole = c.in(0) == y && c.in(1) == y;
    const int64_t block = std::min(period[0], period[1]);
    if (!whole && std::max(period[0], period[1]) < count) return;  // both are broadcast
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
    k.layout = whole ? LayoutRule::any : LayoutRule::plain;
    for (int i : {0, 1})
        if (c.in(static_cast<size_t>(i)) == y) k.in_place.push_back(i);
    if (!whole) {
        const Tensor fixed[2] = {constant[0], constant[1]};
        const bool repeats[2] = {period[0] < count, period[1] < count};
        k.make = [=](Layout) {
            return step_kernel("vector q_add", [=](const StepArgs& a) {
                const uint8_t* from[2];
                for (size_t i : {0u, 1u}) from[i] = fixed[i].defined() ? static_cast<const uint8_t*>(fixed[i].raw()) : in<uint8_t>(a, i);
                parallel_ranges((n + block - 1) / block, std::max<int64_t>(1, kGrain / block), [&](int64_t first, int64_t last) {
                    for (int64_t o = first * block; o < std::min(n, last * block); o += block)
                        vec::table().q_add(s, from[0] + (repeats[0] ? 0 : o), from[1] + (repeats[1] ? 0 : o), out<uint8_t>(a) + o, std::min(block, n - o));
                });
            });
        };
        list.push_back(std::move(k));
        return;
    }
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
