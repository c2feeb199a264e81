// SPDX-License-Identifier: Apache-2.0
// Gather, GatherElements, GatherND and ReverseSequence: elements picked by indices. Every index is checked.
#include <algorithm>

#include "op/elements.h"
#include "op/gradient.h"
#include "op/list.h"
#include "op/numeric.h"

namespace hone::ops {
namespace {

size_t axis_of(const OpContext& c, size_t rank) {
    return static_cast<size_t>(normal_axis(c, c.integer("axis"), static_cast<int64_t>(rank)));
}

void infer_gather(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_type_of(c, 1, is_index, "i32 or i64");
    if (!c.rank_known(0)) return c.set(0, c.dtype(0));
    const size_t axis = axis_of(c, c.shape(0).size());
    if (!c.rank_known(1)) return c.set(0, c.dtype(0));
    Shape y = c.shape(0);
    y.erase(y.begin() + static_cast<std::ptrdiff_t>(axis));
    y.insert(y.begin() + static_cast<std::ptrdiff_t>(axis), c.shape(1).begin(), c.shape(1).end());
    c.set(0, c.dtype(0), y);
}
void run_gather(RefContext& c) {
    const Tensor &x = c.in[0], &indices = c.in[1];
    const size_t axis = axis_of(c, x.rank());
    const int64_t outer = count_between(x.dims(), 0, axis), inner = count_between(x.dims(), axis + 1, x.rank());
    const int64_t n = x.dim(axis), picked = indices.count();
    for (int64_t k = 0; k < picked; ++k) {
        const int64_t i = checked_index(c, indices.at_int(k), n);
        for (int64_t o = 0; o < outer; ++o)
            copy_elements(x, (o * n + i) * inner, c.out[0], (o * picked + k) * inner, inner);
    }
}

void infer_gather_elements(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_type_of(c, 1, is_index, "i32 or i64");
    if (c.rank_known(0)) {
        const size_t rank = c.shape(0).size(), axis = axis_of(c, rank);
        require_rank(c, 1, rank, rank);
        for (size_t d = 0; c.rank_known(1) && d < rank; ++d)
            if (d != axis && c.shape(1)[d].known() && c.shape(0)[d].known() &&
                c.shape(1)[d].value > c.shape(0)[d].value)
                c.refuse(cat("indices ", to_text(c.shape(1)), " are larger than the data ", to_text(c.shape(0))));
    }
    if (c.rank_known(1))
        c.set(0, c.dtype(0), c.shape(1));
    else if (c.rank_known(0))
        c.set(0, c.dtype(0), Shape(c.shape(0).size()));
    else
        c.set(0, c.dtype(0));
}
void run_gather_elements(RefContext& c) {
    const Tensor &x = c.in[0], &indices = c.in[1];
    const size_t axis = axis_of(c, x.rank());
    Dims strides = strides_of(x.dims());
    const int64_t along = strides[axis];
    strides[axis] = 0;
    walk(indices.dims(), {strides}, [&](int64_t i, const int64_t* at) {
        copy_elements(x, at[0] + checked_index(c, indices.at_int(i), x.dim(axis)) * along, c.out[0], i, 1);
    });
}

void infer_gather_nd(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_type_of(c, 1, is_index, "i64");
    require_rank(c, 0, 1, 1000);
    require_rank(c, 1, 1, 1000);
    const int64_t batch = c.integer("batch_dims");
    if (batch < 0) c.refuse(cat("batch_dims is ", batch));
    if (!c.rank_known(0) || !c.rank_known(1)) return c.set(0, c.dtype(0));
    const Shape &x = c.shape(0), &indices = c.shape(1);
    if (batch >= static_cast<int64_t>(std::min(x.size(), indices.size())))
        c.refuse(cat("batch_dims ", batch, " with data ", to_text(x), " and indices ", to_text(indices)));
    for (size_t i = 0; i < static_cast<size_t>(batch); ++i) agree(c, x[i], indices[i], "batch dims");
    if (!indices.back().known()) return c.set(0, c.dtype(0));
    const int64_t depth = indices.back().value;
    if (depth < 1 || depth > static_cast<int64_t>(x.size()) - batch)
        c.refuse(cat("indices of ", depth, " numbers into data ", to_text(x), " with batch_dims ", batch));
    Shape y(indices.begin(), indices.end() - 1);
    y.insert(y.end(), x.begin() + batch + depth, x.end());
    c.set(0, c.dtype(0), y);
}
void run_gather_nd(RefContext& c) {
    const Tensor &x = c.in[0], &indices = c.in[1];
    const auto batch = static_cast<size_t>(c.integer("batch_dims"));
    const int64_t depth = indices.dims().back();
    const Dims strides = strides_of(x.dims());
    const int64_t slice = count_between(x.dims(), batch + static_cast<size_t>(depth), x.rank());
    const int64_t batch_size = count_between(x.dims(), batch, x.rank());
    const int64_t a_batch = count_between(indices.dims(), batch, indices.rank()) / depth;
    for (int64_t i = 0; i < indices.count() / depth; ++i) {
        int64_t at = i / a_batch * batch_size;
        for (int64_t d = 0; d < depth; ++d) {
            const size_t axis = batch + static_cast<size_t>(d);
            at += checked_index(c, indices.at_int(i * depth + d), x.dim(axis)) * strides[axis];
        }
        copy_elements(x, at, c.out[0], i * slice, slice);
    }
}
int downgrade_gather_nd(Graph& g, NodeId n, int to) {
    if (to >= 12) return to;
    const auto it = g.node(n).attributes.find("batch_dims");
    if (it == g.node(n).attributes.end()) return to;
    if (std::get<int64_t>(it->second) != 0) return 12;
    drop_attribute(g, n, "batch_dims");
    return to;
}

void infer_reverse_sequence(InferContext& c) {
    require_type_of(c, 0, is_any, "any type");
    require_type_of(c, 1, is_index, "i64");
    require_rank(c, 0, 2, 1000);
    const int64_t time = c.integer("time_axis"), batch = c.integer("batch_axis");
    if (time + batch != 1 || time * batch != 0)
        c.refuse(cat("time_axis ", time, " and batch_axis ", batch, "; expected 0 and 1"));
    if (c.rank_known(0)) require_shape(c, 1, {c.shape(0)[static_cast<size_t>(batch)]}, "sequence_lens");
    c.set_like(0, 0);
}
void run_reverse_sequence(RefContext& c) {
    const Tensor& x = c.in[0];
    const bool time_first = c.integer("time_axis") == 0;
    const int64_t times = x.dim(time_first ? 0 : 1), batches = x.dim(time_first ? 1 : 0);
    const int64_t inner = count_between(x.dims(), 2, x.rank());
    const auto at = [&](int64_t t, int64_t b) { return (time_first ? t * batches + b : b * times + t) * inner; };
    for (int64_t b = 0; b < batches; ++b) {
        const int64_t length = c.in[1].at_int(b);
        if (length < 0 || length > times)
            c.refuse(cat("a sequence length is ", length, "; the input has ", times, " steps"));
        for (int64_t t = 0; t < times; ++t)
            copy_elements(x, at(t < length ? length - 1 - t : t, b), c.out[0], at(t, b), inner);
    }
}

void gradient_gather(GradientContext& c) {
    const Dims x = c.b.dims(c.x());
    const size_t axis = axis_of(c, x.size());
    c.give(0, c.b.node("GatherGradient", {c.dy(), c.x(1)}, {{"axis", static_cast<int64_t>(axis)}, {"size", x[axis]}}, "hone"));
}
void gradient_gather_elements(GradientContext& c) {
    c.give(0, c.b.node("ScatterElements", {c.b.filled(c.x(), 0), c.x(1), c.dy()},
                       {{"axis", c.integer("axis")}, {"reduction", std::string("add")}}));
}
/// The batch's coordinates of every index, [batch..., ..., batch_dims].
Tensor batch_coordinates(const Dims& indices, size_t batch) {
    Dims d = indices;
    d.back() = static_cast<int64_t>(batch);
    Tensor t = Tensor::zeros(DType::i64, d);
    const int64_t a_batch = count_between(d, batch, d.size() - 1);
    for (int64_t row = 0; row < count_between(d, 0, d.size() - 1); ++row)
        for (int64_t k = d.back(), rest = row / a_batch; k-- > 0; rest /= d[static_cast<size_t>(k)])
            t.set_int(row * d.back() + k, rest % d[static_cast<size_t>(k)]);
    return t;
}
void gradient_gather_nd(GradientContext& c) {
    ValueId indices = c.x(1);
    if (const auto batch = static_cast<size_t>(c.integer("batch_dims"))) {
        const Dims d = c.b.dims(indices);
        indices = c.b.concat({c.b.constant(batch_coordinates(d, batch)), c.b.cast(indices, DType::i64)}, static_cast<int64_t>(d.size()) - 1);
    }
    c.give(0, c.b.node("ScatterND", {c.b.filled(c.x(), 0), indices, c.dy()}, {{"reduction", std::string("add")}}));
}
/// Its own inverse.
void gradient_reverse_sequence(GradientContext& c) {
    c.give(0, c.b.node("ReverseSequence", {c.dy(), c.x(1)}, c.node.attributes));
}

OpDecl op(const char* name, void (*infer)(InferContext&), void (*reference)(RefContext&),
          void (*gradient)(GradientContext&), int since, std::vector<AttrSpec> attributes) {
    return {.name = name,
            .min_inputs = 2,
            .max_inputs = 2,
            .min_outputs = 1,
            .max_outputs = 1,
            .attributes = std::move(attributes),
            .infer = infer,
            .reference = reference,
            .gradient = gradient,
            .since = since};
}

}  // namespace

std::vector<OpDecl> gather() {
    OpDecl nd = op("GatherND", infer_gather_nd, run_gather_nd, gradient_gather_nd, 11,
                   {{"batch_dims", AttrKind::integer, int64_t{0}}});
    nd.downgrade = downgrade_gather_nd;
    return {
        nd,
        op("Gather", infer_gather, run_gather, gradient_gather, 1, {{"axis", AttrKind::integer, int64_t{0}}}),
        op("GatherElements", infer_gather_elements, run_gather_elements, gradient_gather_elements, 11,
           {{"axis", AttrKind::integer, int64_t{0}}}),
        op("ReverseSequence", infer_reverse_sequence, run_reverse_sequence, gradient_reverse_sequence, 10,
           {{"time_axis", AttrKind::integer, int64_t{0}}, {"batch_axis", AttrKind::integer, int64_t{1}}}),
    };
}

}  // namespace hone::ops
