// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear and the int8 operators that are no products on our vector kernels.
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

vec::Int int_of(DType t) { return t == DType::u8 ? vec::Int::u8 : vec::Int::s8; }

void q_table(const LowerContext& c, std::vector<Candidate>& list) {
    const Tensor* t = c.constant(1);
    if (!t || t->count() != 256 || !passes::is_byte(t->dtype()) || !passes::is_byte(c.in_dtype(0))) return;
    const int64_t n = count_of(c.out());
    const Tensor entries = *t;
    Candidate k;
    k.name = "vector_table";
    k.layout = LayoutRule::any;
    k.in_place = {0};
    k.packed = {1};
    k.make = [=](Layout) {
        return step_kernel("vector table", [=](const StepArgs& a) {
            parallel_ranges(n, kGrain * 4, [&](int64_t b, int64_t e) { vec::table().lookup8(static_cast<const uint8_t*>(entries.raw()), in<uint8_t>(a, 0) + b, out<uint8_t>(a) + b, e - b); });
        });
    };
    list.push_back(std::move(k));
}

/// Both sides alike in any layout, or a gate a channel ([n, c, 1, ...]) channels last.
void q_mul(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims a = c.in(0), b = c.in(1), y = c.out();
    const bool alike = a == y && b == y;
    const bool gate = a == y && y.size() >= 3 && b.size() == y.size() && b[0] == y[0] && b[1] == y[1] && count_of(Dims(b.begin() + 2, b.end())) == 1;
    if (!alike && !gate) return;
    const OpContext op = c.op();
    vec::QMul s;
    s.a_type = int_of(c.in_dtype(0));
    s.b_type = int_of(c.in_dtype(1));
    s.y_type = int_of(c.out_dtype());
    s.a_zero = static_cast<int32_t>(op.integer("a_zero_point"));
    s.b_zero = static_cast<int32_t>(op.integer("b_zero_point"));
    s.y_zero = static_cast<int32_t>(op.integer("y_zero_point"));
    s.scale = op.real("scale");
    Candidate k;
    k.name = "vector_q_mul";
    k.layout = alike ? LayoutRule::any : LayoutRule::channels_last;
    k.in_place = {0};
    const int64_t n = count_of(y);
    if (alike) {
        k.make = [=](Layout) {
            return step_kernel("vector q_mul", [=](const StepArgs& args) {
                parallel_ranges(n, kGrain, [&](int64_t from, int64_t to) { vec::table().q_mul(s, in<uint8_t>(args, 0) + from, in<uint8_t>(args, 1) + from, out<uint8_t>(args) + from, 1, to - from, false); });
            });
        };
    } else {
        const int64_t channels = y[1], each = n / std::max<int64_t>(1, y[0] * channels), rows = y[0] * each;
        k.make = [=](Layout) {
            return step_kernel("vector q_mul", [=](const StepArgs& args) {
                parallel_ranges(rows, std::max<int64_t>(1, kGrain / channels), [&](int64_t from, int64_t to) {
                    while (from < to) {  // a sample at a time
                        const int64_t sample = from / each, end = std::min(to, (sample + 1) * each);
                        vec::table().q_mul(s, in<uint8_t>(args, 0) + from * channels, in<uint8_t>(args, 1) + sample * channels, out<uint8_t>(args) + from * channels, end - from, channels, true);
                        from = end;
                    }
                });
            });
        };
    }
    list.push_back(std::move(k));
}

void q_average(const LowerContext& c, std::vector<Candidate>& list) {
    const Dims d = c.in(0);
    const OpContext op = c.op();
    const float scale = op.real("scale");
    const auto y_zero = static_cast<int32_t>(op.integer("y_zero_point"));
    const int64_t n = d[0], channels = d[1], inner = count_of(Dims(d.begin() + 2, d.end()));
    const auto shift = static_cast<int32_t>(inner * op.integer("x_zero_point"));
    const int x_type = byte_index(c.in_dtype(0)), y_type = byte_index(c.out_dtype());
    Candidate k;
    k.name = "vector_q_average";
    k.layout = LayoutRule::any;
    k.make = [=](Layout layout) {
        return step_kernel("vector q_average", [=](const StepArgs& a) {
            auto* sums = static_cast<int32_t*>(a.scratch);
            if (layout == Layout::plain) vec::table().sum_middle[x_type](a.in[0], sums, n * channels, inner, 1);
            else vec::table().sum_middle[x_type](a.in[0], sums, n, inner, channels);
            for (int64_t i = 0; i < n * channels; ++i) sums[i] -= shift;
            vec::table().requantize[y_type](sums, &scale, 1, y_zero, a.out[0], n, channels);
        }, static_cast<size_t>(n * channels) * sizeof(int32_t));
    };
    list.push_back(std::move(k));
}

}  // namespace

void quantise(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "QAdd") q_add(c, list);
    else if (c.node.op == "QMul") q_mul(c, list);
    else if (c.node.op == "QTable") q_table(c, list);
    else if (c.node.op == "QGlobalAveragePool") q_average(c, list);
    else linear(c, list);
}

}  // namespace hone::lower
