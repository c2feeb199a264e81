// SPDX-License-Identifier: Apache-2.0
// f32 elementwise operators on our vector kernels, in any layout; casts.
#include <limits>
#include <map>

#include "pass/match.h"
#include "plan/elementwise.h"

namespace hone::lower {

namespace {

constexpr int64_t kGrain = 16384;  // elements a chunk: about 10 us of work

}  // namespace

std::optional<UnaryChoice> unary_of(const LowerContext& c) {
    using U = vec::Unary;
    static const std::map<std::string, U> plain = {
        {"Relu", U::relu}, {"Sigmoid", U::sigmoid}, {"Tanh", U::tanh}, {"Silu", U::silu}, {"HardSwish", U::hard_swish},
        {"Erf", U::erf}, {"Exp", U::exp}, {"Log", U::log}, {"Sqrt", U::sqrt}, {"Reciprocal", U::reciprocal},
        {"Abs", U::abs}, {"Neg", U::neg}, {"Floor", U::floor}, {"Ceil", U::ceil}, {"Round", U::round},
        {"Softplus", U::softplus}, {"Sign", U::sign}};
    const Node& n = c.node;
    if (n.op == "Relu" && !n.domain.empty()) return std::nullopt;
    if (const auto it = plain.find(n.op); it != plain.end()) return UnaryChoice{it->second};
    const OpContext op = c.op();
    if (n.op == "LeakyRelu") return UnaryChoice{U::leaky_relu, op.real("alpha")};
    if (n.op == "Elu") return UnaryChoice{U::elu, op.real("alpha")};
    if (n.op == "HardSigmoid") return UnaryChoice{U::hard_sigmoid, op.real("alpha"), op.real("beta")};
    if (n.op == "Gelu") return UnaryChoice{op.text("approximate") == "tanh" ? U::gelu_tanh : U::gelu};
    if (n.op == "Clip")
        if (const auto a = passes::activation_of(c.graph, n)) return UnaryChoice{U::clip, a->alpha, a->beta};
    return std::nullopt;
}

namespace {
void unary(const LowerContext& c, const UnaryChoice& u, std::vector<Candidate>& list) {
    Candidate k;
    k.name = "vector_unary";
    k.layout = LayoutRule::any;
    k.in_place = {0};
    const int64_t n = count_of(c.out());
    k.make = [=](Layout) {
        return step_kernel("vector", [=](const StepArgs& a) {
            const auto f = vec::table().unary[static_cast<int>(u.op)];
            parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { f(in<float>(a, 0) + b, out<float>(a) + b, e - b, u.alpha, u.beta); });
        });
    };
    list.push_back(std::move(k));
}

}  // namespace

std::optional<vec::Binary> binary_of(const Node& n) {
    using B = vec::Binary;
    static const std::map<std::string, B> ops = {{"Add", B::add}, {"Sub", B::sub}, {"Mul", B::mul}, {"Div", B::div},
                                                 {"Max", B::max}, {"Min", B::min}, {"Pow", B::pow}, {"PRelu", B::prelu},
                                                 {"ReluGrad", B::relu_gradient}};
    const auto it = ops.find(n.op);
    if (it == ops.end() || n.inputs.size() != 2) return std::nullopt;
    return it->second;
}

namespace {
/// Pow with a constant exponent that a plainer function has.
bool power(const LowerContext& c, std::vector<Candidate>& list) {
    double e = 0;
    if (c.node.op != "Pow" || !scalar_constant(c.graph, c.node.in(1), &e) || c.in(0) != c.out()) return false;
    if (e == 0.5) return unary(c, {vec::Unary::sqrt}, list), true;
    if (e == -1) return unary(c, {vec::Unary::reciprocal}, list), true;
    if (e != 2) return false;
    Candidate k;
    k.name = "vector_square";
    k.layout = LayoutRule::any;
    k.in_place = {0};
    const int64_t n = count_of(c.out());
    k.make = [=](Layout) {
        return step_kernel("vector", [=](const StepArgs& a) {
            const auto f = vec::table().binary[static_cast<int>(vec::Binary::mul)].vv;
            parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { f(in<float>(a, 0) + b, in<float>(a, 0) + b, out<float>(a) + b, e - b); });
        });
    };
    list.push_back(std::move(k));
    return true;
}
}  // namespace

std::optional<Dims> operand_dims(const Dims& d, const Dims& y, Layout layout) {
    if (layout == Layout::plain) return d;
    if (d.size() == y.size()) return physical(d, layout);
    if (count_of(d) == 1) return Dims{};
    if (d.size() + 1 == y.size() && count_of(Dims(d.begin() + 1, d.end())) == 1) return Dims{d[0]};  // [C,1,1]
    return std::nullopt;
}

