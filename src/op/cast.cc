// SPDX-License-Identifier: Apache-2.0
// Cast and CastLike between numbers, booleans and strings. Floats to integers truncate (and saturate where C leaves it
// open); integers to narrower integers keep the low bits. 8-bit floats and 4-bit integers are not held.
#include <charconv>
#include <cmath>
#include <limits>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

bool is_castable(DType t) { return is_number_or_bool(t) || t == DType::string; }

DType target(const OpContext& c) {
    const int64_t to = c.integer("to");
    if (to < 1 || to > 23) c.refuse(cat("attribute 'to' is ", to, "; expected an element type"));
    const auto t = static_cast<DType>(to);
    if (to > 16 || !is_castable(t)) c.unsupported(cat("casts to element type ", to));
    return t;
}

void infer_to(InferContext& c, DType to) {
    const DType from = c.dtype(0);
    if (from != DType::undefined && !is_castable(from)) c.unsupported(cat("casts from ", dtype_name(from)));
    if ((from == DType::string && to == DType::boolean) || (from == DType::boolean && to == DType::string))
        c.unsupported("casts between bool and string");
    if (c.rank_known(0))
        c.set(0, to, c.shape(0));
    else
        c.set(0, to);
}
void infer_cast(InferContext& c) { infer_to(c, target(c)); }
void infer_cast_like(InferContext& c) { infer_to(c, c.dtype(1)); }

template <class T>
std::string shortest(T v) {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(v)) return "NaN";
        if (std::isinf(v)) return v > 0 ? "INF" : "-INF";
    }
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, v).ptr;
    return {text, end};
}

std::string to_string(const Tensor& t, int64_t i) {
    switch (t.dtype()) {
        case DType::f64: return shortest(t.at(i));
        case DType::f32:
        case DType::f16:
        case DType::bf16: return shortest(static_cast<float>(t.at(i)));
        case DType::u64: return shortest(static_cast<uint64_t>(t.at_int(i)));
        default: return shortest(t.at_int(i));
    }
}

template <class T>
T parse(const OpContext& c, std::string_view text) {
    std::string_view s = text;
    while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    if (s.starts_with('+') && !s.starts_with("+-")) s.remove_prefix(1);
    T v{};
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (error == std::errc::result_out_of_range && std::is_floating_point_v<T>)
        return static_cast<T>(std::strtod(std::string(s).c_str(), nullptr));
    if (error != std::errc() || end != s.data() + s.size())
        c.refuse(cat("'", std::string(text.substr(0, 40)), "' is not a number"));
    return v;
}

void from_string(const OpContext& c, const std::string& s, Tensor& to, int64_t i) {
    if (to.dtype() == DType::u64) return to.set_int(i, static_cast<int64_t>(parse<uint64_t>(c, s)));
    if (!is_float(to.dtype())) return to.set_int(i, parse<int64_t>(c, s));
    to.set(i, parse<double>(c, s));
}

void run_cast(RefContext& c) {
    const Tensor& x = c.in[0];
    Tensor& y = c.out[0];
    if (x.dtype() == y.dtype()) return copy_all(x, y);
    const bool by_int = !is_float(x.dtype()) && !is_float(y.dtype());
    const bool wide_unsigned = x.dtype() == DType::u64;
    for (int64_t i = 0; i < x.count(); ++i) {
        if (x.dtype() == DType::string)
            from_string(c, x.str(i), y, i);
        else if (y.dtype() == DType::string)
            y.str(i) = to_string(x, i);
        else if (by_int)
            y.set_int(i, x.at_int(i));
        else if (y.dtype() == DType::f32 && is_integer(x.dtype()) && !wide_unsigned)
            y.data<float>()[i] = static_cast<float>(x.at_int(i));  // rounded once
        else
            y.set(i, x.at(i));
    }
}

void gradient_cast(GradientContext& c) { c.give(0, c.b.cast(c.dy(), c.b.dtype(c.x()))); }

/// Before 6 `to` was the type's name in the format's schema. `round_mode` is of 24 and speaks of 8-bit floats.
void upgrade_cast(Graph& g, NodeId n, int from) {
    if (from >= 24) drop_attribute(g, n, "round_mode");
    if (from >= 6) return;
    static constexpr const char* names[] = {"UNDEFINED", "FLOAT", "UINT8", "INT8", "UINT16", "INT16", "INT32", "INT64",
                                            "STRING", "BOOL", "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    const std::string to = text_or(g.node(n), "to", "");
    for (size_t i = 1; i < std::size(names); ++i)
        if (to == names[i]) g.node(n).attributes["to"] = static_cast<int64_t>(i);
}

/// The attribute is of 19 and speaks of 8-bit floats, which are not held.
void forget_saturate(Graph& g, NodeId n) { drop_attribute(g, n, "saturate"); }

int downgrade_cast(Graph& g, NodeId n, int to) {
    const auto bf16 = static_cast<int64_t>(DType::bf16);
    if (to < 19) forget_saturate(g, n);
    const bool needs_13 = integer_or(g.node(n), "to", 1) == bf16 || input_type(g, n, 0, DType::f32) == DType::bf16;
    if (to < 13 && needs_13) return 13;
    const bool strings = integer_or(g.node(n), "to", 1) == static_cast<int64_t>(DType::string) ||
                         input_type(g, n, 0, DType::f32) == DType::string;
    return to < 9 && strings ? 9 : to;
}

int downgrade_cast_like(Graph& g, NodeId n, int to) {
    if (to >= 19) return to;
    forget_saturate(g, n);
    if (to >= 15) return to;
    const DType t = input_type(g, n, 1, DType::undefined);
    if (t == DType::undefined) return 15;
    omit_input(g, n, 1);
    g.node(n).op = "Cast";
    g.node(n).attributes["to"] = static_cast<int64_t>(t);
    return downgrade_cast(g, n, to);
}

AttrSpec saturate_attribute() { return {"saturate", AttrKind::integer, int64_t{1}}; }

}  // namespace

std::vector<OpDecl> cast() {
    return {
        {.name = "Cast",
         .min_inputs = 1,
         .max_inputs = 1,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {{"to", AttrKind::integer, std::nullopt, true}, saturate_attribute()},
         .infer = infer_cast,
         .reference = run_cast,
         .elementwise = true,
         .gradient = gradient_cast,
         .upgrade = upgrade_cast,
         .downgrade = downgrade_cast},
        {.name = "CastLike",
         .min_inputs = 2,
         .max_inputs = 2,
         .min_outputs = 1,
         .max_outputs = 1,
         .attributes = {saturate_attribute()},
         .infer = infer_cast_like,
         .reference = run_cast,
         .gradient = gradient_cast,
         .upgrade = upgrade_cast,
         .downgrade = downgrade_cast_like,
         .since = 15},
    };
}

}  // namespace hone::ops
