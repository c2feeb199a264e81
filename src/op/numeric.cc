// SPDX-License-Identifier: Apache-2.0
#include "op/numeric.h"

#include <cmath>
#include <limits>
#include <type_traits>

namespace hone {

bool is_number(DType t) { return is_float(t) || is_integer(t); }
bool is_number_or_bool(DType t) { return is_number(t) || t == DType::boolean; }

DType require_type(const InferContext& c, std::initializer_list<size_t> inputs, bool (*accepts)(DType),
                   const char* expected) {
    DType type = DType::undefined;
    for (size_t i : inputs) {
        if (!c.given(i)) continue;
        const TypeInfo& t = c.in[i];
        if (t.kind == TypeInfo::Kind::sequence || t.kind == TypeInfo::Kind::optional)
            c.refuse(cat("input ", static_cast<unsigned long>(i), " is ", to_text(t), "; expected a tensor"));
        if (t.dtype == DType::undefined) continue;
        if (!accepts(t.dtype))
            c.refuse(cat("input ", static_cast<unsigned long>(i), " is ", dtype_name(t.dtype), "; expected ", expected));
        if (type == DType::undefined) type = t.dtype;
        if (type != t.dtype)
            c.refuse(cat("input ", static_cast<unsigned long>(i), " is ", dtype_name(t.dtype), "; expected ",
                         dtype_name(type), " as the inputs before it"));
    }
    return type;
}

DType float_to(const OpContext& c, DType t) {
    if (!c.has("to")) return t;
    const int64_t to = c.integer("to");
    if (to < 1 || to > 23 || !is_float(static_cast<DType>(to))) c.refuse(cat("attribute 'to' is ", to, "; expected a float type"));
    return static_cast<DType>(to);
}

void require_shape(const InferContext& c, size_t i, const Shape& expected, const char* what) {
    if (!c.given(i) || !c.rank_known(i)) return;
    const Shape& got = c.shape(i);
    bool same = got.size() == expected.size();
    for (size_t k = 0; same && k < got.size(); ++k)
        same = !got[k].known() || !expected[k].known() || got[k].value == expected[k].value;
    if (!same) c.refuse(cat(what, " has shape ", to_text(got), "; expected ", to_text(expected)));
}

void require_rank(const InferContext& c, size_t i, size_t low, size_t high) {
    if (!c.given(i) || !c.rank_known(i)) return;
    const size_t rank = c.shape(i).size();
    if (rank >= low && rank <= high) return;
    const auto number = [](size_t v) { return static_cast<unsigned long>(v); };
    c.refuse(cat("input ", number(i), " has rank ", number(rank), "; expected ", number(low),
                 high == low ? std::string() : high > 64 ? std::string(" or more") : cat(" to ", number(high))));
}

void require_one(const InferContext& c, size_t i, const char* what) {
    if (!c.given(i) || !c.rank_known(i)) return;
    for (const Dim& d : c.shape(i))
        if (d.known() && d.value != 1) c.refuse(cat(what, " has shape ", to_text(c.shape(i)), "; expected one number"));
}
void require_one_or(const InferContext& c, size_t i, const Dim& n, const char* what) {
    if (!c.given(i) || !c.rank_known(i)) return;
    const Shape& s = c.shape(i);
    if (s.empty() || (s.size() == 1 && (!s[0].known() || s[0].value == 1 || !n.known() || s[0].value == n.value))) return;
    c.refuse(cat(what, " has shape ", to_text(s), "; expected one number or ", to_text(Shape{n})));
}

Dim agree(const OpContext& c, const Dim& a, const Dim& b, const char* what) {
    if (a.known() && b.known() && a.value != b.value)
        c.refuse(cat(what, " disagree: ", a.value, " and ", b.value));
    if (a.known()) return a;
    if (b.known()) return b;
    return a.symbol.empty() ? b : a;
}

Dim product(const Shape& s, size_t begin, size_t end) {
    if (end == begin + 1) return s[begin];
    int64_t n = 1;
    for (size_t i = begin; i < end; ++i) {
        if (!s[i].known()) return {};
        n = checked_mul(n, s[i].value);
    }
    return n;
}

int64_t count_between(const Dims& d, size_t begin, size_t end) {
    return count_of(Dims(d.begin() + static_cast<std::ptrdiff_t>(begin), d.begin() + static_cast<std::ptrdiff_t>(end)));
}

template <class T>
std::vector<T> values(const Tensor& t) {
    std::vector<T> v(static_cast<size_t>(t.count()));
    if (t.dtype() == DType::f32 && std::is_same_v<T, double>) {
        const float* p = t.data<float>();
        for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<T>(p[i]);
        return v;
    }
    for (size_t i = 0; i < v.size(); ++i) {
        if constexpr (std::is_same_v<T, double>) v[i] = t.at(static_cast<int64_t>(i));
        else v[i] = t.at_int(static_cast<int64_t>(i));
    }
    return v;
}
template std::vector<double> values<double>(const Tensor&);
template std::vector<int64_t> values<int64_t>(const Tensor&);

template <class T>
void assign(Tensor& t, const std::vector<T>& v) {
    HONE_CHECK(static_cast<int64_t>(v.size()) == t.count());
    for (size_t i = 0; i < v.size(); ++i) {
        if constexpr (std::is_same_v<T, double>) t.set(static_cast<int64_t>(i), v[i]);
        else t.set_int(static_cast<int64_t>(i), v[i]);
    }
}
template void assign<double>(Tensor&, const std::vector<double>&);
template void assign<int64_t>(Tensor&, const std::vector<int64_t>&);

int64_t saturate(int64_t v, DType t) {
    const auto within = [&](int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; };
    switch (t) {
        case DType::u8: return within(0, 255);
        case DType::i8: return within(-128, 127);
        case DType::u16: return within(0, 65535);
        case DType::i16: return within(-32768, 32767);
        case DType::i32: return within(std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
        case DType::u32: return within(0, std::numeric_limits<uint32_t>::max());
        default: return v;
    }
}

int64_t round_saturate(double v, DType t) {
    if (std::isnan(v)) return 0;
    const double r = std::nearbyint(v);
    constexpr double bound = 4611686018427387904.0;  // 2^62: fits, and past every narrower type
    return saturate(static_cast<int64_t>(r > bound ? bound : r < -bound ? -bound : r), t);
}

int64_t requantise(int64_t acc, float m, int64_t zero, DType t) {
    const float scaled = static_cast<float>(acc) * m;
    if (std::isnan(scaled)) return saturate(zero, t);
    const double r = std::nearbyint(static_cast<double>(scaled)) + static_cast<double>(zero);
    return round_saturate(r, t);
}

void put_after(Graph& g, ValueId output, ValueId by, NodeId keeper) {
    g.replace_uses(output, by);
    for (size_t i = 0; i < g.node(keeper).inputs.size(); ++i)
        if (g.node(keeper).inputs[i] == by) g.set_input(keeper, i, output);
}

}  // namespace hone