namespace {
void binary(const LowerContext& c, vec::Binary op, std::vector<Candidate>& list) {
    const Dims a = c.in(0), b = c.in(1), y = c.out();
    for (size_t i = 0; i < 2; ++i)
        if (c.in_dtype(i) != DType::f32) return;
    const bool any = operand_dims(a, y, Layout::channels_last) && operand_dims(b, y, Layout::channels_last);
    Candidate k;
    k.name = "vector_binary";
    k.layout = any ? LayoutRule::any : LayoutRule::plain;
    if (a == y) k.in_place.push_back(0);
    if (b == y) k.in_place.push_back(1);
    const int64_t n = count_of(y);
    k.make = [=](Layout layout) {
        const vec::Broadcast s = vec::make_broadcast(physical(y, layout), *operand_dims(a, y, layout), *operand_dims(b, y, layout));
        return step_kernel("vector", [=](const StepArgs& args) {
            const auto f = vec::table().binary[static_cast<int>(op)].nd;
            parallel_ranges(n, kGrain, [&](int64_t begin, int64_t end) { f(s, in<float>(args, 0), in<float>(args, 1), out<float>(args), begin, end); });
        });
    };
    list.push_back(std::move(k));
}

using ConvertLoop = void (*)(const void*, void*, int64_t);
template <class From, class To>
void convert(const void* x, void* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) static_cast<To*>(y)[i] = static_cast<To>(static_cast<const From*>(x)[i]);
}
/// Between f32, integers of 32 and 64 bits and bool (whose bytes are 0 and 1), where C's conversion is the reference's:
/// floats to integers saturate, which C leaves open.
ConvertLoop convert_loop(DType from, DType to) {
    const auto into = [to](auto zero) -> ConvertLoop {
        using From = decltype(zero);
        if (to == DType::f32) return convert<From, float>;
        if (to == DType::i32) return convert<From, int32_t>;
        if (to == DType::i64) return convert<From, int64_t>;
        if (to == DType::boolean) return convert<From, bool>;
        return nullptr;
    };
    if (from == DType::i32) return into(int32_t{});
    if (from == DType::i64) return into(int64_t{});
    if (from == DType::boolean) return into(uint8_t{});
    return nullptr;
}

void cast(const LowerContext& c, std::vector<Candidate>& list) {
    const DType from = c.in_dtype(0), to = c.out_dtype();
    const int64_t n = count_of(c.out());
    Candidate k;
    k.name = "vector_cast";
    k.layout = LayoutRule::any;
    auto narrow = [&](auto pick) {
        k.make = [=](Layout) {
            return step_kernel("vector cast", [=](const StepArgs& a) {
                parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { pick(vec::table())(in<float>(a, 0) + b, out<uint16_t>(a) + b, e - b); });
            });
        };
        list.push_back(k);
    };
    auto widen = [&](auto pick) {
        k.make = [=](Layout) {
            return step_kernel("vector cast", [=](const StepArgs& a) {
                parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { pick(vec::table())(in<uint16_t>(a, 0) + b, out<float>(a) + b, e - b); });
            });
        };
        list.push_back(k);
    };
    if (from == DType::f32 && to == DType::bf16) narrow([](const vec::Table& t) { return t.f32_to_bf16; });
    if (from == DType::f32 && to == DType::f16) narrow([](const vec::Table& t) { return t.f32_to_f16; });
    if (from == DType::bf16 && to == DType::f32) widen([](const vec::Table& t) { return t.bf16_to_f32; });
    if (from == DType::f16 && to == DType::f32) widen([](const vec::Table& t) { return t.f16_to_f32; });
    const ConvertLoop loop = convert_loop(from, to);
    if (list.empty() && loop) {
        k.make = [=](Layout) {
            return step_kernel("convert", [=](const StepArgs& a) {
                const auto* x = in<char>(a, 0);
                parallel_ranges(n, kGrain, [&](int64_t b, int64_t e) { loop(x + static_cast<size_t>(b) * dtype_size(from), out<char>(a) + static_cast<size_t>(b) * dtype_size(to), e - b); });
            });
        };
        list.push_back(k);
    }
}

}  // namespace

void elementwise(const LowerContext& c, std::vector<Candidate>& list) {
    if (c.node.op == "Cast") return cast(c, list);
    if (c.in_dtype(0) != DType::f32 || c.out_dtype() != DType::f32) return;
    if (power(c, list)) return;
    if (const auto b = binary_of(c.node)) return binary(c, *b, list);
    if (const auto u = unary_of(c)) unary(c, *u, list);
}

}  // namespace hone::lower
