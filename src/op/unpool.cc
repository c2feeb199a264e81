// SPDX-License-Identifier: Apache-2.0
// MaxUnpool.
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

constexpr int64_t kMost = (int64_t{1} << 31) - 1;

int64_t entry(const OpContext& c, const char* name, size_t axes, size_t i, int64_t fallback, int64_t least) {
    const std::vector<int64_t>& list = c.integers(name);
    if (list.empty()) return fallback;
    if (list.size() != axes || list[i] < least || list[i] > kMost)
        c.refuse(cat("attribute '", name, "' is ", to_text(list), "; expected ", static_cast<unsigned long>(axes),
                     " entries of ", least, " or more"));
    return list[i];
}

/// The shape that the indices count in: what MaxPool had as its input, as far as it can be told.
Shape unpooled(const OpContext& c, const Shape& x) {
    const size_t axes = c.integers("kernel_shape").size();
    if (x.size() != axes + 2 || !axes)
        c.refuse(cat("input ", to_text(x), " and ", static_cast<unsigned long>(axes), " kernel axes; expected two more"));
    Shape s = x;
    for (size_t i = 0; i < axes; ++i) {
        const int64_t kernel = entry(c, "kernel_shape", axes, i, 1, 1), stride = entry(c, "strides", axes, i, 1, 1);
        const int64_t pads = entry(c, "pads", 2 * axes, i, 0, 0) + entry(c, "pads", 2 * axes, axes + i, 0, 0);
        if (!x[i + 2].known()) {
            s[i + 2] = {};
            continue;
        }
        if (x[i + 2].value < 1 || x[i + 2].value > kMost)
            c.refuse(cat("an input of ", to_text(x), "; expected sizes of 1 to ", kMost));
        const int64_t size = (x[i + 2].value - 1) * stride + kernel - pads;
        if (size < 1) c.refuse(cat("pads of ", pads, " leave nothing of an output of ", size + pads));
        s[i + 2] = size;
    }
    return s;
}

void infer_unpool(InferContext& c) {
    const DType t = require_type(c, {0}, is_float, "a float type");
    require_type(c, {1, 2}, [](DType d) { return d == DType::i64; }, "i64");
    c.set(0, t);
    if (c.rank_known(0)) {
        require_shape(c, 1, c.shape(0), "the indices");
        const Shape s = unpooled(c, c.shape(0));
        c.set(0, t, c.given(2) ? Shape(s.size()) : s);
    }
    if (!c.given(2) || !c.value(2)) return;
    Shape s;
    for (int64_t d : c.value(2)->to_i64()) {
        if (d < 0) c.refuse(cat("output_shape has entry ", d, "; expected 0 or more"));
        s.push_back(d);
    }
    if (c.rank_known(0) && s.size() != c.shape(0).size())
        c.refuse(cat("output_shape is ", to_text(s), "; expected the rank of ", to_text(c.shape(0))));
    c.set(0, t, s);
}

void run_unpool(RefContext& c) {
    const Dims from = dims_of(unpooled(c, shape_of(c.in[0].dims()))), &to = c.out[0].dims();
    const int64_t n = count_of(from);
    const Dims strides = strides_of(to);
    for (int64_t i = 0; i < c.in[0].count(); ++i) {
        int64_t at = c.in[1].at_int(i), target = 0;
        if (at < 0 || at >= n) c.refuse(cat("an index is ", at, "; expected 0 to ", n - 1));
        for (size_t a = from.size(); a-- > 0;) {
            const int64_t k = at % from[a];
            at /= from[a];
            if (k >= to[a]) c.refuse(cat("an index lies outside output_shape ", to_text(to)));
            target += k * strides[a];
        }
        c.out[0].set(target, c.in[0].at(i));
    }
}

/// What lies where each element went, in the shape that the indices count in.
void unpool_rule(GradientContext& c) {
    Builder& b = c.b;
    const Dims from = dims_of(unpooled(c, shape_of(b.dims(c.x()))));
    ValueId dy = c.dy();
    for (size_t a = 0; a < from.size(); ++a) dy = b.fit(dy, static_cast<int64_t>(a), from[a]);
    c.give(0, b.node("Gather", {b.reshape(dy, {count_of(from)}), c.x(1)}));
}

}  // namespace

std::vector<OpDecl> unpool() {
    return {
        {.name = "MaxUnpool", .min_inputs = 2, .max_inputs = 3, .min_outputs = 1, .max_outputs = 1,
         .attributes = {{"kernel_shape", AttrKind::integers, std::nullopt, true},
                        {"pads", AttrKind::integers},
                        {"strides", AttrKind::integers}},
         .infer = infer_unpool, .reference = run_unpool, .tolerance = 0, .gradient = unpool_rule, .since = 9},
    };
}

}  // namespace hone::ops
