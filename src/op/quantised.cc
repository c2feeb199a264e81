// SPDX-License-Identifier: Apache-2.0
// The runtime's operators on 8-bit integers beside the products: a table of 256 answers, the gated product, global
// average pooling. docs/int8.md says what they compute; the references here are that, plainly.
#include <algorithm>
#include <cmath>

#include "op/list.h"

namespace hone::ops {
namespace {

bool is_byte(DType t) { return t == DType::u8 || t == DType::i8; }

void infer_table(InferContext& c) {
    if (c.dtype(1) != DType::undefined && !is_byte(c.dtype(1))) c.refuse("expects a table of 8-bit integers");
    if (c.value(1) && c.value(1)->count() != 256) c.refuse("expects a table of 256 entries");
    c.set_like(0, 0);
    if (!c.out.empty()) c.out[0].dtype = c.dtype(1);
}
void run_table(RefContext& c) {
    for (int64_t i = 0; i < c.in[0].count(); ++i) c.out[0].set_int(i, c.in[1].at_int(c.in[0].at_int(i) & 255));
}

void store(RefContext& c, int64_t at, float v) {
    const bool u8 = c.out[0].dtype() == DType::u8;
    const float q = std::nearbyint(v) + static_cast<float>(c.integer("y_zero_point"));
    c.out[0].set_int(at, static_cast<int64_t>(std::min(std::max(q, u8 ? 0.f : -128.f), u8 ? 255.f : 127.f)));
}

void infer_mul(InferContext& c) {
    if (!c.in[0].rank_known || !c.in[1].rank_known) return;
    c.set(0, static_cast<DType>(c.integer("to")), broadcast(c, c.in[0].shape, c.in[1].shape));
}
void run_mul(RefContext& c) {
    const float scale = c.real("scale");
    const int64_t za = c.integer("a_zero_point"), zb = c.integer("b_zero_point");
    const Dims out = c.out[0].dims();
    walk(out, {broadcast_strides(c.in[0].dims(), out), broadcast_strides(c.in[1].dims(), out)}, [&](int64_t i, const int64_t* at) {
        store(c, i, static_cast<float>((c.in[0].at_int(at[0]) - za) * (c.in[1].at_int(at[1]) - zb)) * scale);
    });
}

void infer_average(InferContext& c) {
    if (!c.in[0].rank_known) return;
    Shape s = c.in[0].shape;
    if (s.size() < 3) c.refuse("expects an input of rank 3 or more");
    for (size_t i = 2; i < s.size(); ++i) s[i] = 1;
    c.set(0, static_cast<DType>(c.integer("to")), std::move(s));
}
void run_average(RefContext& c) {
    const float scale = c.real("scale");
    const int64_t zero = c.integer("x_zero_point"), outer = c.out[0].count();
    const int64_t inner = outer ? c.in[0].count() / outer : 0;
    for (int64_t o = 0; o < outer; ++o) {
        int64_t sum = 0;
        for (int64_t i = 0; i < inner; ++i) sum += c.in[0].at_int(o * inner + i) - zero;
        store(c, o, static_cast<float>(sum) * scale);
    }
}

std::vector<AttrSpec> numbers(std::initializer_list<const char*> zero_points) {
    std::vector<AttrSpec> a = {{"scale", AttrKind::real, std::nullopt, true}, {"to", AttrKind::integer, std::nullopt, true}};
    for (const char* z : zero_points) a.push_back({z, AttrKind::integer, int64_t{0}});
    return a;
}

}  // namespace

std::vector<OpDecl> quantised() {
    return {
        {.domain = "hone", .name = "QTable", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1, .attributes = {},
         .infer = infer_table, .reference = run_table, .tolerance = 0},
        {.domain = "hone", .name = "QMul", .min_inputs = 2, .max_inputs = 2, .min_outputs = 1, .max_outputs = 1,
         .attributes = numbers({"a_zero_point", "b_zero_point", "y_zero_point"}), .infer = infer_mul, .reference = run_mul, .tolerance = 0},
        {.domain = "hone", .name = "QGlobalAveragePool", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 1,
         .attributes = numbers({"x_zero_point", "y_zero_point"}), .infer = infer_average, .reference = run_average, .tolerance = 0},
    };
}

}  // namespace hone::ops
