// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear (per tensor, per axis, blocked) and DynamicQuantizeLinear.
#include <algorithm>
#include <cmath>

#include "op/history.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

bool is_quantised(DType t) { return t == DType::u8 || t == DType::i8 || t == DType::u16 || t == DType::i16; }
bool is_dequantisable(DType t) { return is_quantised(t) || t == DType::i32; }
bool is_scale(DType t) { return is_float(t) && t != DType::f64; }
bool is_source(DType t) { return is_scale(t) || t == DType::i32; }

/// Scale and zero point fit x: one number, a vector along `axis`, or blocks of `block_size` along it.
void check_scale(const InferContext& c) {
    const int64_t block = c.integer("block_size");
    if (block < 0 || block > (int64_t{1} << 40)) c.refuse(cat("block_size is ", block, "; expected 0 to 2^40"));
    if (c.rank_known(1)) require_shape(c, 2, c.shape(1), "the zero point");
    if (!c.rank_known(0) || !c.rank_known(1)) return;
    const Shape &x = c.shape(0), &scale = c.shape(1);
    if (!block && (scale.empty() || (scale.size() == 1 && scale[0] == Dim(1)))) return;
    const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.size())));
    if (!block) return require_shape(c, 1, {x[axis]}, "the scale");
    Shape expected = x;
    expected[axis] = x[axis].known() ? Dim((x[axis].value + block - 1) / block) : Dim();
    require_shape(c, 1, expected, "the blocked scale");
}

/// Which element of the scale belongs to an element of x.
struct ScaleIndex {
    int64_t count, size = 1, inner = 1, block = 1, blocks = 1;
    ScaleIndex(const OpContext& c, const Tensor& x, const Tensor& scale) : count(scale.count()) {
        const bool blocked = c.integer("block_size") != 0;
        if ((count == 1 && !blocked) || !x.count()) return;
        const auto axis = static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(x.rank())));
        inner = count_between(x.dims(), axis + 1, x.rank());
        size = x.dim(axis);
        if (blocked) block = c.integer("block_size"), blocks = scale.dim(axis);
    }
    int64_t operator()(int64_t i) const {
        if (count == 1) return 0;
        const int64_t at = i / inner % size;
        return blocks == 1 && block == 1 ? at : (i / inner / size * blocks + at / block) * inner + i % inner;
    }
};

DType onnx_type(const OpContext& c, int64_t number) {
    for (DType t : {DType::u8, DType::i8, DType::u16, DType::i16})
        if (static_cast<int64_t>(t) == number) return t;
    c.unsupported(cat("output_dtype ", number, " (hone quantises to u8, i8, u16 and i16)"));
}

void infer_quantize(InferContext& c) {
    require_type(c, {0}, is_source, "f32, f16, bf16 or i32");
    require_type(c, {1}, is_scale, "f32, f16 or bf16");
    check_scale(c);
    DType t = DType::u8;
    const int64_t wanted = c.integer("output_dtype");
    if (c.given(2)) {
        t = c.dtype(2);
        if (t != DType::undefined && !is_quantised(t)) c.unsupported(cat("a zero point of type ", dtype_name(t)));
        if (wanted && t != DType::undefined && static_cast<int64_t>(t) != wanted)
            c.refuse(cat("output_dtype is ", wanted, "; the zero point is ", dtype_name(t)));
    } else if (wanted) {
        t = onnx_type(c, wanted);
    }
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
}

void run_quantize(RefContext& c) {
    const Tensor &x = c.in[0], &scale = c.in[1];
    Tensor& y = c.out[0];
    const ScaleIndex at(c, x, scale);
    for (int64_t i = 0; i < x.count(); ++i) {
        const int64_t k = at(i);
        const float ratio = static_cast<float>(x.at(i)) / static_cast<float>(scale.at(k));
        const double zero = c.given(2) ? c.in[2].at(k) : 0;
        y.set_int(i, round_saturate(std::nearbyint(static_cast<double>(ratio)) + zero, y.dtype()));
    }
}

void infer_dequantize(InferContext& c) {
    if (c.dtype(0) == DType::u32) c.unsupported("an input of type u32");
    require_type(c, {0, 2}, is_dequantisable, "u8, i8, u16, i16 or i32");
    const DType t = require_type(c, {1}, is_scale, "f32, f16 or bf16");
    check_scale(c);
    if (c.rank_known(0)) c.set(0, t, c.shape(0));
    else c.set(0, t);
}
void run_dequantize(RefContext& c) {
    const Tensor &x = c.in[0], &scale = c.in[1];
    const ScaleIndex at(c, x, scale);
    for (int64_t i = 0; i < x.count(); ++i) {
        const int64_t k = at(i);
        const int64_t centred = x.at_int(i) - (c.given(2) ? c.in[2].at_int(k) : 0);
        c.out[0].set(i, static_cast<double>(static_cast<float>(centred) * static_cast<float>(scale.at(k))));
    }
}

void infer_dynamic(InferContext& c) {
    require_type(c, {0}, [](DType t) { return t == DType::f32; }, "f32");
    if (c.rank_known(0)) c.set(0, DType::u8, c.shape(0));
    else c.set(0, DType::u8);
    c.set(1, DType::f32, Shape{});
    c.set(2, DType::u8, Shape{});
}
void run_dynamic(RefContext& c) {
    const Tensor& x = c.in[0];
    float low = 0, high = 0;
    for (int64_t i = 0; i < x.count(); ++i) {
        low = std::fmin(low, static_cast<float>(x.at(i)));
        high = std::fmax(high, static_cast<float>(x.at(i)));
    }
    const float scale = (high - low) / 255;
    const int64_t zero = scale > 0 ? round_saturate(static_cast<double>(-low / scale), DType::u8) : 0;
    if (c.wanted(0))
        for (int64_t i = 0; i < x.count(); ++i) {
            const float ratio = scale > 0 ? static_cast<float>(x.at(i)) / scale : 0;
            c.out[0].set_int(i, round_saturate(std::nearbyint(static_cast<double>(ratio)) + static_cast<double>(zero), DType::u8));
        }
    if (c.wanted(1)) c.out[1].set(0, static_cast<double>(scale));
    if (c.wanted(2)) c.out[2].set_int(0, zero);
}

/// Per tensor from 10, per axis from 13, half precision from 19, blocks and 16-bit integers from 21.
int downgrade(Graph& g, NodeId id, int to) {
    const Node& n = g.node(id);
    const auto type = [&](size_t i) { return n.in(i) == kNone ? TypeInfo{} : g.value(n.in(i)).type; };
    const bool quantises = n.op == "QuantizeLinear";
    const DType integers = quantises ? type(2).dtype : type(0).dtype;
    const bool wide = integers == DType::u16 || integers == DType::i16;
    if (integer_or(n, "block_size", 0) || wide || (quantises && !type(2).rank_known && integer_or(n, "output_dtype", 0) > 2))
        return 21;
    int least = 10;
    const TypeInfo scale = type(1);
    const bool one = scale.rank_known && (scale.shape.empty() || (scale.shape.size() == 1 && scale.shape[0] == Dim(1)));
    if (!one) least = 13;
    if (scale.dtype == DType::f16 || scale.dtype == DType::bf16) least = 19;
    if (quantises && n.in(2) == kNone && integer_or(n, "output_dtype", 2) != 2) least = 21;
    if (to < 21 && least < 21) {
        drop_attribute(g, id, "block_size");
        drop_attribute(g, id, "output_dtype");
    }
    if (to < 19 && least < 19) drop_attribute(g, id, "saturate");
    if (to < 13 && least < 13) drop_attribute(g, id, "axis");
    return least;
}

/// `precision` of the division and, of DequantizeLinear, `output_dtype` came at 23; what they choose by default is what
/// hone computes.
void upgrade(Graph& g, NodeId id, int from) {
    const Node& n = g.node(id);
    const bool quantises = n.op == "QuantizeLinear";
    const char* name = quantises ? "precision" : "output_dtype";
    const int64_t asked = integer_or(n, name, 0);
    if (from < 23) return;
    const auto scale = static_cast<int64_t>(input_type(g, id, 1, DType::f32));
    if (asked != 0 && asked != scale)
        fail(ErrorKind::unsupported, "op.unsupported", cat("attribute '", name, "' is ", asked, ", another type than the scale's"), "", cat("node '", n.name, "' (", n.op, ")"));
    drop_attribute(g, id, name);
}

std::vector<AttrSpec> attributes(bool quantises) {
    std::vector<AttrSpec> a{{"axis", AttrKind::integer, int64_t{1}}, {"block_size", AttrKind::integer, int64_t{0}}};
    if (quantises) {
        a.push_back({"output_dtype", AttrKind::integer, int64_t{0}});
        a.push_back({"saturate", AttrKind::integer, int64_t{1}});
    }
    return a;
}

}  // namespace

std::vector<OpDecl> quantize() {
    return {
        {.name = "QuantizeLinear", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = attributes(true), .infer = infer_quantize, .reference = run_quantize, .tolerance = 0,
         .upgrade = upgrade, .downgrade = downgrade, .since = 10},
        {.name = "DequantizeLinear", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = attributes(false), .infer = infer_dequantize, .reference = run_dequantize,
         .upgrade = upgrade, .downgrade = downgrade, .since = 10},
        {.name = "DynamicQuantizeLinear", .min_inputs = 1, .max_inputs = 1, .min_outputs = 1, .max_outputs = 3,
         .attributes = {}, .infer = infer_dynamic, .reference = run_dynamic, .tolerance = 0, .since = 11},
    };
}

}  // namespace hone::ops
